"""Images that were tampered with: the reader gives pixels or its own sentence, and a look tells which beforehand."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from workbench.core.errors import WorkbenchError
from workbench.data.image_file import look_at, read_image

WORDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 255, 256, 32773, 34925, 65535)
LONGS = (0, 1, 7, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1)


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


def seeds() -> Iterator[bytes]:
    """Yield small sound files of every format that is read, with metadata, frames, palettes and odd depths."""
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


def mutated(seed: bytes, random: random.Random) -> bytes:
    """Change a few places of a file: bytes, numbers, pieces; of PNG chunks the checksums are then made right."""
    data = bytearray(seed)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(min(len(data), random.choice((64, 400, 10**6))))
        match random.randrange(8):
            case 0:
                data[place] ^= 1 << random.randrange(8)
            case 1:
                data[place] = random.randrange(256)
            case 2:
                data[place : place + 2] = struct.pack(random.choice("<>") + "H", random.choice(WORDS))
            case 3:
                data[place : place + 4] = struct.pack(random.choice("<>") + "I", random.choice(LONGS))
            case 4:
                del data[place:]
            case 5:
                del data[place : place + random.randint(1, 20)]
            case 6:
                data[place:place] = random.randbytes(random.randint(1, 20))
            case 7:
                piece = bytes(data[place : place + random.randint(4, 60)])
                data[place:place] = piece * random.choice((1, 1, 1, 40))
        data = data or bytearray(1)
    return _with_checksums(bytes(data)) if random.random() < 0.8 else bytes(data)


def _with_checksums(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, place = bytearray(data), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4])
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[place + 4 : end]))
        place = end + 4
    return bytes(made)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # type: ignore[arg-type]  # of each format its own
    return file.getvalue()
