"""The content of an image file -> a decoded image, or one sentence that says why not; every decoder is behind this."""

from __future__ import annotations

import ctypes
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
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

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM")
LARGE = 4_000_000  # pixels; of what has more, one image is decoded at a time
DEEP = "more than 8 bits"
"""What is noted down in the `info` of an image that had them."""
TURN, FRAMES = "orientation", "frames"
"""Where its orientation and its frames are noted down there, once they are known."""
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


@contextmanager
def decoded(
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
    made.info[TURN] = orientation(image)
    return made


def orientation(image: Image.Image) -> int:
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
