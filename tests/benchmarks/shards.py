"""Maps by shards: what a second worker brings, and what dividing costs against one process.

Each is timed from the begin of the work to the last map, workers ready before it: a worker's start, some seconds and
mostly TensorFlow's import, is a row of its own. Workers have one core each, as the process they are held against.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

METHOD, IMAGES, REPEATS = "occlusion", 2048, 3

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


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and what was promised."""
    alone, first = _measure("one", 1)
    yield f"{METHOD} of {IMAGES:,} images by one process, one core", f"{IMAGES / alone:,.0f} images/s", ""
    one, start = _measure("local", 1)
    yield "the same by one worker", f"{one / alone:.2f} × its time", "< 1.1 ×"
    yield "the worker's start, over what the process takes to load", f"{start - one - (first - alone):.1f} s", "once"
    two, _ = _measure("local", 2)
    yield "two workers in place of one", f"{one / two:.2f} × as fast", "> 1.7 ×"


def _measure(kind: str, count: int) -> tuple[float, float]:
    """Return the median seconds of the turns after the first one, and those of the first."""
    given = [sys.executable, "-c", WORK, json.dumps([METHOD, IMAGES, REPEATS, kind, count])]
    single = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "WORKBENCH_CORES"), "1")
    done = subprocess.run(given, check=True, capture_output=True, text=True, env={**os.environ, **single})
    first, *others = json.loads(done.stdout.splitlines()[-1])
    return sorted(others)[len(others) // 2], first
