"""How long a user waits before the first word: whole processes, medians."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from timing import seconds


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and the bar of the design."""
    bare = seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    imported = seconds(lambda: subprocess.run([sys.executable, "-c", "import workbench"], check=True))
    help_ = [sys.executable, "-m", "workbench", "--help"]
    shown = seconds(lambda: subprocess.run(help_, check=True, capture_output=True))
    yield "python -c pass", f"{bare:.2f} s", ""
    yield "import workbench", f"{imported:.2f} s", ""
    yield "workbench --help", f"{shown:.2f} s", "< 0.5 s"
