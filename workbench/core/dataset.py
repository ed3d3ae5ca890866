"""The nouns of the workbench: plain data, no Keras, no matplotlib, no files.

Letters in shapes: N images, H x W pixels, C input channels, K classes, h x w places of an inner
layer, F feature maps, D embedding values, B images of one batch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.notebook import SHOWN, facts_html, pictures_html
from workbench.core.pixels import as_floats
from workbench.core.types import MOST_AT_ONCE, Array
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class Lazy(Protocol):
    """Images that are read on access: slices like an array, and selecting some of them reads none."""

    def select(self, rows: Array) -> Array:
        """Return the images at `(n,)` int `rows` as another of this kind; reads none of them."""


class NoImages:
    """N images that are not here, where only predictions are: they are counted and never read; `Lazy`."""

    dtype = np.dtype(np.uint8)

    def __init__(self, count: int) -> None:
        self.shape = (count, 24, 24, 1)  # of the box that stands for each of them

    def __len__(self) -> int:
        return self.shape[0]

    def select(self, rows: Array) -> NoImages:
        """Return some of them."""
        return NoImages(len(rows))

    def __getitem__(self, rows: object) -> Array:
        raise WorkbenchError("There are no images here, only predictions: give the images with `data` (--data).")


@runtime_checkable
class Fitted(Protocol):
    """Images that were fitted to one size when they were read, and can be read again with another fit.

    Attributes:
        fit: "stretch", "pad" or "crop".
        interpolation: how they were resized, by Keras' name.
        fitting: fit and interpolation, for a fingerprint; empty where nothing was resized.
        other_fits: the fits that would give other pixels.
        other_interpolations: ways to resize that Keras' readers have too, and that would give other pixels.
    """

    fit: str
    interpolation: str

    @property
    def fitting(self) -> str:
        """See above."""

    @property
    def other_fits(self) -> tuple[str, ...]:
        """See above."""

    @property
    def other_interpolations(self) -> tuple[str, ...]:
        """See above."""

    def refit(self, fit: str, interpolation: str) -> Array:
        """Return the same images with another fit or interpolation."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N labelled images of one size.

    Attributes:
        images: `(N, H, W, C)` uint8, C = 1 or 3: an array, a memory map, or anything that slices like one (`Lazy`).
        labels: `(N,)` int64 in [0, K).
        class_names: K names; text to be shown, never markup.
        indices: `(N,)` int64, position of each image in the source split.
        name: for example "fashion-mnist/test".
        names: `(N,)` text, what people know each image by: the path of its file, or "test/4143" where there are none.
        named: whether the names were given, and are not made of part and index.
        file_digests: `(N,)` bytes that are the same for files of the same content; None where there are no files.
        metadata: what else is known of each image, a frame of N rows, by the names of its columns; None for nothing.
        source: what it was loaded from: a data set's name, or the absolute path of a file or folder; empty for arrays.
        source_fingerprint: given by a source that knows its content, to avoid hashing all images.
        notes: sentences about how the data was read: files skipped, images resized.
    """

    images: Array
    labels: Array
    _: KW_ONLY
    class_names: tuple[str, ...]
    indices: Array
    name: str
    names: Array = None  # type: ignore[assignment]
    named: bool | None = None
    file_digests: Array | None = None
    metadata: pd.DataFrame | None = None
    source: str = ""
    source_fingerprint: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.images)
        if len(self.images.shape) != 4 or self.images.dtype != np.uint8:
            raise WorkbenchError(
                f"`images` must be uint8 of shape (N, H, W, C). Got {self.images.dtype} of shape {self.images.shape}."
            )
        if count == 0:
            raise WorkbenchError(f"Dataset {self.name!r} must hold at least one image. It is empty.")
        if self.labels.shape != (count,) or self.indices.shape != (count,):
            raise WorkbenchError(
                f"`labels` and `indices` must have one value for each of {plural(count, 'image')}. "
                f"Got shapes {self.labels.shape} and {self.indices.shape}."
            )
        if not all(name.strip() for name in self.class_names):
            raise WorkbenchError(f"The class names of {self.name!r} must not be empty. One is.")
        if twice := [name for name, number in Counter(self.class_names).items() if number > 1]:
            raise WorkbenchError(
                f"The class names of {self.name!r} must be distinct. {twice[0][:80]!r} is there twice."
            )
        self._name_images()
        if self.metadata is not None and len(self.metadata) != count:
            raise WorkbenchError(
                f"`metadata` must have one row for each of {plural(count, 'image')}. Got "
                f"{plural(len(self.metadata), 'row')}."
            )
        if self.labels.min() < 0 or self.labels.max() >= len(self.class_names):
            raise WorkbenchError(
                f"`labels` must lie in 0…{len(self.class_names) - 1}, one of {plural(len(self.class_names), 'class')}. "
                f"Got {self.labels.min()}…{self.labels.max()}."
            )

    def _name_images(self) -> None:
        """Give each image a name: its own, or its part and index."""
        given = cast("Array | None", self.names)
        if self.named is None:
            object.__setattr__(self, "named", given is not None)
        if given is None:
            part = self.name.rpartition("/")[2]
            given = np.array([f"{part}/{index}" for index in self.indices.tolist()])
        if given.shape != (len(self),):
            raise WorkbenchError(
                f"`names` must have one name for each of {plural(len(self), 'image')}. Got {given.shape}."
            )
        object.__setattr__(self, "names", given)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        shown = f"{height}×{width}×{channels}" if self.has_images else "no pixels"
        return (
            f"Dataset({self.name!r}, {plural(len(self), 'image')}, {shown}, {plural(len(self.class_names), 'class')})"
        )

    def _repr_html_(self) -> str:
        counts = Counter(self.labels.tolist())
        few = [f"{self.class_names[label]}: {count:,}" for label, count in counts.most_common(SHOWN)]
        more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
        facts = {"images by class": ", ".join(few) + more}
        if self.metadata is not None:
            facts["metadata"] = ", ".join(map(str, self.metadata.columns))
        head = facts_html(repr(self), {**facts, **({"notes": "; ".join(self.notes)} if self.notes else {})})
        if not self.has_images:
            return head
        some = np.unique(np.linspace(0, len(self) - 1, min(SHOWN, len(self))).round().astype(np.int64))
        labels = [self.class_names[label] for label in self.labels[some].tolist()]
        return head + pictures_html(np.asarray(self.images[some]), self.names[some].tolist(), labels)

    @cached_property
    def keys(self) -> Array:
        """`(N,)` text, 32 hexadecimal digits an image: what it is known by wherever it lies and whatever it is called.

        It is made of the bytes of its file, or of its pixels where there is none; copies have the same. Where there
        are no images, it is made of the name.
        """
        if self.file_digests is not None:
            return np.array([digest.tobytes().hex() for digest in np.asarray(self.file_digests)])
        return np.concatenate([self._keys(slice(at, at + 4096)) for at in range(0, len(self), 4096)])

    def _keys(self, some: slice) -> Array:
        if not self.has_images:
            contents = [str(name).encode() for name in self.names[some].tolist()]
        else:
            pixels = np.ascontiguousarray(self.images[some])
            contents = list(pixels.reshape(len(pixels), -1).view(f"V{pixels[0].nbytes}")[:, 0])
        shape = repr(self.image_shape if self.has_images else ()).encode()
        return np.array([hashlib.blake2b(each, digest_size=16, key=shape).hexdigest() for each in contents])

    @property
    def has_images(self) -> bool:
        """Whether the images are here, and not their labels alone."""
        return not isinstance(self.images, NoImages)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        height, width, channels = self.images.shape[1:]
        return int(height), int(width), int(channels)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any pixel, label, class name or the order."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        if self.source_fingerprint:
            digest.update(self.source_fingerprint.encode())
            images = cast("object", self.images)
            digest.update(images.fitting.encode() if isinstance(images, Fitted) else b"")
        else:
            for start in range(0, len(self), 4096):
                digest.update(np.asarray(self.images[start : start + 4096]).tobytes())
        digest.update(self.labels.tobytes())
        digest.update(self.indices.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def names_digest(self) -> str:
        """16 hexadecimal digits that change with any name; those of `fingerprint` change with what is learned."""
        names = [] if not self.named else self.names.tolist()  # else they are made of the part and `indices`
        return hashlib.sha256(repr((self.name.rpartition("/")[2], names)).encode("utf-8", "replace")).hexdigest()[:16]

    def class_index(self, name: str | int) -> int:
        """Return the class called `name`, or the class of that number; text is a name first, an int a number first.

        Raises:
            WorkbenchError: if there is none; the nearest names are offered.
        """
        if not isinstance(name, str) and 0 <= name < len(self.class_names):
            return int(name)
        if str(name) in self.class_names:
            return self.class_names.index(str(name))
        folded = [each.casefold() for each in self.class_names]
        if str(name).casefold() in folded:
            return folded.index(str(name).casefold())
        if str(name).isdecimal() and int(name) < len(self.class_names):
            return int(name)
        raise unknown("class", name, self.class_names)

    def rows(self, rows: Sequence[int] | Array | slice) -> Array:
        """Return `rows`, given as numbers, a slice or an `(N,)` mask, as `(n,)` int64.

        Raises:
            WorkbenchError: if one lies outside, or they are none of these.
        """
        if isinstance(rows, slice):
            return np.arange(len(self))[rows]
        chosen = np.atleast_1d(np.asarray(rows))
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise WorkbenchError(
                    f"A mask must have one value for each of {plural(len(self), 'image')}. Got shape {chosen.shape}."
                )
            return np.flatnonzero(chosen)
        if len(chosen) and chosen.dtype.kind not in "iu":
            raise WorkbenchError(f"`rows` must be whole numbers. Got {chosen.tolist()[0]!r}.")
        chosen = chosen.astype(np.int64)
        outside = chosen[(chosen < 0) | (chosen >= len(self))]
        if len(outside):
            raise WorkbenchError(f"Image {outside[0]} does not exist: {self.name!r} has images 0…{len(self) - 1}.")
        return chosen

    def subset(self, rows: Sequence[int] | Array | slice) -> Dataset:
        """Return the images at `rows`, in that order; `indices` still point into the source split."""
        chosen = self.rows(rows)
        images = cast("object", self.images)
        some = images.select(chosen) if isinstance(images, Lazy) else self.images[piece(chosen)]
        # A lazy source is known by its own fingerprint; `indices` tell its subsets apart.
        return replace(
            self,
            images=some,
            labels=self.labels[chosen],
            indices=self.indices[chosen],
            names=self.names[chosen],
            file_digests=None if self.file_digests is None else self.file_digests[chosen],
            metadata=None if self.metadata is None else self.metadata.iloc[chosen].reset_index(drop=True),
        )

    @property
    def fit(self) -> tuple[str, str]:
        """How images are fitted to its size, as far as it is known: fit and interpolation by Keras' names."""
        images = cast("object", self.images)
        return (images.fit, images.interpolation) if isinstance(images, Fitted) else ("stretch", "bilinear")

    @property
    def other_fits(self) -> tuple[str, ...]:
        """The fits with which its files would become other pixels; none where they have its proportions."""
        images = cast("object", self.images)
        return images.other_fits if isinstance(images, Fitted) else ()

    @property
    def other_interpolations(self) -> tuple[str, ...]:
        """The ways to resize that Keras' readers have too, where its files are resized."""
        images = cast("object", self.images)
        return images.other_interpolations if isinstance(images, Fitted) else ()

    def refit(self, fit: str = "", interpolation: str = "") -> Dataset:
        """Return the same files read with another fit or interpolation; empty for the one that it has.

        Raises:
            WorkbenchError: if they were no files.
        """
        images = cast("object", self.images)
        if not isinstance(images, Fitted):
            raise WorkbenchError(f"{self.name!r} is no folder of images, so it cannot be read with another fit.")
        return replace(self, images=images.refit(fit or images.fit, interpolation or images.interpolation))

    def floats(self, rows: Sequence[int] | Array | slice = slice(None)) -> Array:
        """Return images as `(B, H, W, C)` float32 in [0, 1]."""
        return as_floats(self.images[rows])

    def batches(self, size: int = 256) -> Iterator[Array]:
        """Yield all images in order as `(B, H, W, C)` float32 in [0, 1], B ≤ `size`, of large images fewer."""
        size = self.together(size)
        for start in range(0, len(self), size):
            yield self.floats(slice(start, start + size))

    def together(self, most: int) -> int:
        """Return how many images, at most `most`, 32 MB hold as float32; at least 1."""
        return max(1, min(most, MOST_AT_ONCE // int(np.prod(self.image_shape))))

    def one_hot(self) -> Array:
        """Return labels as `(N, K)` float32, for a loss of categorical cross-entropy."""
        return np.eye(len(self.class_names), dtype=np.float32)[self.labels]


def piece(rows: Array) -> slice | Array:
    """Return rows that follow each other as a slice, of which an array gives a view and no copy; others as they are."""
    follow = len(rows) > 0 and bool((np.diff(rows) == 1).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if follow else rows
