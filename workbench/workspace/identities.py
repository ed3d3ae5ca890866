"""Which images are meant: what a mark names them by, so that it finds them again in other parts and under new names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.core.dataset import Dataset
    from workbench.core.types import Array

KEY = 32
"""Hexadecimal digits of a key."""
LONGEST_NAME = 4096
_KEYS = re.compile(rf"(?:[0-9a-f]{{{KEY}}})*")


@dataclass(frozen=True, kw_only=True, eq=False)
class Identities:
    """n images: what they are (`keys`), and what they are called, and labelled as, where they were seen.

    Attributes:
        keys: `(n,)` text of 32 hexadecimal digits, digests of their content; copies share one.
        names: `(n,)` text.
        part: "train", "validation" or "test"; one for all, or `(n,)`.
        labels: `(n,)` names of their classes.
        class_names: all classes of the data; empty where they are not known.
    """

    keys: Array
    names: Array
    part: str | Array
    labels: Array
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.keys)
        for field in ("keys", "names", "labels"):
            if len(getattr(self, field)) != count:
                raise WorkbenchError(f"`{field}` must have one text for each of {count} images.")
        parts = [self.part] * count if isinstance(self.part, str) else self.part
        if len(parts) != count:
            raise WorkbenchError(f"`part` must be one text, or one for each of {count} images. Got {len(parts)}.")
        keys = _texts(self.keys)
        if any(len(key) != KEY for key in keys) or not _KEYS.fullmatch("".join(keys)):
            wrong = next(key for key in keys if not is_key(key))
            raise WorkbenchError(f"The key of an image must have {KEY} hexadecimal digits. Got {wrong[:40]!r}.")
        names = _writable(_texts(self.names))
        if "" in names or max(map(len, names), default=0) > LONGEST_NAME:
            raise WorkbenchError(f"The name of an image must have 1 to {LONGEST_NAME:,} characters. One has not.")
        for field, values in (
            ("keys", keys),
            ("names", names),
            ("part", _writable(_texts(parts))),
            ("labels", _writable(_texts(self.labels))),
        ):
            object.__setattr__(self, field, np.array(values, dtype=object))

    @classmethod
    def of(cls, dataset: Dataset, rows: Sequence[int] | Array | slice = slice(None)) -> Identities:
        """Name the images at `rows` of a data set."""
        chosen = dataset.rows(rows)
        classes = np.array(dataset.class_names, dtype=object)
        return cls(
            keys=dataset.keys[chosen],
            names=dataset.names[chosen],
            part=dataset.name.rpartition("/")[2],
            labels=classes[dataset.labels[chosen]],
            class_names=dataset.class_names,
        )

    @classmethod
    def joined(cls, several: Sequence[Identities]) -> Identities:
        """Join those of several parts."""
        fields: dict[str, Any] = {
            field: np.concatenate([getattr(each, field) for each in several]) if several else np.array([], dtype=object)
            for field in ("keys", "names", "part", "labels")
        }
        return cls(**fields, class_names=next((each.class_names for each in several if each.class_names), ()))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: Any) -> Identities:
        """Return some of them; `rows` is anything that chooses from an array."""
        return Identities(
            keys=self.keys[rows],
            names=self.names[rows],
            part=np.asarray(self.part)[rows],
            labels=self.labels[rows],
            class_names=self.class_names,
        )

    def each(self) -> zip[tuple[str, str, str, str]]:
        """Yield key, name, part and label of each."""
        return zip(self.keys, self.names, self.part, self.labels, strict=True)


def is_key(text: str) -> bool:
    """Whether a text may be the key of an image."""
    return len(text) == KEY and _KEYS.fullmatch(text) is not None


def _texts(values: Sequence[Any] | Array) -> list[str]:
    """Python's own texts; numpy's would not be bound to SQL."""
    return [str(value) for value in np.asarray(values, dtype=object).tolist()]


def _writable(texts: list[str]) -> list[str]:
    """Write what UTF-8 or CSV cannot hold as escapes: a file's name may be no text at all, or hold a NUL."""
    try:
        joined = "".join(texts)
        joined.encode()
        if "\0" not in joined:
            return texts
    except UnicodeEncodeError:
        pass
    return [text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00") for text in texts]
