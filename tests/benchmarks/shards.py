"""Maps and trainings by workers: what a second one brings, and what dividing costs against one process.

Each is timed from the begin of the work to the last map or run, workers ready before it: a worker's start, some seconds
and mostly TensorFlow's import, is a row of its own. Workers have one core each, as the process they are held against.
`make bench ARGS=shards` prints the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

METHOD, IMAGES, REPEATS = "occlusion", 2048, 3
TRAININGS, TRAINED_ON = 4, 6000
"""Trainings of one epoch, and images of each."""

WORK = """
import json, os, sys, tempfile, time
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    method, images, repeats, kind, count = json.loads(sys.argv[1])
    from workbench.diagnosis.opening import open_session
    from workbench.session.map_files import stream_maps
    from workbench.shards import plan
    from workbench.shards.local import Local
    from workbench.shards.maps import stream_by_shards

    plan.IMAGES = 256
    opener = partial(open_session, "baseline", engine="tensorflow")
    session, times = opener(), []
    with tempfile.TemporaryDirectory() as folder:
        if kind == "one":
            for turn in range(repeats + 1):
                began = time.perf_counter()
                stream_maps(session, method, f"{folder}/{turn}", rows=slice(images), target="label")
                times.append(time.perf_counter() - began)
        else:
            with Local(count, threads=1) as crew:
                for turn in range(repeats + 1):
                    began = time.perf_counter()
                    stream_by_shards(
                        session, opener, crew, method, f"{folder}/{turn}", rows=slice(images), target="label"
                    )
                    times.append(time.perf_counter() - began)
    print(json.dumps(times))
"""

TRAIN = """
import json, sys, tempfile, time
from pathlib import Path

if __name__ == "__main__":
    count, images, repeats, kind, workers = json.loads(sys.argv[1])
    import numpy as np

    from workbench.data import load_dataset
    from workbench.shards.local import Local
    from workbench.shards.trainings import trainings_by
    from workbench.training.recipes import TrainingJob
    from workbench.training.several_trainings import train_each

    times = []
    with tempfile.TemporaryDirectory() as folder:
        train, test = (load_dataset("fashion-mnist", split=split) for split in ("train", "test"))
        parts = {"x_train": train.images[:images], "y_train": train.labels[:images]}
        np.savez(f"{folder}/some.npz", **parts, x_test=test.images[:1000], y_test=test.labels[:1000])
        job = TrainingJob.plan("report", {"epochs": 1}, dataset=f"{folder}/some.npz")

        def measure(divide):
            for turn in range(repeats + 1):
                began = time.perf_counter()
                train_each(
                    {"some": job}, range(count), called="{}-{}".format, folder=Path(folder, str(turn)), divide=divide
                )
                times.append(time.perf_counter() - began)

        if kind == "one":
            measure(None)
        else:
            with Local(workers, threads=1) as crew:
                measure(trainings_by(crew))
    print(json.dumps(times))
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and what was promised."""
    alone, first = _measure("one", 1)
    yield f"{METHOD} of {IMAGES:,} images by one process, one core", f"{IMAGES / alone:,.0f} images/s", ""
    one, start = _measure("local", 1)
    yield "the same by one worker", f"{one / alone:.2f} × its time", "< 1.1 ×"
    yield "the worker's start, over what the process takes to load", f"{start - one - (first - alone):.1f} s", "once"
    two, _ = _measure("local", 2)
    yield "two workers in place of one", f"{one / two:.2f} × as fast", "> 1.7 ×"
    alone, _ = _trained("one", 1)
    what = f"{TRAININGS} trainings of an epoch of {TRAINED_ON:,} images by one process, one core"
    yield what, f"{alone:.1f} s", ""
    one, _ = _trained("local", 1)
    yield "the same by one worker", f"{one / alone:.2f} × its time", "< 1.1 ×"
    two, _ = _trained("local", 2)
    yield "two workers in place of one", f"{one / two:.2f} × as fast", "> 1.7 ×"


def _measure(kind: str, count: int) -> tuple[float, float]:
    """Return the median seconds of the turns after the first one, and those of the first."""
    return _timed(WORK, METHOD, IMAGES, REPEATS, kind, count)


def _trained(kind: str, count: int) -> tuple[float, float]:
    return _timed(TRAIN, TRAININGS, TRAINED_ON, REPEATS, kind, count)


def _timed(program: str, *arguments: str | int) -> tuple[float, float]:
    given = [sys.executable, "-c", program, json.dumps(arguments)]
    single = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "WORKBENCH_CORES"), "1")
    done = subprocess.run(given, check=True, capture_output=True, text=True, env={**os.environ, **single})
    first, *others = json.loads(done.stdout.splitlines()[-1])
    return sorted(others)[len(others) // 2], first
