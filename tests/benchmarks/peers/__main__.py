"""`make bench-peers`: our methods and those of other libraries on the same network, the same images, the same CPU.

Each library runs in a process of its own. Ours and theirs are measured in turn, and each of their turns is compared
with ours right before and after it, so that a busy machine slows both; of these ratios the median counts, and the
smallest and largest are shown. "At best" compares the quickest run of each, which a busy machine disturbs least. Maps
are brought to the image's size where the library does so. A second table has what the same error takes: `same_error`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from comparing import METHODS, TURNS, Row, compared
from environments import LIBRARIES
from export import write
from rich.console import Console
from rich.table import Table
from same_error import SameError

import workbench as wb
from workbench.app.cli.quiet import quiet_tensorflow

PROMISED = {
    ("grad-cam", "tf-keras-vis"): 10,
    ("grad-cam", "xplique"): 10,
    ("smooth-grad", "tf-keras-vis"): 5,
    ("smooth-grad", "xplique"): 1.5,
    ("smooth-grad", "captum"): 1.5,
    ("integrated-gradients", "tf-keras-vis"): 5,  # it has none so far
    ("integrated-gradients", "xplique"): 1.5,
    ("integrated-gradients", "captum"): 1.5,
    ("score-cam", "tf-keras-vis"): 4,
    ("score-cam", "torchcam"): 1,
}
AT_SAME_ERROR = 1.5
"""Of steps and samples that are chosen by the error: how much faster than others with as many as give the same one."""


def table(rows: list[Row]) -> Table:
    """Draw what was measured, method by method."""
    shown = Table(
        "method", "library", "images", "ours/s", "theirs/s", "at best", "rows/call", "ours ÷ theirs", "promised"
    )
    for row in sorted(rows, key=lambda row: list(METHODS).index(row.method)):
        count, bar = str(METHODS[row.method][0]), PROMISED.get((row.method, row.library))
        promised = "" if bar is None else f"≥ {bar} ×"
        if row.note:
            shown.add_row(row.method, row.library, count, "", "", "", "", row.note, promised)
            continue
        ratio = float(np.median(row.ratios))
        colour = "default" if bar is None else "green" if ratio >= bar else "red"
        said = f"[{colour}]{ratio:.2f} ×[/] ({min(row.ratios):.2f}–{max(row.ratios):.2f})"
        speeds = [f"{speed:,.{0 if speed >= 100 else 1}f}" for speed in (row.ours, row.theirs)]
        speeds.append(f"{row.ours / row.theirs:.2f} ×")
        shown.add_row(row.method, row.library, count, *speeds, str(row.rows), said, promised)
    return shown


def of_same_error(rows: list[SameError]) -> Table:
    """Draw what the same error costs ours and others."""
    shown = Table(
        "at the same error", "library", "ours", "steps", "theirs", "error, largest", "theirs", "ours/s", "theirs/s",
        "ours ÷ theirs", "promised"
    )  # fmt: skip
    for row in rows:
        if row.note:
            shown.add_row(row.method, row.library, row.told, "", "", "", "", "", "", row.note, "")
            continue
        errors = [f"{mean:.3f}, {largest:.3f}" for mean, largest in row.errors]
        speeds = [f"{speed:,.{0 if speed >= 100 else 1}f}" for speed in row.speeds]
        ratio = float(np.median(row.ratios))
        colour = "green" if ratio >= AT_SAME_ERROR else "red"
        said = f"[{colour}]{ratio:.2f} ×[/] ({min(row.ratios):.2f}–{max(row.ratios):.2f})"
        counts = (f"{row.ours:.0f}", f"{row.theirs:.0f}")
        shown.add_row(row.method, row.library, row.told, *counts, *errors, *speeds, said, f"≥ {AT_SAME_ERROR} ×")
    return shown


def write_tables(folder: Path, rows: list[Row | SameError]) -> None:
    """Write both tables as CSV, into a folder: peers.csv and same-error.csv."""
    methods, alike = [], []
    for row in rows:
        ratios = np.array(row.ratios or [np.nan], np.float64)
        ratio = {"ours / theirs": np.median(ratios), "smallest": ratios.min(), "largest": ratios.max()}
        about = {"library": row.library, "method": row.method, "note": row.note}
        if isinstance(row, SameError):
            (mean, largest), (their_mean, their_largest) = row.errors
            counts = {"ours": row.told, "steps": row.ours, "their steps": row.theirs}
            errors = {"mean error": mean, "largest error": largest}
            theirs = {"their mean error": their_mean, "their largest error": their_largest}
            speeds = {"ours/s": row.speeds[0], "theirs/s": row.speeds[1]}
            alike.append(about | counts | errors | theirs | speeds | ratio)
        elif row.method:
            methods.append(about | {"ours/s": row.ours, "theirs/s": row.theirs} | ratio)
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in (("peers", methods), ("same-error", alike)):
        pd.DataFrame(records).to_csv(folder / f"{name}.csv", index=False, float_format="%.4g")


def main() -> None:
    """Print two tables, and a line for each library."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"of {', '.join(LIBRARIES)}; all, if none")
    parser.add_argument("--cores", type=int, help="use so many; one is least disturbed by others at work (Linux)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write peers.csv and same-error.csv there, too")
    given = parser.parse_args()
    chosen = given.libraries or list(LIBRARIES)
    if wrong := [name for name in chosen if name not in LIBRARIES]:
        parser.error(f"there is no library {wrong[0]!r}; choose of {', '.join(LIBRARIES)}")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # not every library here can use one
    if given.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-given.cores :])  # before any library counts them
    quiet_tensorflow()
    console, session = Console(width=None if sys.stdout.isatty() else 130), wb.open_session("baseline")
    rows: list[Row | SameError] = []
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder, console.status("") as status:
        case = write(session, Path(folder), max(count for count, _ in METHODS.values()))
        for name in chosen:
            for row in compared(session, name, case, status.update):
                rows.append(row)  # noqa: PERF402 - Ctrl-C shows what there is so far
    console.print(table([row for row in rows if isinstance(row, Row) and row.method]))
    if given.out:
        write_tables(given.out, rows)
    if alike := [row for row in rows if isinstance(row, SameError)]:
        console.print(of_same_error(alike))
    for row in rows:
        if not row.method:
            console.print(f"{row.library}: {row.note}", markup=False, soft_wrap=True)
    cores, load = os.cpu_count() or 1, os.getloadavg()[1]  # over the last five minutes
    busy = "" if load <= 1.5 * cores or given.cores == 1 else "; others were at work: believe `--cores 1` more"
    used = f"{given.cores or cores} of {cores} cores, load {load:.1f}{busy}"
    console.print(f"images per second at best, ratios of {TURNS} turns; {used}")


if __name__ == "__main__":
    main()
