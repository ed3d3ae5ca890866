"""Resident memory while maps of many images go to a file, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

WHOLE = ("grad-cam", "saliency", "hires-cam")
"""Methods of which all 10,000 images are explained; of the others a few, since memory does not grow with them."""
FEW = 64

WORK = """
import json, resource, sys, tempfile
import workbench as wb
from workbench.attribution.methods import explainers
from workbench.session.map_files import stream_maps
session, peaks = wb.open_session("baseline"), {}
whole, few = json.loads(sys.argv[1])
for name in sorted(explainers(), key=lambda name: name not in whole):
    with tempfile.TemporaryDirectory() as folder:
        stream_maps(session, name, folder + "/maps", rows=slice(None if name in whole else few))
    peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(peaks))
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and the bar of the issue."""
    given = [sys.executable, "-c", WORK, json.dumps([WHOLE, FEW])]
    peaks = json.loads(subprocess.run(given, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    for name in WHOLE:
        yield f"peak memory after 10,000 images by {name}", f"{peaks[name]:,.0f} MB", "< 1,500 MB"
    yield (
        f"peak memory after {FEW} images by each of {len(peaks)} methods",
        f"{max(peaks.values()):,.0f} MB",
        "< 1,500 MB",
    )
