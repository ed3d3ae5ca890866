"""The file of a report: there whole, or as it was before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from workbench.core.errors import Unavailable
from workbench.core.files import write_file
from workbench.core.locks import holding

ELSEWHERE = "Free some space, or choose another file with `--out`."


@contextlib.contextmanager
def reserved(out: Path) -> Iterator[None]:
    """Be the only one that writes a file.

    To be entered before what is written is computed, so that a folder that takes no file is told at once.

    Raises:
        Unavailable: if its folder takes no file, or another process writes it.
    """
    with holding(out, f"The report {out}", ELSEWHERE):
        yield


def write_report(out: Path, content: str) -> None:
    """Write a report; its folder is made if it is not there.

    Raises:
        Unavailable: if the folder takes no file.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, content)
    except OSError as error:
        raise Unavailable(f"Cannot write {out}: {error.strerror or error}. {ELSEWHERE}") from error
