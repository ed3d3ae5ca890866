"""Where in a file each of its images stands, and of which class it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core import cache
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.data.records.shard_file import ShardFile
from workbench.data.remote.local_copies import alone

VERSION = 2
"""Of what is kept."""
MOST_IMAGES = 2_000_000
"""Of one file."""
LONGEST = 1024
"""Bytes of a name or a label."""
MOST_LABELS = 100_000
"""That differ."""
WIDEST = 2**28
"""Characters of all names, each as long as the longest: so they are kept as an array, of four bytes each."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """The n images of a file, in its order.

    Attributes:
        names: `(n,)` text, what each is known by in the file.
        starts, sizes: `(n,)` int64, its place and bytes in the file (of Parquet: in what is made of it).
        labels: `(n,)` int64, which of `values` each has.
        values: the labels that differ, as they are written: whether they are numbers is seen in all files.
        class_names: of labels that are numbers, where the file tells them; else empty.
        column: what the labels' column is called, where its name does not say that it is one; else empty.
        notes: what was passed over.
    """

    names: Array
    starts: Array
    sizes: Array
    labels: Array
    values: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    column: str = ""
    notes: tuple[str, ...] = ()


def index_without_images(note: str, class_names: tuple[str, ...] = ()) -> Index:
    """Return the index of a file of which no image has a label; the note says so."""
    none = np.zeros(0, np.int64)
    return Index(
        names=np.zeros(0, "U1"), starts=none, sizes=none, labels=none, values=(), class_names=class_names, notes=(note,)
    )


class Values:
    """The labels that differ, in the order in which they come.

    Args:
        shown: what they are of, for a sentence.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._places = dict[str, int]()

    def place(self, label: str) -> int:
        """Return which of them a label is.

        Raises:
            WorkbenchError: if they become too many.
        """
        place = self._places.setdefault(label, len(self._places))
        if place >= MOST_LABELS:
            raise WorkbenchError(f"{self._shown} must have at most {MOST_LABELS:,} different labels. It has more.")
        return place

    def used(self, labels: Sequence[int]) -> tuple[Array, tuple[str, ...]]:
        """Return `(n,)` int64 `labels`, and those of the values that are among them."""
        every = list(self._places)
        places, of = np.unique(np.array(labels, np.int64), return_inverse=True)
        return of.reshape(-1).astype(np.int64), tuple(every[place] for place in places.tolist())


def fits(text: str) -> bool:
    """Whether a name or a label is no longer than one may be."""
    return len(text) <= LONGEST and len(text.encode("utf-8", "surrogatepass")) <= LONGEST


def names_of(names: Sequence[str], shown: str) -> Array:
    """Return `(n,)` names as an array.

    Raises:
        WorkbenchError: if a long one would make it too large.
    """
    longest = max(map(len, names), default=0)
    if longest * len(names) > WIDEST:
        raise WorkbenchError(
            f"{shown} must have shorter names, or fewer images. It has {len(names):,}, and a name of "
            f"{longest:,} characters. Cut it into several."
        )
    return np.array(names, "U")


def index_of(shard: ShardFile, make: Callable[[ShardFile], Index]) -> Index:
    """Return the index of a file, made once and kept while its size and time of change stay.

    Args:
        shard: the file.
        make: makes it.

    Raises:
        Unavailable: if the file cannot be read, or changes meanwhile.
        WorkbenchError: if it is damaged or no such file.
    """
    path = cache.cache_folder() / "records" / f"{shard.key}.npz"
    if (kept := _kept(path)) is not None:
        return kept
    with alone(path, shard.shown, [*shard.copies, shard.pack]):  # it is fetched, packed and gone through by one
        return _kept(path) or _made(shard, make, path)


def _kept(path: Path) -> Index | None:
    kept = cache.load_arrays(path)
    if kept is None or kept.get("version", np.array(0)) != VERSION:
        return None
    texts = {name: tuple(kept[name].tolist()) for name in ("values", "class_names", "notes")}
    arrays = {name: kept[name] for name in ("names", "starts", "sizes", "labels")}
    return Index(**arrays, **texts, column=str(kept["column"]))  # type: ignore[arg-type]


def _made(shard: ShardFile, make: Callable[[ShardFile], Index], path: Path) -> Index:
    try:
        shard.refuse_changed()
        made = make(shard)
        shard.refuse_changed()
    except WorkbenchError:
        raise
    except OSError as error:
        raise Unavailable(f"{shard.shown} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # noqa: BLE001 - of two unpackers, each with its own
        raise damaged(shard.shown, error) from None
    arrays = {"names": made.names, "starts": made.starts, "sizes": made.sizes, "labels": made.labels}
    texts_ = {name: np.array(getattr(made, name), "U") for name in ("values", "class_names", "notes", "column")}
    cache.save_arrays(path, {"version": np.array(VERSION), **arrays, **texts_})
    return made


def damaged(shown: str, error: BaseException) -> WorkbenchError:
    """Build the error for a file in which an unpacker found a fault."""
    said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return WorkbenchError(f"{shown} is damaged and cannot be read: {said}.")
