"""Images that were tampered with: the reader gives pixels or its own sentence, and a look tells which beforehand."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from workbench.core.errors import WorkbenchError
from workbench.data.image_file import look_at, read_image


def attack(data: bytes) -> None:
    """Look at one file and read it.

    Raises:
        WorkbenchError: if it is no image.
        AssertionError: if a look and a reading disagree, or the pixels are not what a model takes.
    """
    seen: WorkbenchError | None = None
    try:
        look_at(data)
    except WorkbenchError as error:
        seen = error
    try:
        pixels, words = read_image(data, (6, 5, 3))
    except WorkbenchError:
        assert seen is not None, "the look saw nothing"
        assert str(seen).endswith(".") and str(seen) == " ".join(str(seen).split()), str(seen)
        raise
    assert seen is None, "the look said that it cannot be read"
    assert pixels.shape == (6, 5, 3) and pixels.dtype == np.uint8
    assert all(words)


def seeds() -> list[bytes]:
    """Return small sound files of every format that is read, with metadata, frames, palettes and odd depths."""
    return list(_made())


def _made() -> Iterator[bytes]:
    grey = Image.fromarray((np.add.outer(np.arange(9) * 20, np.arange(11) * 7) % 256).astype(np.uint8))
    colour = Image.merge(
        "RGB", (grey, grey.transpose(Image.Transpose.ROTATE_180), grey.point(lambda value: 255 - value))
    )
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "described", 72.0
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield _saved(colour.convert(mode), "PNG", exif=exif)
    for mode in ("L", "RGB", "CMYK"):
        yield _saved(colour.convert(mode), "JPEG", exif=exif, icc_profile=bytes(200))
    yield _saved(colour, "JPEG", progressive=True)
    yield _saved(colour, "MPO", save_all=True, append_images=[grey])
    yield _saved(colour, "GIF", save_all=True, append_images=[grey, colour], comment=b"said")
    yield _saved(colour, "PNG", save_all=True, append_images=[colour])
    yield _saved(colour, "WEBP", exif=exif)
    yield _saved(colour, "WEBP", save_all=True, append_images=[colour])
    yield _saved(colour.resize((16, 16)), "AVIF", exif=exif)
    for mode in ("1", "L", "P", "RGB"):
        yield _saved(colour.convert(mode), "BMP")
    for mode in ("1", "L", "RGB"):
        yield _saved(colour.convert(mode), "PPM")
    yield b"P2 3 2 200\n# said\n0 1 2 3 4 200\n"
    # Compressions that do not fit the mode are left to mutation: libtiff may die of saving them.
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        for mode in ("L", "P", "RGB", "RGBA", "CMYK"):
            yield _saved(colour.convert(mode), "TIFF", compression=compression, exif=exif)
    yield _saved(colour.convert("1"), "TIFF", compression="group4")
    yield _saved(colour, "TIFF", compression="jpeg")
    yield _saved(colour, "TIFF", big_tiff=True)
    yield _saved(colour, "TIFF", save_all=True, append_images=[grey.copy(), colour.copy()])


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # type: ignore[arg-type]  # of each format its own
    return file.getvalue()
