"""A million images in a thousand classes: seconds and peak memory of what people do first, at each size.

    python tests/benchmarks/large.py 10000 100000 1000000 --out table.csv

The set and its model are made by `large_set`. Each step is a process of its own with a cache of its own folder, so a
step finds the predictions of the one before. Memory is what the process holds itself (RssAnon, its largest value at any
tenth of a second); files that are mapped come on top, as far as the machine has room for them.
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
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import large_set

COMMANDS: dict[str, tuple[str, ...]] = {
    "evaluate": ("evaluate", "--json"),
    "label-issues": ("analyze", "label-issues", "--json"),
    "near-duplicates": ("analyze", "near-duplicates", "--json"),
    "slices": ("analyze", "slices", "--json"),
    "diagnose --fast": ("diagnose", "--fast", "--json"),
}
PAGE = "page, to a prediction"
QUESTION = '{"image": "test/12"}'
PORT = 7993


def main() -> None:
    """Print one line for each step and size as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=int)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--steps", nargs="+", choices=[*COMMANDS, PAGE], default=[*COMMANDS, PAGE])
    parser.add_argument("--folder", type=Path, help="keep the sets and the cache here")
    parser.add_argument("--out", type=Path, help="write the table here, as CSV")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="large-"))
    lines = []
    try:
        for images in given.images:
            for step, seconds, megabytes in _measured(folder / f"{images}-{given.classes}", images, given):
                lines.append((images, given.classes, step, f"{seconds:.1f}", f"{megabytes:.0f}"))
                print("{:>9,} images  {:>5} classes  {:<26} {:>8} s  {:>6} MB".format(*lines[-1]), flush=True)
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    if given.out:
        with given.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("images", "classes", "step", "seconds", "peak_memory_mb"), *lines])


def _measured(folder: Path, images: int, given: argparse.Namespace) -> Iterator[tuple[str, float, float]]:
    """Yield each step, its seconds, and the most memory it held."""
    if not (folder / "model.keras").is_file():
        began = time.perf_counter()
        large_set.make(folder, images, given.classes)
        yield "making the set", time.perf_counter() - began, 0.0
    cache, work = folder / "cache", folder / "work"
    around = {**os.environ, "WORKBENCH_CACHE": str(cache), "WORKBENCH_WORKSPACE": str(work)}
    data = ["--model", str(folder / "model.keras"), "--data", str(folder / "data.npz")]
    for step in given.steps:
        if step == PAGE:
            yield step, *_page([*data, "--port", str(PORT), "--no-browser"], around)
            continue
        command = [sys.executable, "-m", "workbench", *COMMANDS[step], *data]
        with tempfile.TemporaryFile() as errors:
            began = time.perf_counter()
            process = subprocess.Popen(command, env=around, stdout=subprocess.DEVNULL, stderr=errors)
            most = _watched(process)
            if process.returncode:
                errors.seek(0)
                sys.exit(f"{step} ended with {process.returncode}: {errors.read()[-2000:].decode(errors='replace')}")
            yield step, time.perf_counter() - began, most


def _watched(process: subprocess.Popen[bytes]) -> float:
    most = 0.0
    while process.poll() is None:
        most = max(most, _held(process.pid))
        time.sleep(0.1)
    return most


def _held(pid: int) -> float:
    """Megabytes that a process and its children hold themselves."""
    held = 0.0
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        held += float(status.partition("RssAnon:")[2].split()[0]) / 1024
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            held += _held(int(child))
    except (OSError, IndexError):
        pass  # it has ended
    return held


def _page(arguments: list[str], around: dict[str, str]) -> tuple[float, float]:
    """Open the page, and ask it for a prediction."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "page", *arguments],
        env=around,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most = 0.0
    try:
        while True:
            most = max(most, _held(process.pid))
            try:
                asked = urllib.request.Request(
                    f"http://127.0.0.1:{PORT}/api/predict", QUESTION.encode(), {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(asked, timeout=600) as answer:
                    answer.read()
                seconds = time.perf_counter() - began
                most = max(most, _held(process.pid))
                return seconds, most
            except (ConnectionError, urllib.error.URLError):
                if process.poll() is not None:
                    sys.exit(f"The page ended with {process.returncode}.")
                time.sleep(0.2)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
