"""Small text files that a person wrote, read whole."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError

LARGEST = 100_000
"""Bytes of such a file; whatever is larger is none."""


def read_text(path: Path, what: str) -> str:
    """Read a small text file in UTF-8.

    Args:
        path: of the file.
        what: it should be, for the error: "recipe".

    Raises:
        WorkbenchError: if it cannot be read, is too large, or is no text.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise WorkbenchError(f"{path} is no {what}: it has more than {LARGEST:,} bytes.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WorkbenchError(f"{path} is not text in UTF-8.") from None
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.") from None


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a small TOML file; see `read_text`.

    Raises:
        WorkbenchError: also if it is not TOML.
    """
    try:
        return tomllib.loads(read_text(path, what))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WorkbenchError(f"{path} is not TOML: {error}.") from None
