"""Where what the workbench writes lies, unless a command names another place."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder below which runs, figures and exports are written: `$WORKBENCH_HOME`, else the working one."""
    named = os.environ.get("WORKBENCH_HOME")
    return Path(named).expanduser() if named else Path()
