"""Some images as a file that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.array_file import write_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, unknown
from workbench.core.files import replacing, write_file
from workbench.core.spreadsheet import as_csv
from workbench.core.types import Array
from workbench.session.images.showing import images_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.images.known import Known


@dataclass(frozen=True)
class Chosen:
    """Some images, as they are written.

    Attributes:
        known: what is known of them.
        rows: `(n,)` which of its study's they are.
        query: how they were chosen.
    """

    known: Known
    rows: Array
    query: str

    @property
    def data(self) -> Dataset:
        """The data set that they are of."""
        return self.known.study.dataset

    @property
    def table(self) -> pd.DataFrame:
        """What is known of each, and its key."""
        return images_table(self.known, self.rows).assign(key=self.data.keys[self.rows])


def write_images(images: Chosen, path: Path, form: str = "") -> Path:
    """Write images to a file, whole or not at all, in one of `FORMATS`; its ending says how, if `form` does not.

    Raises:
        WorkbenchError: if it is none of them.
        Unavailable: if the file cannot be written.
    """
    ending = form or path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise unknown("format", ending or path.name, FORMATS, where="the endings of files")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == "npz":
            _write_arrays(images, path)
        else:
            write_file(path, as_text(images, ending))
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def as_text(images: Chosen, form: str) -> str:
    """Return images as text in one of `FORMATS`, but "npz".

    Raises:
        WorkbenchError: if there is no such format.
    """
    if form not in FORMATS or (write := FORMATS[form]) is None:
        raise unknown("format", form, [name for name, write in FORMATS.items() if write is not None])
    return write(images)


def _csv(images: Chosen, separator: str = ",") -> str:
    return as_csv(images.table, separator)


def _records(images: Chosen) -> list[dict[str, object]]:
    table = images.table
    part = images.known.study.split
    return [
        {**{str(k): None if v != v else v for k, v in row.items()}, "part": part}  # noqa: PLR0124 - NaN
        for row in table.to_dict("records")
    ]


def _json(images: Chosen) -> str:
    about = {"data": images.data.name, "query": images.query, "images": _records(images)}
    return json.dumps(about, ensure_ascii=False, indent=1) + "\n"


def _lines(images: Chosen) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in _records(images))


def _paths(images: Chosen) -> str:
    return "".join(f"{name}\n" for name in images.data.names[images.rows].tolist())


def _write_arrays(images: Chosen, path: Path) -> None:
    data, rows = images.data, images.rows
    arrays = {
        "images": np.asarray(data.images[rows]),
        "labels": data.labels[rows],
        "class_names": np.array(data.class_names),
        "names": data.names[rows],
        "keys": data.keys[rows],
    }
    with replacing(path) as part:  # it may be the very file that the images are mapped from
        write_arrays(part, arrays if data.has_images else {k: v for k, v in arrays.items() if k != "images"})


FORMATS: dict[str, Callable[[Chosen], str] | None] = {
    "csv": _csv,
    "tsv": lambda images: _csv(images, "\t"),
    "json": _json,
    "jsonl": _lines,
    "txt": _paths,
    "paths": _paths,
    "npz": None,
}
"""Ending of a file -> what writes it as text; None for what is no text."""
