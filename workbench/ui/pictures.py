"""Pixels as lossless data URIs, and at which size they are shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np

from workbench.contracts import Array, Dataset

Picture = Callable[[int, int], str]
"""The data URI of (row, box): an image of the dataset, for a size of at most `box` pixels."""
Parts = Callable[[str], "Part | None"]
"""The images that a finding's `part` names; None where they are not at hand."""


@dataclass(frozen=True)
class Part:
    """Images and their pictures.

    Attributes:
        dataset: the images.
        picture: the data URI of (row, box).
        explored: whether each of them has a view in the error explorer.
    """

    dataset: Dataset
    picture: Picture
    explored: bool = True


@dataclass(frozen=True)
class Size:
    """How large an image is drawn, in CSS pixels; `pixelated` where that is a whole multiple of its own size."""

    width: int
    height: int
    pixelated: bool


def fit(height: int, width: int, box: int) -> Size:
    """Return the largest size within `box` × `box`: a whole multiple for small images, scaled down for large ones."""
    longest = max(height, width)
    if longest <= box:
        times = box // longest
        return Size(width * times, height * times, True)
    return Size(max(1, round(width * box / longest)), max(1, round(height * box / longest)), False)


def data_uri(pixels: Array) -> str:
    """Return `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` uint8 as a PNG data URI, pixel for pixel."""
    from PIL import Image

    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def shrunk(pixels: Array, size: Size) -> Array:
    """Return a large image at twice the size it is shown at, for sharp screens; small ones unchanged."""
    from PIL import Image

    if size.pixelated or pixels.shape[1] <= 2 * size.width:
        return pixels
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    small = Image.fromarray(np.ascontiguousarray(flat)).resize(
        (2 * size.width, 2 * size.height), Image.Resampling.LANCZOS
    )
    return np.asarray(small)


def tag(uri: str, size: Size, alt: str = "", classes: str = "") -> str:
    """Build the `<img>`."""
    css = " ".join(dict.fromkeys(f"{'px' if size.pixelated else ''} {classes}".split()))
    return f'<img class="{escape(css)}" width="{size.width}" height="{size.height}" alt="{escape(alt)}" src="{uri}">'


def album(dataset: Dataset, keep: int = 8192) -> Picture:
    """Return a function from (row, box) to the data URI of that image; what was made is kept."""
    height, width = dataset.image_shape[:2]

    @lru_cache(keep)
    def uri(row: int, box: int) -> str:
        return data_uri(shrunk(np.asarray(dataset.images[row]), fit(height, width, box)))

    def cached(row: int, box: int) -> str:
        # The same pixels serve every size at which nothing is scaled down.
        return uri(row, min(max(height, width), box))

    return cached
