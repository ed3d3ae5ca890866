"""An image file -> what the model takes: (H, W, C) uint8, and a description of each conversion."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.data.image_decoding import DEEP, FRAMES, TURNS, decoded, orientation
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation, cropped, fitted, other_proportions, padded

if TYPE_CHECKING:
    from PIL import Image

AS_STORED = "Keras' readers leave them as they are stored"
"""What is said of photos that are turned upright."""


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
    within: Path | None = None,
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
        within: folder, resolved, that a file must lie in; anywhere, if not given.

    Returns:
        `(H, W, C)` uint8, and one phrase for each thing that was changed, in order.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no image, has more than 40 megapixels, or more than 8 bits a channel.
    """
    return read_fits(source, image_shape, (fit,), invert=invert, interpolation=interpolation, within=within)[0]


def read_fits(
    source: str | Path | bytes,
    image_shape: tuple[int, int, int],
    fits: Sequence[Fit],
    *,
    invert: bool = False,
    interpolation: Interpolation = BILINEAR,
    within: Path | None = None,
) -> list[tuple[Array, list[str]]]:
    """Read an image file once, and fit it in several ways; otherwise as `read_image` does."""
    # Every pixel counts where none is averaged away; these two average anyhow.
    enough = 2 * max(image_shape[:2]) if interpolation in ("area", "antialias") else None
    with ExitStack() as held:
        with decoded(source, enough, held, within) as (image, size):
            plain, words = _upright(image, image_shape[2], invert)
            whole = size[::-1] if orientation(image) in (5, 6, 7, 8) else size
            pixels = np.asarray(plain, np.uint8).reshape(plain.height, plain.width, image_shape[2])
        taken = image_shape[:2]
        return [
            (
                np.ascontiguousarray(fitted(pixels, taken, fit, interpolation)),
                words + fitting_words(whole[::-1], taken, fit),
            )
            for fit in fits
        ]


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
    with ExitStack() as held, decoded(source, 512, held) as (image, (width, height)):
        _, words = _upright(image, 1, False)  # as it will be read, so that nothing fails later that did not fail here
        turned = orientation(image) in (5, 6, 7, 8)  # a quarter turn
        shape = (width, height) if turned else (height, width)
        return Look(
            *shape,
            coloured="colour converted to grey" in words,
            transparent="transparency dropped" in words,
            turned="rotated upright" in words,
            deep=bool(image.info.get(DEEP)),
        )


def _upright(image: Image.Image, channels: int, invert: bool) -> tuple[Image.Image, list[str]]:
    """Frame, orientation, alpha, channels, inversion: in this order; and a phrase for each that was changed."""
    from PIL import Image, ImageOps

    words = ["high 8 of 16 bits"] if image.info.get(DEEP) else []
    words += [frames] if (frames := image.info.get(FRAMES)) else []
    turned, turn = image, orientation(image)
    if turn != 1:
        turned = image.transpose(Image.Transpose[TURNS[turn]])
        words.append("rotated upright")
    if turned.has_transparency_data and _least_alpha(turned) != 255:
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


def _least_alpha(image: Image.Image) -> int:
    alpha = image if image.mode == "RGBA" else image.convert("RGBA")
    return int(alpha.getchannel("A").getextrema()[0])  # type: ignore[arg-type]  # of one channel


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image as L, 1 or RGB. Transparency is dropped, as Keras' readers do: what it hid is seen."""
    if image.has_transparency_data:
        return (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGB")
    return image if image.mode in ("L", "1", "RGB") else image.convert("RGB")


def _colourless(image: Image.Image) -> bool:
    from PIL import ImageChops

    if image.mode != "RGB":
        return True
    red, green, blue = image.split()
    return all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
