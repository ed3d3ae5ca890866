"""An image file -> what the model takes: (H, W, C) uint8, and a description of each conversion."""

from __future__ import annotations

import ctypes
import logging
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.data.image_claims import (
    COUNTING,
    DECODING,
    LIMIT,
    LONGEST,
    MOST_BYTES,
    ClaimError,
    Metered,
    refuse_claims,
    refuse_decoding,
    refuse_directory,
)
from workbench.data.image_kinds import HEAD, HEIC, HEIC_HELP, kind_of
from workbench.data.regular_file import NOT_REGULAR, read_regular
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation, cropped, fitted, other_proportions, padded

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM")
LARGE = 4_000_000  # pixels; of what has more, one image is decoded at a time
DEEP = "more than 8 bits"
"""What is noted down in the `info` of an image that had them."""
TURN, FRAMES = "orientation", "frames"
"""Where its orientation and its frames are noted down there, once they are known."""
AS_STORED = "Keras' readers leave them as they are stored"
"""What is said of photos that are turned upright."""
SILENT = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as Python keeps its filters of warnings
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270"} | {
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What makes an image upright, by its EXIF orientation."""

_large = threading.Lock()


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
        with _decoded(source, enough, held, within) as (image, size):
            plain, words = _upright(image, image_shape[2], invert)
            whole = size[::-1] if _orientation(image) in (5, 6, 7, 8) else size
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
    with ExitStack() as held, _decoded(source, 512, held) as (image, (width, height)):
        _, words = _upright(image, 1, False)  # as it will be read, so that nothing fails later that did not fail here
        turned = _orientation(image) in (5, 6, 7, 8)  # a quarter turn
        shape = (width, height) if turned else (height, width)
        return Look(
            *shape,
            coloured="colour converted to grey" in words,
            transparent="transparency dropped" in words,
            turned="rotated upright" in words,
            deep=bool(image.info.get(DEEP)),
        )


@contextmanager
def _decoded(
    source: str | Path | bytes, side: int | None, held: ExitStack, within: Path | None = None
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Give the decoded image and its (width, height) in the file; what fails in here is said in one sentence.

    Args:
        source: path or content.
        side: pixels a side that are enough; a larger JPEG is decoded at a half, quarter or eighth, much faster. None
            where every pixel is needed.
        held: closed by the caller once it needs the pixels no more; one large image is held at a time.
        within: as `read_image` takes it.
    """
    from PIL import Image, UnidentifiedImageError

    name = "The image" if isinstance(source, bytes) else Path(source).name
    content = source if isinstance(source, bytes) else _content(Path(source), within)
    _hush()
    try:
        refuse_claims(content)
        file = Metered(content)
        with Image.open(file, formats=_formats()) as image:
            _refuse(image, name)
            refuse_decoding(image, content)
            if image.width * image.height > LARGE:
                held.enter_context(_large)
            size = image.size
            if side is not None:
                image.draft(None, (side, side))
            deep = _is_deep(image)
            file.last(DECODING)
            image.load()
            frames = _frames(image, content)
            shallow = _high_byte(image) if deep else image
            shallow.info |= {DEEP: deep, FRAMES: frames}
            yield shallow, size
    except WorkbenchError:
        raise
    except ClaimError as error:
        raise Unreadable(f"{name} is not read: {error}.", error.reason) from None
    except UnidentifiedImageError:
        if kind_of(content[:HEAD]) == HEIC:
            raise Unreadable(f"{name} is an HEIC photo: {HEIC_HELP}.", "HEIC") from None
        raise Unreadable(f"{name} is not an image. It must be one of {', '.join(FORMATS)}.", "not an image") from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except Exception as error:  # noqa: BLE001 - a dozen decoders, each with its own
        said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise Unreadable(
            f"{name} is damaged and cannot be decoded: {said}.",
            "truncated" if "truncated" in said.casefold() or isinstance(error, EOFError) else "damaged",
        ) from None


def _content(path: Path, within: Path | None) -> bytes:
    """Read a file whole.

    Raises:
        Unavailable: if there is none.
        Unreadable: if it is none that can be read.
    """
    try:
        return read_regular(path, MOST_BYTES, within=within)
    except FileNotFoundError:
        raise Unavailable(f"There is no image file {str(path)!r}.") from None
    except IsADirectoryError:
        reason = NOT_REGULAR
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = getattr(error, "strerror", None) or "cannot be read"
    if reason == NOT_REGULAR:
        raise Unreadable(f"{path.name} is a folder or a device. An image must be a regular file.", reason)
    raise Unreadable(f"{path.name} cannot be read: {reason}.", reason)


def _hush() -> None:
    """Silence Pillow's warnings: of bombs (our own limit is lower, and an error) and of odd metadata.

    For good, not for a while: `warnings.catch_warnings` mixes up threads, and images are decoded by several.
    """
    if SILENT not in warnings.filters:
        warnings.filterwarnings("ignore", module=SILENT[3].pattern)
    _hush_libraries()


@cache
def _hush_libraries() -> None:
    """Silence what Pillow logs, and what libtiff prints on the terminal; whatever matters is an error as well."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with suppress(OSError, AttributeError):  # where it is linked otherwise, as on Windows
        ctypes.CDLL(import_module("PIL._imaging").__file__).TIFFSetErrorHandler(None)


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


def _refuse(image: Image.Image, name: str) -> None:
    """Look at the header; nothing is decoded yet."""
    if image.width * image.height > LIMIT:
        raise _too_large(name, f" It has {image.width}×{image.height}.")
    if max(image.size) > LONGEST:
        raise Unreadable(
            f"{name} is too long: a side has at most {LONGEST:,} pixels. It has {image.width}×{image.height}.",
            f"a side of more than {LONGEST:,} pixels",
        )
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
    made = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    made.info[TURN] = _orientation(image)
    return made


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where nothing tells it, or what tells it is damaged."""
    if (known := image.info.get(TURN)) is not None:
        return int(known)
    found: Any = 1
    with suppress(Exception):  # of metadata that is damaged, without which the picture is seen all the same
        for name in ("exif", "Raw profile type exif"):
            raw = image.info.get(name, b"")
            raw = raw if isinstance(raw, bytes) else bytes.fromhex("".join(raw.split("\n")[3:]))
            refuse_directory(raw.removeprefix(b"Exif\0\0"))
        found = image.getexif().get(0x0112, 1)
    turn = found if isinstance(found, int) and found in TURNS else 1
    image.info[TURN] = turn
    return turn


def _frames(image: Image.Image, content: bytes) -> str:
    """Say how many frames there are; "" of one, and of a photo whose second frame is its preview."""
    from PIL import Image

    if image.format == "MPO" or not (image.format == "GIF" or getattr(image, "is_animated", False)):
        return ""
    try:  # in an image of its own, since it is gone through to its end
        file = Metered(content)
        file.last(COUNTING)
        with Image.open(file, formats=[str(image.format)]) as whole:
            count = getattr(whole, "n_frames", 1)
    except Exception:  # noqa: BLE001 - whatever a later frame has, the first is there
        return "first of several frames"
    return f"first of {count} frames" if count > 1 else ""


def _too_large(name: str, size: str = "") -> Unreadable:
    most = LIMIT // 1_000_000
    return Unreadable(
        f"{name} is too large: at most {most} megapixels are read.{size} Downscale it first.",
        f"more than {most} megapixels",
    )


def _upright(image: Image.Image, channels: int, invert: bool) -> tuple[Image.Image, list[str]]:
    """Frame, orientation, alpha, channels, inversion: in this order; and a phrase for each that was changed."""
    from PIL import Image, ImageOps

    words = ["high 8 of 16 bits"] if image.info.get(DEEP) else []
    words += [frames] if (frames := image.info.get(FRAMES)) else []
    turned, orientation = image, _orientation(image)
    if orientation != 1:
        turned = image.transpose(Image.Transpose[TURNS[orientation]])
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
