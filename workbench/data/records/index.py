"""Where in a file each of its images stands, and of which class it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.core import cache
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.data.records.shard_file import ShardFile

VERSION = 1
"""Of what is kept."""
MOST_IMAGES = 2_000_000
"""Of one file."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """The n images of a file, in its order.

    Attributes:
        names: `(n,)` text, what each is known by in the file.
        starts, sizes: `(n,)` int64, its place and bytes in the file (of Parquet: in what is made of it).
        labels: `(n,)` int64 or text.
        class_names: of labels that are numbers, where the file tells them; else empty.
        notes: what was passed over.
    """

    names: Array
    starts: Array
    sizes: Array
    labels: Array
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def index_of(shard: ShardFile, make: Callable[[ShardFile], Index]) -> Index:
    """Return the index of a file, made once and kept while its size and time of change stay.

    Args:
        shard: the file.
        make: makes it.

    Raises:
        Unavailable: if the file cannot be read.
        WorkbenchError: if it is damaged or no such file.
    """
    path = cache.cache_folder() / "records" / f"{shard.key}.npz"
    kept = cache.load_arrays(path)
    if kept is not None and kept.get("version", np.array(0)) == VERSION:
        texts = {name: tuple(kept[name].tolist()) for name in ("class_names", "notes")}
        return Index(**{name: kept[name] for name in ("names", "starts", "sizes", "labels")}, **texts)  # type: ignore[arg-type]
    try:
        made = make(shard)
    except WorkbenchError:
        raise
    except OSError as error:
        raise Unavailable(f"{shard.shown} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # noqa: BLE001 - of two unpackers, each with its own
        said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise WorkbenchError(f"{shard.shown} is damaged and cannot be read: {said}.") from None
    arrays = {"names": made.names, "starts": made.starts, "sizes": made.sizes, "labels": made.labels}
    texts_ = {"class_names": np.array(made.class_names, "U"), "notes": np.array(made.notes, "U")}
    cache.save_arrays(path, {"version": np.array(VERSION), **arrays, **texts_})
    return made
