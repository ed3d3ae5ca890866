"""What people see in place of an image's row: its name. Tables keep rows for programs; this is how they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.image_set import ImageSet, Part
from workbench.core.types import Array
from workbench.core.wording import join_names

if TYPE_CHECKING:
    import pandas as pd

ROWS: Mapping[Part, tuple[str, ...]] = {"data": ("row", "other_row"), "train": ("train_row", "other_train_row")}
"""Names of the columns of tables that hold rows of images, of the studied ones and of the training part."""
TITLES = {
    "row": "image",
    "other_row": "other image",
    "train_row": "training image",
    "other_train_row": "other training image",
}
"""What people call such a column, where it holds names."""
PART_OF: Mapping[str, Part] = {column: part for part, columns in ROWS.items() for column in columns}
LISTED = "rows"
"""Name of a parameter that holds rows of several studied images."""
INDEX = "index"
"""A column of positions in the source split: it tells a program what the name tells people."""
MOST_COMPARED = 2_000
"""Names among which the nearest to a mistyped one are looked for; more would take seconds."""


class ImageNames:
    """Names of the images of both parts; those of the training images are asked for when one is first needed.

    Args:
        studied: `(N,)` text, names of the studied images.
        training: returns the `(M,)` names of the training images, or None where these are not known.
        said: returns what is said of an image beside its name: its label, its prediction; empty for nothing.
    """

    def __init__(
        self,
        studied: Array,
        training: Callable[[], Array | None] = lambda: None,
        said: Callable[[int, Part], str] = lambda row, part: "",  # noqa: ARG005
    ) -> None:
        self._studied, self._training, self._said = studied, training, said

    def of(self, rows: Iterable[int] | Array, part: Part = "data") -> list[str]:
        """Return the name of each image; "" where a row is none, as -1 and NaN are."""
        wanted = np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.float64).ravel()
        known = self._studied if part == "data" else self._training()
        if known is None:  # an answer that was kept, and the training images are gone
            return [f"no. {row:.0f}" if row >= 0 else "" for row in wanted]
        there = (wanted >= 0) & (wanted < len(known))  # False for NaN
        names = np.full(len(wanted), "", object)
        names[there] = known[wanted[there].astype(np.int64)]
        return [str(name) for name in names]

    def one(self, row: int, part: Part = "data") -> str:
        """Return the name of one image."""
        return self.of([row], part)[0]

    def title(self, row: int, part: Part = "data") -> str:
        """Return the name of one image, with its label and what was predicted."""
        return ": ".join(filter(None, (self.one(row, part), self._said(int(row), part))))

    def of_set(self, images: ImageSet) -> list[str]:
        """Return the names of the images of a set, in its order."""
        return self.of(images.rows, images.part)

    def table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the names of images in place of their rows, and without their indices."""
        import pandas as pd

        rows = {column for column in frame.columns if self.holds_rows(frame, column)}
        columns = [column for column in frame.columns if not (column == INDEX and rows)]
        named = {
            (TITLES[column] if column in rows else column): (
                pd.Series(self.of(frame[column].to_numpy(), PART_OF[column]), frame.index, object)
                if column in rows
                else frame[column]
            )
            for column in columns
        }
        return pd.DataFrame(named, index=frame.index)

    @staticmethod
    def holds_rows(frame: pd.DataFrame, column: str) -> bool:
        """Whether a column of a table holds rows of images: by its name, unless there is one for names already."""
        return column in PART_OF and frame[column].dtype.kind in "iuf" and TITLES[column] not in frame.columns

    def values(self, values: Any) -> Any:
        """Return parameters or notes, JSON values, with names in place of rows."""
        if isinstance(values, Mapping):
            return {
                (TITLES[key] if _is_row(key, value) else key): (
                    self.one(value, PART_OF[key])
                    if _is_row(key, value)
                    else self.of(value)
                    if _are_rows(key, value)
                    else self.values(value)
                )
                for key, value in values.items()
            }
        return [self.values(each) for each in values] if isinstance(values, list | tuple) else values


def _is_row(key: str, value: object) -> bool:
    return key in PART_OF and isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_rows(key: str, value: object) -> bool:
    return key == LISTED and isinstance(value, list | tuple) and all(type(row) is int and row >= 0 for row in value)


def find_image(names: Array, wanted: str, where: str, *, kind: str = "image") -> int:
    """Return the row of the image called `wanted`: its whole name, or the end of its path that no other has.

    Args:
        names: `(N,)` text.
        wanted: what somebody typed.
        where: what the images are called together.
        kind: what it was looked for as, for the error.

    Raises:
        WorkbenchError: if there is none, with the nearest names, or there are several.
    """
    if (row := exact_image(names, wanted)) is not None:
        return row
    end = f"/{wanted.strip('/')}"
    ending = [row for row, name in enumerate(names.tolist()) if name.endswith(end)] if end != "/" else []
    if len(ending) == 1:
        return ending[0]
    if ending:
        several = join_names([repr(str(name)) for name in names[ending[:5]]])
        raise WorkbenchError(
            f"{wanted!r} is the end of {len(ending):,} names in {where}: {several}. Give more of the path."
        )
    raise unknown(kind, wanted, nearest_names(names.tolist(), wanted), where=where)


def exact_image(names: Array, wanted: str) -> int | None:
    """Return the row of the image whose whole name it is, or None."""
    found = np.flatnonzero(names == wanted)
    return int(found[0]) if len(found) else None


def nearest_names(names: Sequence[str], wanted: str) -> list[str]:
    """Return up to five names that look like it, the nearest first; the first of all where none does."""
    end, folder = wanted.rpartition("/")[2].casefold(), wanted.rpartition("/")[0].casefold()
    likely = [name for name in names if folder and name.casefold().startswith(f"{folder}/")] or [
        name for name in names if name.rpartition("/")[2].casefold()[:2] == end[:2]
    ]
    compared = {name.casefold(): name for name in (likely or list(names))[:MOST_COMPARED]}
    by_end = {name.rpartition("/")[2]: name for name in compared}
    near = [compared[name] for name in get_close_matches(wanted.casefold(), compared, n=3, cutoff=0.5)]
    near += [compared[by_end[each]] for each in get_close_matches(end, by_end, n=3, cutoff=0.6)]
    return list(dict.fromkeys(near))[:5] or list(names[:5])
