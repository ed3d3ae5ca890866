"""Pixels as data URIs, and at which size they are shown: small images pixel for pixel, large ones as photos."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.app.markup import Html, element
from workbench.core.dataset import Dataset
from workbench.core.image_set import Part as Name
from workbench.core.kept import Kept
from workbench.core.types import Array
from workbench.data.thumbnails import picture_of

Picture = Callable[[int, int], str]
"""The data URI of (row, box): an image of the dataset, for a size of at most `box` pixels."""
Parts = Callable[[Name], "Part | None"]
"""The images that a finding's `part` names; None where they are not at hand."""
LARGE, FULL = 64, 0.75
"""Pixels a side from which an image is scaled smoothly, where whole multiples would leave more of a box empty."""
KEEP = 64 * 2**20
"""Characters of pictures that an album keeps: 100,000 small ones, or 6,000 of photos."""


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
    """Return the size within `box` × `box`: a whole multiple for small images; large ones are scaled to fill it."""
    longest = max(height, width)
    times = box // longest
    if times and (longest < LARGE or times * longest >= FULL * box):
        return Size(width * times, height * times, True)
    return Size(max(1, round(width * box / longest)), max(1, round(height * box / longest)), False)


def image_uri(pixels: Array, size: Size) -> str:
    """Return the data URI of `(H, W, C)` uint8 for a size: lossless where each pixel is seen, else as a photo."""
    if size.pixelated:
        return data_uri(pixels)
    from PIL import Image

    small = shrink(pixels, size)
    stream = io.BytesIO()
    flat = small[..., 0] if small.ndim == 3 and small.shape[2] == 1 else small
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, "JPEG", quality=90, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def data_uri(pixels: Array) -> str:
    """Return `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` uint8 as a PNG data URI, pixel for pixel."""
    from PIL import Image

    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def shrink(pixels: Array, size: Size) -> Array:
    """Return a large image at twice the size it is shown at, for sharp screens; small ones unchanged."""
    from PIL import Image

    if size.pixelated or pixels.shape[1] <= 2 * size.width:
        return pixels
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    small = Image.fromarray(np.ascontiguousarray(flat)).resize(
        (2 * size.width, 2 * size.height), Image.Resampling.LANCZOS
    )
    return np.asarray(small)


def tag(uri: str, size: Size, alt: str = "", classes: str = "") -> Html:
    """Build the `<img>`."""
    css = " ".join(dict.fromkeys(f"{'px' if size.pixelated else ''} {classes}".split()))
    return element("img", class_=css, width=size.width, height=size.height, alt=alt, src=uri)


def album(dataset: Dataset, keep: int = KEEP) -> Picture:
    """Return a function from (row, box) to the data URI of that image.

    What was made is kept, up to `keep` characters, so that an image that is shown again is not read again.
    """
    height, width = dataset.image_shape[:2]
    kept: Kept[tuple[int, int], str] = Kept(keep, size=len)

    def picture(row: int, box: int) -> str:
        size = fit(height, width, box)
        key = (row, 0 if size.pixelated else box)  # the same pixels serve every size at which each of them is seen
        return kept.get(key) or kept.put(key, image_uri(picture_of(dataset, row), size))

    return picture
