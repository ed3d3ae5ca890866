"""How tests start the system's Chromium."""

from __future__ import annotations

import os
import shutil

from tests.patience import PATIENCE

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MILLISECONDS = 1000 * PATIENCE
"""That a page is waited for: the diagnosis of the first view takes half a minute on a busy machine."""


def chromium() -> str | None:
    """Path of the system's Chromium."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
