"""`make bench-gpu`: what a GPU brings, in one run: the report's ten epochs, in float32 and half, and 10,000 maps.

    python tests/benchmarks/gpu.py --any --epochs 1 --images 500    tries it where there is no GPU

Each training is a process of its own, in a folder of its own, timed by the clock around its epochs (run.json: seconds)
and around the whole process, with the import of TensorFlow. Maps are timed in this process, the second time, so that
nothing is compiled in between.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

REPORT = 120.0
"""Seconds that the report says its ten epochs took on a GPU, at most."""


def main() -> None:
    """Print one line for each measurement, as soon as it is there."""
    parser = argparse.ArgumentParser(
        prog="make bench-gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--any", action="store_true", help="measure on what there is, also without a GPU")
    given = parser.parse_args()
    from workbench.app.cli.quiet import quiet_tensorflow

    quiet_tensorflow()
    from workbench.training.devices import describe, gpus

    if not gpus() and not given.any:
        sys.exit("TensorFlow sees no GPU here. --any measures on the processor.")
    print(f"{describe()}; {given.epochs} epochs, {given.images:,} images", flush=True)
    for what, measured, promised in rows(given):
        print(f"  {what:<60} {measured:>18}  {promised}", flush=True)


def rows(given: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and what was promised."""
    for what, settings in (("float32", []), ("mixed precision", ["--mixed-precision"])):
        run, whole = _trained(given.epochs, settings)
        yield f"{given.epochs} epochs of the report's recipe, {what}", f"{run['seconds']:.1f} s", f"< {REPORT:.0f} s"
        yield "  the whole command", f"{whole:.1f} s", ""
        yield "  test accuracy", f"{run['metrics']['test']['accuracy']:.4f}", "> 0.90 of 10 epochs"
    yield from _maps(given.images)


def _trained(epochs: int, settings: list[str]) -> tuple[dict, float]:
    """Return what a training's run.json says, and the seconds of the whole command."""
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        command = [sys.executable, "-m", "workbench", "train", "timed", "--recipe", "report", "--epochs", str(epochs)]
        began = time.perf_counter()
        subprocess.run(
            [*command, *settings], check=True, env={**os.environ, "WORKBENCH_RUNS": folder}, stdout=subprocess.DEVNULL
        )
        whole = time.perf_counter() - began
        return json.loads((Path(folder) / "timed" / "run.json").read_text(encoding="utf-8")), whole


def _maps(count: int) -> Iterator[tuple[str, str, str]]:
    import workbench as wb

    session = wb.open_session("baseline", engine="tensorflow")
    images = np.arange(min(count, len(session.dataset)))
    for method, some in (("grad-cam", images), ("integrated-gradients", images[: len(images) // 20])):
        session.attribute(method, some[:1024])
        began = time.perf_counter()
        session.attribute(method, some)
        seconds = time.perf_counter() - began
        yield f"{method} of {len(some):,} images", f"{len(some) / seconds:,.0f} images/s", ""
    began = time.perf_counter()
    session.model.predict(session.dataset.floats(images), batch_size=512, verbose=0)
    yield f"model.predict of {len(images):,} images", f"{len(images) / (time.perf_counter() - began):,.0f} images/s", ""


if __name__ == "__main__":
    main()
