"""What a user waits for, beside its goal: whole processes, with an empty cache.

    python tests/benchmarks/waiting.py [PART …] [--out table.csv]

The parts are `start` (to the page's address, and to its first view in Chromium), `explain` (to the first map, and to
its verdict), `diagnose` (`--fast`, of 300 JPEGs in folders and a network of its own), and `answers` (every analysis of
the baseline: its model is open, its predictions are known, and nothing else is; and the memory after all of them).
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

Row = tuple[str, str, float, float]
"""What was waited for, the unit, what was measured, and the goal."""
CARD = "#answer .card"
BESIDE = "without a verdict"
JPEGS, SIDE, CLASSES = 300, 64, 5


def start(folder: Path) -> Iterator[Row]:
    """Yield the seconds from the command to the page's address, and from there to its first view."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        server = _workbench(folder, "start", "--port", "0", "--no-browser", stdout=subprocess.PIPE)
        try:
            address = _line(server, server.stdout, "http://")
            told = time.perf_counter()
            yield "start: to the address", "s", told - began, 2
            page.goto(address)
            page.wait_for_selector(CARD, timeout=600_000)
            yield "start: from the address to the first view", "s", time.perf_counter() - told, 3
        finally:
            browser.close()
            server.terminate()
            server.wait()


def explain(folder: Path) -> Iterator[Row]:
    """Yield the seconds to the first map of one image by Grad-CAM, and to its verdict, which comes later."""
    began = time.perf_counter()
    process = _workbench(folder, "explain", "test/12", "--out", str(folder / "maps"), stderr=subprocess.PIPE)
    _line(process, process.stderr, BESIDE)
    yield "explain: to the map", "s", time.perf_counter() - began, 6
    _ended(process)
    yield "explain: to its verdict, the first of this model", "s", time.perf_counter() - began, np.nan


def diagnose(folder: Path) -> Iterator[Row]:
    """Yield the seconds of `diagnose --fast` on JPEGs and a network of a user's own."""
    own = _own_model_and_data(folder)
    began = time.perf_counter()
    _ended(_workbench(folder, "diagnose", "--fast", *own))
    yield f"diagnose --fast: {JPEGS} JPEGs of {SIDE}×{SIDE}", "s", time.perf_counter() - began, 20


def answers(folder: Path) -> Iterator[Row]:
    """Yield the seconds of each analysis in a session and a cache of its own, and the memory after all."""
    import workbench as wb
    from workbench.diagnosis.registry import Missing, analyses, compute

    for name in analyses():
        os.environ["WORKBENCH_CACHE"] = str(folder / name)
        session = wb.open_session("baseline")
        _ = session.predictions, session.probe
        began = time.perf_counter()
        try:
            compute(session, name)
        except Missing as reason:
            print(f"answer: {name} is not measured: {reason}", flush=True)
            continue
        yield f"answer: {name}", "s", time.perf_counter() - began, 10
    status = Path("/proc/self/status").read_text(encoding="ascii")
    yield "memory after all answers", "MB", int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1500


def _line(process: subprocess.Popen[str], stream: IO[str] | None, words: str) -> str:
    """Wait for a line with these words; what ends before it is no measurement."""
    for line in stream or ():
        if words in line:
            return line.strip()
    raise SystemExit(f"{process.args} ended without {words!r}.")


def _ended(process: subprocess.Popen[str]) -> None:
    """Wait for the end of what has to succeed; of what fails the seconds are no measurement."""
    process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} failed.")


PARTS = {"start": start, "explain": explain, "diagnose": diagnose, "answers": answers}


def _workbench(folder: Path, *arguments: str, **streams: int) -> subprocess.Popen[str]:
    around = {**os.environ, "WORKBENCH_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
    return subprocess.Popen([sys.executable, "-m", "workbench", *arguments], env=around, text=True, **quiet)  # type: ignore[call-overload]


def _own_model_and_data(folder: Path) -> list[str]:
    """Write coloured squares on noise, as JPEGs in folders, and a small network trained on them; give the options."""
    import keras
    from PIL import Image

    random = np.random.default_rng(0)
    labels = np.arange(JPEGS) % CLASSES
    images = random.integers(0, 120, (JPEGS, SIDE, SIDE, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(0, SIDE - 24, 2)
        image[row : row + 16 + label, column : column + 24 - label] = np.eye(3)[label % 3] * 200 + 10 * label
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "photos" / f"class-{label}" / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=92)
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            *(
                each
                for filters in (16, 32, 64)
                for each in (layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D())
            ),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=12, verbose=0)
    model.save(folder / "own.keras")
    return ["--model", str(folder / "own.keras"), "--data", str(folder / "photos")]


def main() -> None:
    """Print each number beside its goal as soon as it is measured, also into a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, if none is named")
    parser.add_argument("--out", type=Path, help="write the table here, as CSV")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {min(unknown)!r}; choose of {', '.join(PARTS)}")
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts or PARTS:
            for what, unit, measured, goal in PARTS[part](Path(folder)):
                table.append((what, unit, f"{measured:.1f}", "" if np.isnan(goal) else f"{goal:g}"))
                print(f"{what:<50} {measured:>8,.1f} {unit:<2}  goal {table[-1][-1] or '–'}", flush=True)
    if given.out:
        with given.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("waited for", "unit", "measured", "goal"), *table])


if __name__ == "__main__":
    main()
