"""Corrections from wherever they are kept: the workspace of the data, another one, or a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.data import load_dataset, own_parts
from workbench.workspace.holding import Mark
from workbench.workspace.identities import Identities
from workbench.workspace.imports import read_corrections
from workbench.workspace.marks import CORRECTION
from workbench.workspace.place import SUFFIX
from workbench.workspace.workspace import Workspace

SQLITE = b"SQLite format 3\0"
"""What a workspace's file begins with."""


def corrections_from(source: Workspace | str | Path, images: Callable[[], Identities]) -> tuple[list[Mark], str]:
    """Return the corrections that somebody made, and in words where they were read.

    Args:
        source: a workspace, the path of its file, or of a CSV or JSON-lines file as `read_corrections` takes it.
        images: all images of the data, for a table that has names and no keys.

    Raises:
        Unavailable: if it cannot be read, or is not there.
        WorkbenchError: if it is neither, or has no corrections.
    """
    if isinstance(source, Workspace):
        marks = [each for each in source.marks() if each.kind == CORRECTION]
        said = f"the workspace {source.path.name}"
        if not marks:
            raise WorkbenchError(
                f"{said[0].upper()}{said[1:]} has no corrections. Make some on the page, or import a table with "
                "`workbench workspace import`."
            )
        return marks, said
    path = Path(source)
    if is_workspace(path):
        with Workspace.open(path, create=False) as opened:
            return corrections_from(opened, images)
    return read_corrections(path, images), path.name


def images_of(data: str | Path, *, progress: Progress = silent, **reading: Any) -> Callable[[], Identities]:
    """Return what names all images of all parts of some data, when it is asked."""

    def images() -> Identities:
        how = {name: value for name, value in reading.items() if name != "data_dir"}
        parts = own_parts(data, **how)
        return Identities.joined(
            [Identities.of(load_dataset(data, split=part, progress=progress, **reading)) for part in parts]
        )

    return images


def is_workspace(path: Path) -> bool:
    """Whether a path is that of a workspace, by its name, or else by what the file begins with.

    One that is called so is not opened: closing it again would take the locks of this process's connections away.
    """
    if path.suffix.lower() in (SUFFIX, ".csv", ".jsonl", ".ndjson", ".json"):
        return path.suffix.lower() == SUFFIX
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False
