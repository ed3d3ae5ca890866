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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.data.image_kinds import HEAD, HEIC, HEIC_HELP, kind_of
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation, cropped, fitted, other_proportions, padded

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM")
LIMIT = 40_000_000  # pixels
DEEP = "more than 8 bits"
"""What is noted down in the `info` of an image that had them."""
AS_STORED = "Keras' readers leave them as they are stored"
"""What is said of photos that are turned upright."""
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
        turned: whether it has to be turned upright, or mirrored, as its EXIF orientation says.
        coloured: whether any pixel is anything but grey.
        transparent: whether any pixel is not opaque.
        deep: whether it has 16 bits a channel, of which the high 8 are read.
    """

    height: int
    width: int
    coloured: bool
    transparent: bool
    turned: bool = False
    deep: bool = False


def read_image(
    source: str | Path | bytes,
    image_shape: tuple[int, int, int],
    *,
    invert: bool = False,
    fit: Fit = STRETCH,
    interpolation: Interpolation = BILINEAR,
) -> tuple[Array, list[str]]:
    """Read an image file and fit it to what a model takes.

    By default it is stretched to (H, W), bilinearly and without antialiasing: the pixels that
    `keras.utils.image_dataset_from_directory` gives, but for rounding (mean difference 0.25 of 255; of JPEG files 1.0,
    which TensorFlow decodes with a faster DCT; 4 to 13 with antialiasing). `load_img(interpolation="bilinear")`
    antialiases, as "antialias" does here; `flow_from_directory` and `load_img` take "nearest" by themselves.
    Transparency is dropped, as all of them do; photos are turned upright, which none of them does.

    Args:
        source: path, or content, of a PNG, JPEG, GIF, BMP, WebP, TIFF, AVIF or PPM file with 8 bits a channel; of a PNG
            file with 16 the high 8 are read, as `tf.io.decode_png` does.
        image_shape: (H, W, C) of the model, C = 1 or 3.
        invert: invert the image, for a model trained on light objects on black, as in Fashion-MNIST.
        fit: what is done about other proportions: `workbench.data.resizing.fitted`.
        interpolation: one of Keras' names, or "antialias".

    Returns:
        `(H, W, C)` uint8, and one phrase for each thing that was changed, in order.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no image, has more than 40 megapixels, or more than 8 bits a channel.
    """
    # Every pixel counts where none is averaged away; these two average anyhow.
    enough = 2 * max(image_shape[:2]) if interpolation in ("area", "antialias") else None
    with _decoded(source, enough) as (image, size):
        plain, words = _upright(image, image_shape[2], invert)
        words = [*(["high 8 of 16 bits"] if image.info.get(DEEP) else []), *words]
        whole = size[::-1] if (image.width > image.height) != (plain.width > plain.height) else size
        words += fitting_words(whole[::-1], image_shape[:2], fit)
        pixels = np.asarray(plain, np.uint8).reshape(plain.height, plain.width, image_shape[2])
        return np.ascontiguousarray(fitted(pixels, image_shape[:2], fit, interpolation)), words


def fitting_words(shape: tuple[int, int], size: tuple[int, int], fit: Fit) -> list[str]:
    """Say in phrases what fitting an image of `shape`, (h, w), to `size`, (H, W), does."""
    if shape == size:
        return []
    words = [f"resized from {shape[1]}×{shape[0]} to {size[1]}×{size[0]}"]
    if fit == "stretch":
        return [*words, "stretched"] if other_proportions(shape, size) else words
    if fit == "pad":
        return [*words, "padded with black"] if padded(shape, size)[2:] != size else words
    height, width = cropped(shape, size)[2:]
    return [f"cropped to the middle {width}×{height}", *words] if (height, width) != shape else words


def look_at(source: str | Path | bytes) -> Look:
    """Decode an image file once, to see whether it is whole and what it is.

    Raises:
        Unavailable: if there is no such file.
        Unreadable: as `read_image`.
    """
    with _decoded(source, 512) as (image, (width, height)):
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # a quarter turn
        transparent = image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != 255
        # Seen as it will be read.
        coloured = not _colourless(_opaque(image)) if image.mode not in ("L", "1") else False
        upright = image.getexif().get(0x0112, 1) in range(2, 9)
        shape = (width, height) if turned else (height, width)
        return Look(*shape, coloured, transparent, upright, bool(image.info.get(DEEP)))


@contextmanager
def _decoded(source: str | Path | bytes, side: int | None) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Give the decoded image and its (width, height) in the file; what fails in here is said in one sentence.

    Args:
        source: path or content.
        side: pixels a side that are enough; a larger JPEG is decoded at a half, quarter or eighth, much faster. None
            where every pixel is needed.
    """
    from PIL import Image, UnidentifiedImageError

    name = "The image" if isinstance(source, bytes) else Path(source).name
    if not isinstance(source, bytes) and not Path(source).is_file():
        if Path(source).exists():
            raise Unreadable(f"{name} is a folder or a device. An image must be a regular file.", "not a regular file")
        raise Unavailable(f"There is no image file {str(source)!r}.")
    _hush()
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats()) as image:
            _refuse(image, name)
            size = image.size
            if side is not None:
                image.draft(None, (side, side))
            deep = _is_deep(image)
            image.load()
            shallow = _high_byte(image) if deep else image
            shallow.info[DEEP] = deep
            yield shallow, size
    except WorkbenchError:
        raise
    except UnidentifiedImageError:
        if kind_of(_head(source)) == HEIC:
            raise Unreadable(f"{name} is an HEIC photo: {HEIC_HELP}.", "HEIC") from None
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


def _formats() -> tuple[str, ...]:
    """The formats that are read; HEIC too where the user has installed what reads it."""
    return (*FORMATS, "HEIF") if reads_heic() else FORMATS


@cache
def reads_heic() -> bool:
    """Whether pillow-heif is there; it is no dependency."""
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]  # no dependency
    except ImportError:
        return False
    register_heif_opener()
    return True


def _head(source: str | Path | bytes) -> bytes:
    """The first bytes of a file."""
    if isinstance(source, bytes):
        return source[:HEAD]
    with Path(source).open("rb") as file:
        return file.read(HEAD)


def _refuse(image: Image.Image, name: str) -> None:
    """Look at the header; nothing is decoded yet."""
    if image.width * image.height > LIMIT:
        raise _too_large(name, f" It has {image.width}×{image.height}.")
    if image.format != "PNG" and (image.mode.startswith(("I", "F")) or _is_deep(image)):
        raise Unreadable(
            f"{name} has more than 8 bits a channel. Save it with 8 bits (0…255) and try again.",
            "more than 8 bits a channel",
        )


def _is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a channel; known before it is decoded alone.

    Pillow cuts those of a colour PNG down to the high 8 without a word; only the raw mode in `tile` tells.
    """
    raw = str([tile[3] for tile in getattr(image, "tile", ())])
    return ";16" in raw or ";32" in raw


def _high_byte(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 bits with the high 8 of them, as libpng strips them for TensorFlow."""
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    exif = image.getexif()
    made = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if exif:
        made.info["exif"] = exif.tobytes()
    return made


def _too_large(name: str, size: str = "") -> Unreadable:
    most = LIMIT // 1_000_000
    return Unreadable(
        f"{name} is too large: at most {most} megapixels are read.{size} Downscale it first.",
        f"more than {most} megapixels",
    )


def _upright(image: Image.Image, channels: int, invert: bool) -> tuple[Image.Image, list[str]]:
    """Frame, orientation, alpha, channels, inversion: in this order; and a phrase for each that was changed."""
    from PIL import ImageOps

    words = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a photo's second frame is its preview
        words.append(f"first of {frames} frames")
    turned = image
    if image.getexif().get(0x0112, 1) != 1:
        turned = ImageOps.exif_transpose(image)
        words.append("rotated upright")
    if turned.has_transparency_data and turned.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        words.append("transparency dropped")
    grey = _opaque(turned)
    mode = "L" if channels == 1 else "RGB"
    if mode == "L" and grey.mode == "RGB" and not _colourless(grey):
        words.append("colour converted to grey")
    if mode == "RGB" and grey.mode != "RGB":
        words.append("grey converted to colour")
    plain = grey if grey.mode == mode else grey.convert(mode)
    if invert:
        plain = ImageOps.invert(plain)
        words.append("inverted")
    return plain, words


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image as L, 1 or RGB. Transparency is dropped, as Keras' readers do: what it hid is seen."""
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGB")
    return image if image.mode in ("L", "1", "RGB") else image.convert("RGB")


def _colourless(image: Image.Image) -> bool:
    if image.mode != "RGB":
        return True
    red, green, blue = (channel.tobytes() for channel in image.split())
    return red == green == blue
