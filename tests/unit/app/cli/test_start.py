"""`workbench start` as a person runs it: a process that says where the page is, serves it, and stops at Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[4]


def _hear_interrupts() -> None:
    """A shell's background job, as a test run may be, has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.real_data
@pytest.mark.slow
def test_start_serves_the_committed_baseline_and_stops_quietly(tmp_path):
    assert (ROOT / "saved_models/baseline/run.json").is_file(), "the baseline run must be committed"
    environment = {**os.environ, "WORKBENCH_RUNS": str(ROOT / "saved_models")}
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", "start", "--port", "0", "--no-browser"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - no other thread runs yet, and it takes no lock
    ) as process:
        watchdog = threading.Timer(
            3 * PATIENCE, process.kill
        )  # else a page that does not stop would hold the tests for ever
        watchdog.start()
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, f"it ended before it said where the page is\n{said}{process.stderr.read()}"
            said += line
        with urllib.request.urlopen(found[0], timeout=PATIENCE) as answer:
            page = answer.read().decode()
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate()
        watchdog.cancel()
    assert "Fashion-MNIST, verified" in said
    assert "10,000 images" in said
    assert "<html" in page
    assert "Stopped." in rest
    assert (process.returncode, complaints) == (0, "")
