"""Many threads allocate from few heaps, as the C library itself counts them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from workbench.app.page.arenas import MOST

ALLOCATOR = "TF_ONEDNN_USE_SYSTEM_ALLOCATOR"
COUNTED = """
import ctypes, sys, threading
from workbench.app.page.arenas import keep_few

if sys.argv[1] == "few":
    keep_few()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(12)


def take():
    together.wait()  # all at once, so that each would have a heap of its own
    for _ in range(200):
        libc.malloc(ctypes.c_size_t(1000))
    together.wait()


threads = [threading.Thread(target=take) for _ in range(12)]
for each in threads:
    each.start()
for each in threads:
    each.join()
told = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(told))
libc.fclose(ctypes.c_void_p(told))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="heaps are counted as glibc does it")
def test_threads_share_few_heaps_unless_somebody_decided_otherwise(tmp_path):
    def heaps(how, **environment):
        told = tmp_path / "told.xml"
        known = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
        subprocess.run([sys.executable, "-c", COUNTED, how, str(told)], env={**known, **environment}, check=True)
        return told.read_text().count("<heap nr=")

    if heaps("many") <= MOST:
        pytest.skip("this C library makes few heaps by itself")
    assert heaps("few") <= MOST
    assert heaps("few", MALLOC_ARENA_MAX="5") > MOST


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="heaps are set up as glibc has it")
@pytest.mark.parametrize(("given", "wanted"), [({}, "1"), ({"MALLOC_ARENA_MAX": "2"}, "None"), ({ALLOCATOR: "0"}, "0")])
def test_tensorflow_takes_its_arrays_from_the_same_heaps_unless_somebody_decided_otherwise(given, wanted):
    code = (
        f"import os; from workbench.app.page.arenas import keep_few; keep_few(); print(os.environ.get({ALLOCATOR!r}))"
    )
    known = {name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", ALLOCATOR)}
    done = subprocess.run([sys.executable, "-c", code], env=known | given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wanted
