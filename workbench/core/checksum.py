"""Checksums of what is kept for long: of a file's bytes, and of a JSON record, which carries its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError

CHECKSUM = "checksum"
"""The key under which a record has its own."""


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        WorkbenchError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.") from None


def record_checksum(record: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of what a record of JSON types says, however it is laid out, but for its own."""
    own = {name: value for name, value in record.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file, whether or not its checksum is right.

    Raises:
        FileNotFoundError: if there is no such file.
        WorkbenchError: if it cannot be read, or holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise WorkbenchError(f"{path} is damaged: {error}.") from None
    if not isinstance(found, dict):
        raise WorkbenchError(f"{path} is damaged: it holds no JSON object.")
    return found


def check_record(record: Mapping[str, Any], path: Path, *, needed: bool, remedy: str) -> None:
    """See that a record says what it said when it was written.

    Args:
        record: of JSON types.
        path: where it was read.
        needed: whether it has to have a checksum; one of an older version has none.
        remedy: what helps whom the file got damaged, from "or" on.

    Raises:
        WorkbenchError: if it says something else; says what to do for whom changed it on purpose.
    """
    right = record_checksum(record)
    if record.get(CHECKSUM, "" if needed else right) != right:
        raise WorkbenchError(
            f"{path} was changed since it was written: its checksum does not fit what it says. If that was you, and "
            f'on purpose, write "{CHECKSUM}": "{right}" into it, {remedy}.'
        )
