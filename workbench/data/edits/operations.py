"""What can be done to the pixels of an image, one class an operation."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from workbench.core.errors import WorkbenchError
from workbench.core.params import Params
from workbench.core.types import Array
from workbench.data.blur import SHARE, blur_matrix
from workbench.data.edits.areas import FARTHEST, Area

_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, eq=False)
class Scene:
    """The image before the first edit, and the images that regions may be taken from.

    Attributes:
        pixels: `(H, W, C)` uint8.
        donors: `(H, W, C)` uint8 by their keys.
    """

    pixels: Array
    donors: Mapping[str, Array]

    @cached_property
    def background(self) -> Array:
        """`(C,)` uint8: in each channel the median of the outermost pixels, the lower one of two."""
        p = self.pixels
        border = np.concatenate([p[0], p[-1], p[1:-1, 0], p[1:-1, -1]])
        return np.asarray(np.sort(border, axis=0)[(len(border) - 1) // 2])

    @cached_property
    def mean(self) -> Array:
        """`(C,)` uint8, the mean colour."""
        return np.asarray(_bytes(self.pixels.mean(axis=(0, 1), dtype=np.float64)))

    @cached_property
    def brightness(self) -> float:
        """The mean of all values."""
        return float(self.pixels.mean(dtype=np.float64))


class Edit(Params):
    """One thing that is done to an image."""

    op: ClassVar[str] = ""

    @property
    def length(self) -> int:
        """Pixels that a stroke goes through."""
        return 0

    @abstractmethod
    def done(self, pixels: Array, scene: Scene) -> Array:
        """Return `(H, W, C)` uint8 pixels with it done; those given stay or may be written on."""


class _InAnArea(Area, Edit):
    """Gives the pixels of an area other values."""

    def done(self, pixels: Array, scene: Scene) -> Array:
        """Put `values` where the area is."""
        mask = self.mask(*pixels.shape[:2])
        if mask.any():
            pixels[mask] = self.values(pixels, mask, scene)
        return pixels

    @abstractmethod
    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """Return the new values: `(C,)` or `(M, C)` uint8 of the M pixels of the mask."""


class Paint(_InAnArea):
    """Paint one colour."""

    op: ClassVar[str] = "paint"
    value: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (255,)

    @field_validator("value", mode="before")
    @classmethod
    def _of_one(cls, given: Any) -> Any:
        return (given,) if type(given) is int else given

    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """The colour; one number is grey."""
        channels = pixels.shape[2]
        if len(self.value) not in (1, channels):
            raise WorkbenchError(f"`value` must have one number, or {channels}. Got {len(self.value)}.")
        return np.array(self.value, np.uint8)


class Erase(_InAnArea):
    """Paint the colour of the background: the median of the image's border."""

    op: ClassVar[str] = "erase"

    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """The background's colour."""
        return scene.background


class Hide(_InAnArea):
    """Cover with the mean colour of the image."""

    op: ClassVar[str] = "hide"

    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """The mean colour."""
        return scene.mean


class Blur(_InAnArea):
    """Put the blurred image in place of the sharp one.

    Attributes:
        sigma: of the Gaussian, in pixels; a tenth of the longer side, if not given.
    """

    op: ClassVar[str] = "blur"
    sigma: Annotated[float, Field(ge=0.1, le=100)] | None = None

    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """The blurred pixels."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return np.asarray(blurred(pixels, self.sigma, part)[mask[part]])


class Swap(_InAnArea):
    """Put the same region of another image there.

    Attributes:
        source: key of that image; empty for the nearest one of another class, which whoever knows the images finds.
    """

    op: ClassVar[str] = "swap"
    source: str = ""

    @field_validator("source")
    @classmethod
    def _key(cls, given: str) -> str:
        if given and not _KEY.fullmatch(given):
            raise WorkbenchError("`source` must be the key of an image, 32 hexadecimal digits.")
        return given

    def values(self, pixels: Array, mask: Array, scene: Scene) -> Array:
        """The other image's pixels."""
        donor = scene.donors.get(self.source)
        if donor is None:
            raise WorkbenchError("The image that a region is swapped with is not among these images.")
        if donor.shape != pixels.shape:
            raise WorkbenchError("The image that a region is swapped with has another size.")
        return np.asarray(donor[mask])


class Move(Edit):
    """Move the image; what it leaves has the colour of the background.

    Attributes:
        right, down: pixels; negative to the left, and up.
    """

    op: ClassVar[str] = "move"
    right: Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)] = 0
    down: Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)] = 0

    def done(self, pixels: Array, scene: Scene) -> Array:
        """Copy what stays inside."""
        made = np.empty_like(pixels)
        made[:] = scene.background
        (to_rows, from_rows), (to_columns, from_columns) = (
            (slice(max(step, 0), max(side + min(step, 0), 0)), slice(max(-step, 0), max(side - max(step, 0), 0)))
            for step, side in ((self.down, pixels.shape[0]), (self.right, pixels.shape[1]))
        )
        made[to_rows, to_columns] = pixels[from_rows, from_columns]
        return made


class Rotate(Edit):
    """Turn the image about its middle, clockwise; values between pixels are bilinear, beyond them the background's."""

    op: ClassVar[str] = "rotate"
    degrees: Annotated[float, Field(ge=-180, le=180)] = 0.0

    def done(self, pixels: Array, scene: Scene) -> Array:
        """Look up where each pixel comes from."""
        height, width = pixels.shape[:2]
        angle = np.deg2rad(self.degrees)
        y, x = np.arange(height)[:, None] - (height - 1) / 2, np.arange(width)[None] - (width - 1) / 2
        rows = y * np.cos(angle) - x * np.sin(angle) + (height - 1) / 2
        columns = y * np.sin(angle) + x * np.cos(angle) + (width - 1) / 2
        top, left = np.floor(rows), np.floor(columns)
        below, beside = (rows - top)[..., None], (columns - left)[..., None]
        framed = np.empty((height + 2, width + 2, pixels.shape[2]))
        framed[:] = scene.background
        framed[1:-1, 1:-1] = pixels

        def at(down: int, right: int) -> Array:
            places = np.clip(top + 1 + down, 0, height + 1), np.clip(left + 1 + right, 0, width + 1)
            return np.asarray(framed[places[0].astype(np.int64), places[1].astype(np.int64)])

        upper = at(0, 0) * (1 - beside) + at(0, 1) * beside
        lower = at(1, 0) * (1 - beside) + at(1, 1) * beside
        return _bytes(upper * (1 - below) + lower * below)


class Light(Edit):
    """Change brightness and contrast.

    Attributes:
        brightness: what is added to all values, as a share of the range.
        contrast: how many times as far values lie from the image's mean brightness.
    """

    op: ClassVar[str] = "light"
    brightness: Annotated[float, Field(ge=-1, le=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, le=4)] = 1.0

    def done(self, pixels: Array, scene: Scene) -> Array:
        """Compute all values anew."""
        middle = scene.brightness
        return _bytes(middle + self.contrast * (pixels - middle) + 255 * self.brightness)


OPERATIONS: dict[str, type[Edit]] = {each.op: each for each in (Paint, Erase, Blur, Hide, Swap, Move, Rotate, Light)}


def blurred(pixels: Array, sigma: float | None = None, part: tuple[slice, slice] = (slice(None), slice(None))) -> Array:
    """Return a part of the blurred image as uint8.

    Args:
        pixels: `(H, W, C)` uint8.
        sigma: of the Gaussian, in pixels; a tenth of the longer side, if not given.
        part: rows and columns.
    """
    height, width = pixels.shape[:2]
    sigma = SHARE * max(height, width) if sigma is None else sigma
    rows, columns = blur_matrix(height, sigma)[part[0]], blur_matrix(width, sigma)[part[1]]
    return _bytes(np.einsum("Hh,hwc,Ww->HWc", rows, pixels.astype(np.float64), columns, optimize=True))


def _bytes(values: Array) -> Array:
    """Round to bytes, and cut to their range."""
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
