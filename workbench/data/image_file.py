"""An image file -> what the model takes: (H, W, C) uint8, and a description of each conversion."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
LIMIT = 40_000_000  # pixels
SILENT = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as Python keeps its filters of warnings


class Unreadable(WorkbenchError):
    """An image file that cannot be used; `reason` says why in a few words, for lists of such files."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class Look:
    """What an image file is, known after decoding all of it.

    Attributes:
        height, width: pixels, once it is turned upright.
        coloured: whether any pixel is anything but grey.
        transparent: whether any pixel is not opaque.
    """

    height: int
    width: int
    coloured: bool
    transparent: bool


def read_image(
    source: str | Path | bytes, image_shape: tuple[int, int, int], *, invert: bool = False
) -> tuple[Array, list[str]]:
    """Read an image file and fit it to what a model takes.

    The proportions are kept: what is missing to (H, W) is filled with the colour of the image's border. Transparent
    places become black.

    Args:
        source: path, or content, of a PNG, JPEG, GIF, BMP, WebP or TIFF file with 8 bits a channel.
        image_shape: (H, W, C) of the model, C = 1 or 3.
        invert: invert the image, for a model trained on light objects on black, as in Fashion-MNIST.

    Returns:
        `(H, W, C)` uint8, and one phrase for each thing that was changed, in order.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no image, has more than 40 megapixels, or more than 8 bits a channel.
    """
    with _decoded(source, 2 * max(image_shape[:2])) as (image, size):
        return _fitted(image, image_shape, size, invert)


def look_at(source: str | Path | bytes) -> Look:
    """Decode an image file once, to see whether it is whole and what it is.

    Raises:
        Unavailable: if there is no such file.
        Unreadable: as `read_image`.
    """
    with _decoded(source, 512) as (image, (width, height)):
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # a quarter turn
        transparent = image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != 255
        # Seen as it will be read: what a transparent pixel hides is no colour.
        coloured = not _colourless(_opaque(image)) if image.mode not in ("L", "1") else False
        return Look(*((width, height) if turned else (height, width)), coloured, transparent)


@contextmanager
def _decoded(source: str | Path | bytes, side: int) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Give the decoded image and its (width, height) in the file; what fails in here is said in one sentence.

    Args:
        source: path or content.
        side: pixels a side that are enough; a larger JPEG is decoded at a half, quarter or eighth, much faster.
    """
    from PIL import Image, UnidentifiedImageError

    name = "The image" if isinstance(source, bytes) else Path(source).name
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise Unavailable(f"There is no image file {str(source)!r}.")
    _hush()
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            _refuse(image, name)
            size = image.size
            image.draft(None, (side, side))
            image.load()
            yield image, size
    except WorkbenchError:
        raise
    except UnidentifiedImageError:
        raise Unreadable(f"{name} is not an image. It must be one of {', '.join(FORMATS)}.", "not an image") from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError) as error:
        raise Unreadable(
            f"{name} is damaged and cannot be decoded: {error or type(error).__name__}.",
            "truncated" if "truncated" in str(error).casefold() or isinstance(error, EOFError) else "damaged",
        ) from None


def _hush() -> None:
    """Silence Pillow's warnings: of bombs (our own limit is lower, and an error) and of odd metadata.

    For good, not for a while: `warnings.catch_warnings` mixes up threads, and images are decoded by several.
    """
    if SILENT not in warnings.filters:
        warnings.filterwarnings("ignore", module=SILENT[3].pattern)


def _refuse(image: Image.Image, name: str) -> None:
    """Look at the header; nothing is decoded yet."""
    if image.width * image.height > LIMIT:
        raise _too_large(name, f" It has {image.width}×{image.height}.")
    # Pillow cuts the 16 bits of a colour PNG down without a word; only the raw mode in `tile` tells.
    raw = str([tile[3] for tile in getattr(image, "tile", ())])
    if image.mode.startswith(("I", "F")) or ";16" in raw or ";32" in raw:
        raise Unreadable(
            f"{name} has more than 8 bits a channel. Save it with 8 bits (0…255) and try again.",
            "more than 8 bits a channel",
        )


def _too_large(name: str, size: str = "") -> Unreadable:
    most = LIMIT // 1_000_000
    return Unreadable(
        f"{name} is too large: at most {most} megapixels are read.{size} Downscale it first.",
        f"more than {most} megapixels",
    )


def _fitted(
    image: Image.Image, image_shape: tuple[int, int, int], size: tuple[int, int], invert: bool
) -> tuple[Array, list[str]]:
    """Frame, orientation, alpha, channels, inversion, size: in this order."""
    from PIL import ImageOps

    height, width, channels = image_shape
    words = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a photo's second frame is its preview
        words.append(f"first of {frames} frames")
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) != 1:
        words.append("rotated upright")
    if turned.has_transparency_data and turned.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        words.append("transparent pixels made black")
    grey = _opaque(turned)
    mode = "L" if channels == 1 else "RGB"
    if mode == "L" and grey.mode == "RGB" and not _colourless(grey):
        words.append("colour converted to grey")
    if mode == "RGB" and grey.mode != "RGB":
        words.append("grey converted to colour")
    plain = grey.convert(mode)
    if invert:
        plain = ImageOps.invert(plain)
        words.append("inverted")
    if plain.size != (width, height):
        whole = size[::-1] if (image.width > image.height) != (turned.width > turned.height) else size
        words.append(f"resized from {whole[0]}×{whole[1]} to {width}×{height}")
        plain, padded = _resized(plain, width, height)
        words += ["padded with the border colour"] if padded else []
    return np.asarray(plain, np.uint8).reshape(height, width, channels).copy(), words


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image as L, 1 or RGB: transparent places black, other kinds of colour as RGB."""
    from PIL import Image

    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer).convert("RGB")
    return image if image.mode in ("L", "1") else image.convert("RGB")


def _colourless(image: Image.Image) -> bool:
    if image.mode != "RGB":
        return True
    red, green, blue = (channel.tobytes() for channel in image.split())
    return red == green == blue


def _resized(image: Image.Image, width: int, height: int) -> tuple[Image.Image, bool]:
    """Resize with antialiasing so that it fits, centred, and say whether anything had to be filled."""
    from PIL import Image

    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])  # (pixels, C) or (pixels,)
    colour = np.median(border, axis=0).astype(int)
    canvas = Image.new(image.mode, (width, height), int(colour) if image.mode == "L" else tuple(colour.tolist()))
    canvas.paste(image.resize(inner, Image.Resampling.BILINEAR), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas, inner != (width, height)
