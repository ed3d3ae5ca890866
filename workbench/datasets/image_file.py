"""One image of a user's -> what the model takes: (H, W, C) uint8, and words about what was done to it."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.contracts import Array
from workbench.errors import Unavailable, WorkbenchError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
LIMIT = 40_000_000  # pixels


def read_image(
    source: str | Path | bytes, image_shape: tuple[int, int, int], *, invert: bool = False
) -> tuple[Array, list[str]]:
    """Read an image file and fit it to what a model takes.

    The proportions are kept: what is missing to (H, W) is filled with the colour of the image's border. Transparent
    places become black.

    Args:
        source: path, or content, of a PNG, JPEG, GIF, BMP, WebP or TIFF file with 8 bits a channel.
        image_shape: (H, W, C) of the model, C = 1 or 3.
        invert: turn light into dark, for a model that learned light things on black, as Fashion-MNIST's are.

    Returns:
        `(H, W, C)` uint8, and one phrase for each thing that was changed, in order.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no image, has more than 40 megapixels, or more than 8 bits a channel.
    """
    from PIL import Image, UnidentifiedImageError

    name = "The image" if isinstance(source, bytes) else Path(source).name
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise Unavailable(f"There is no image file {str(source)!r}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower, and an error
        try:
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                _refuse(image, name)
                image.load()
                return _fitted(image, image_shape, invert)
        except WorkbenchError:
            raise
        except UnidentifiedImageError:
            raise WorkbenchError(f"{name} is not an image. It must be one of {', '.join(FORMATS)}.") from None
        except Image.DecompressionBombError:
            raise WorkbenchError(_too_large(name)) from None
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError) as error:
            raise WorkbenchError(f"{name} is damaged and cannot be decoded: {error or type(error).__name__}.") from None


def _refuse(image: Image.Image, name: str) -> None:
    """Look at the header; nothing is decoded yet."""
    if image.width * image.height > LIMIT:
        raise WorkbenchError(_too_large(name, f" It has {image.width}×{image.height}."))
    # Pillow cuts the 16 bits of a colour PNG down without a word; only the raw mode in `tile` tells.
    raw = str([tile[3] for tile in getattr(image, "tile", ())])
    if image.mode.startswith(("I", "F")) or ";16" in raw or ";32" in raw:
        raise WorkbenchError(f"{name} has more than 8 bits a channel. Save it with 8 bits (0…255) and try again.")


def _too_large(name: str, size: str = "") -> str:
    return f"{name} is too large: at most {LIMIT // 1_000_000} megapixels are read.{size} Make it smaller first."


def _fitted(image: Image.Image, image_shape: tuple[int, int, int], invert: bool) -> tuple[Array, list[str]]:
    """Frame, orientation, alpha, channels, inversion, size: in this order."""
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    words = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a photo's second frame is its preview
        words.append(f"first of {frames} frames")
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) != 1:
        words.append("turned upright")
    plain: Image.Image = turned
    if turned.has_transparency_data:
        layer = turned.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            words.append("laid on black, where it was transparent")
        plain = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer).convert("RGB")
    grey = plain.convert("RGB") if plain.mode not in ("L", "1") else plain
    mode = "L" if channels == 1 else "RGB"
    if mode == "L" and grey.mode == "RGB" and not _colourless(grey):
        words.append("colour turned to grey")
    if mode == "RGB" and grey.mode != "RGB":
        words.append("grey turned to colour")
    plain = grey.convert(mode)
    if invert:
        plain = ImageOps.invert(plain)
        words.append("inverted")
    if plain.size != (width, height):
        words.append(f"resized from {plain.width}×{plain.height} to {width}×{height}")
        plain, padded = _resized(plain, width, height)
        words += ["padded with the colour of its border"] if padded else []
    return np.asarray(plain, np.uint8).reshape(height, width, channels).copy(), words


def _colourless(image: Image.Image) -> bool:
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
