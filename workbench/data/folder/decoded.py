"""Image files that slice like one uint8 array: decoded when they are looked at, never all of them kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.cores import cores
from workbench.core.types import Array
from workbench.data.folder.contents import Contents
from workbench.data.folder.tree import printable
from workbench.data.image_claims import MOST_BYTES
from workbench.data.image_decoding import Unreadable
from workbench.data.image_file import read_image
from workbench.data.resizing import BILINEAR, FITS, STRETCH, Fit, Interpolation

FEW = 4  # images that are decoded without threads


class DecodedImages:
    """Images of a folder, `(N, H, W, C)` uint8, each decoded and fitted to (H, W) when it is asked for.

    A row, a slice, rows or a mask give an array, as they would of an array; `select` gives another of this kind.
    Safe to use from several threads. `np.asarray` of it decodes everything.

    Args:
        folder: what `files` are below.
        files: one path an image, relative to `folder`.
        image_shape: (H, W, C) that all are fitted to, as `read_image` does it.
        rows: `(N,)` int, which of the files; all, if not given.
        fit, interpolation: as `read_image` takes them.
        sizes: `(F, 2)` int, (height, width) of each file, if they are known.
        follow_links: whether a file may lie out of the folder.
        contents: what has the bytes of `files`, where these are no files of `folder`.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        folder: Path,
        files: Sequence[str],
        image_shape: tuple[int, int, int],
        rows: Array | None = None,
        *,
        fit: Fit = STRETCH,
        interpolation: Interpolation = BILINEAR,
        sizes: Array | None = None,
        follow_links: bool = False,
        contents: Contents | None = None,
    ) -> None:
        self.folder, self.files, self.sizes = folder, files, sizes
        self.fit, self.interpolation, self.follow_links = fit, interpolation, follow_links
        self._contents = contents
        self._within = None if follow_links else folder.resolve()
        self._rows = np.arange(len(files)) if rows is None else rows
        self.shape = (len(self._rows), *image_shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"DecodedImages({str(self.folder)!r}, {self.shape})"

    def file(self, row: int) -> Path:
        """Return the path of one image's file."""
        return self.folder / self.files[int(self._rows[row])]

    def select(self, rows: Array) -> Any:
        """Return the images at `(n,)` `rows`, none decoded yet."""
        return self._like(rows=self._rows[rows])

    def refit(self, fit: str, interpolation: str) -> DecodedImages:
        """Return the same images with another fit or interpolation, none decoded yet."""
        return self._like(fit=fit, interpolation=interpolation)

    @property
    def other_interpolations(self) -> tuple[Interpolation, ...]:
        """What `load_img` has, and `image_dataset_from_directory`; none where no file is resized."""
        usual: tuple[Interpolation, ...] = (BILINEAR, "antialias", "nearest")
        return tuple(each for each in usual if each != self.interpolation) if self.fitting else ()

    @property
    def other_fits(self) -> tuple[Fit, ...]:
        """The fits that would give other pixels; none where all files have the proportions of (H, W)."""
        if self.sizes is None:
            return ()
        (height, width), size = self.shape[1:3], self.sizes[self._rows]
        odd = np.abs(size[:, 0] * width - size[:, 1] * height) > np.maximum(size.max(axis=1), max(height, width))
        return tuple(fit for fit in FITS if fit != self.fit) if odd.any() else ()

    @property
    def fitting(self) -> str:
        """How files become pixels, for a fingerprint; empty where no file is resized."""
        if self.sizes is not None and (self.sizes[self._rows] == self.shape[1:3]).all():
            return ""
        return f"{self.fit} {self.interpolation}"

    def _like(self, **changes: Any) -> DecodedImages:
        own: dict[str, Any] = {
            "rows": self._rows,
            "fit": self.fit,
            "interpolation": self.interpolation,
            "sizes": self.sizes,
        }
        own |= {"follow_links": self.follow_links, "contents": self._contents}
        return DecodedImages(self.folder, self.files, self.shape[1:], **{**own, **changes})

    def __getitem__(self, key: Any) -> Array:
        if isinstance(key, tuple):  # as in images[rows, ..., 0]
            first, rest = (key[0], key[1:]) if key and key[0] is not Ellipsis else (slice(None), key)
            images = self[first]
            return (
                images[rest] if not isinstance(first, slice) and np.ndim(first) == 0 else images[(slice(None), *rest)]
            )
        chosen = self._rows[key]
        if np.ndim(chosen) == 0:
            return self._decoded(int(chosen))
        out = np.empty((chosen.size, *self.shape[1:]), np.uint8)

        def fill(place: int) -> None:
            out[place] = self._decoded(int(chosen.flat[place]))

        if chosen.size <= FEW:
            for place in range(chosen.size):
                fill(place)
        else:
            for _ in _threads().map(fill, range(chosen.size)):
                pass
        return out.reshape(*chosen.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)

    def _decoded(self, file: int) -> Array:
        if self._contents is not None:
            return self._from(self._contents, file)
        how = {"fit": self.fit, "interpolation": self.interpolation, "within": self._within}
        return read_image(self.folder / self.files[file], self.shape[1:], **how)[0]  # type: ignore[arg-type]

    def _from(self, contents: Contents, file: int) -> Array:
        name = printable(self.files[file])
        try:
            content = contents.read(file, MOST_BYTES)
            return read_image(content, self.shape[1:], fit=self.fit, interpolation=self.interpolation)[0]
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise Unreadable(f"{name} of {printable(self.folder.name)} cannot be read: {reason}.", reason) from None
        except Unreadable as error:
            raise Unreadable(str(error).replace("The image", name, 1), error.reason) from None


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads of the whole process: Pillow lets go of the interpreter while it decodes."""
    return ThreadPoolExecutor(cores())
