"""What an image file claims to hold, looked at before a decoder believes it; and how much a decoder may read for it.

Decoders follow what a file says: a directory of tags whose values overlap becomes many times the file, a million empty
chunks are gone through one by one, a picture is decoded once for each of its scans.
"""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Iterator
from typing import Any

LIMIT = 40_000_000
"""Pixels of an image."""
LONGEST = 65_535
"""Pixels of a side; no JPEG has more."""
MOST_BYTES = 256 * 2**20
"""Bytes of a file; 40 million pixels of three channels of 16 bits have 240 MB."""
MOST_READS = 300_000
"""How often a decoder may ask for bytes; one that asks for a block has asked 4,000 times for the largest file."""
OPENING, DECODING, COUNTING = 1.0, 10.0, 0.3
"""Seconds of a processor until size and metadata are known, for all pixels (40 million take 1.5), and for frames."""
MOST_SCANNED = 800_000_000
"""Pixels of a progressive JPEG times its scans, of which there are ten as a rule."""
MOST_STRIPS = 200_000
OVERLAP = 2
"""How many times larger than the file the values of its tags may be together."""
COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""Of TIFF: none, CCITT, LZW, JPEG, Deflate and PackBits; the others of libtiff are hardly used, or no longer kept."""
SLOW = {"ppm": 300_000, "ppm_plain": 2_000_000, "bmp_rle": 4_000_000}
"""Pixels of what Pillow decodes in Python, one after the other, by the name of its decoder."""
SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
"""Bytes of a value, by the number of its type in a directory of tags."""


class ClaimError(Exception):
    """A file claims what no picture has; `reason` says what in a few words."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Metered(io.BytesIO):
    """The content of a file, of which a decoder may read a few times as much, for a few seconds; else `ClaimError`."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._bytes, self._reads = 4 * len(content) + 2**22, MOST_READS
        self.last(OPENING)

    def last(self, seconds: float) -> None:
        """Allow some more seconds of this thread, from now on."""
        self._end = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does, and count it."""
        content = super().read(size)
        self._bytes, self._reads = self._bytes - len(content), self._reads - 1
        if self._bytes < 0 or self._reads < 0 or time.thread_time() > self._end:
            raise ClaimError("its parts are gone through too often", "too many parts")
        return content


def refuse_claims(content: bytes) -> None:
    """Look at the directories of tags that Pillow reads before it gives an image.

    Raises:
        ClaimError: if one of them has values that overlap, or more strips than a picture.
    """
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        refuse_directory(content)
        for tag, _, count, value in _entries(content):
            if tag in (273, 324) and count > MOST_STRIPS:
                raise ClaimError(f"it claims {count:,} strips", "too many strips")
            if tag == 259 and value not in COMPRESSIONS:
                raise ClaimError(
                    f"its TIFF compression, number {value}, is not read. Save it with LZW or Deflate, or as PNG",
                    "unusual TIFF compression",
                )
    elif content[:2] == b"\xff\xd8":
        exif = b""
        for kind, segment in _segments(content):
            if kind == 0xE1 and segment.startswith(b"Exif\0\0"):
                exif += segment[6:]
            elif kind == 0xE2 and segment.startswith(b"MPF\0"):
                refuse_directory(segment[4:])
        refuse_directory(exif)


def refuse_directory(content: bytes) -> None:
    """Look at the first directory of tags of a TIFF file or of EXIF data.

    Raises:
        ClaimError: if its values have more bytes together than there are: they overlap.
    """
    claimed = 0
    for _, kind, count, _ in _entries(content):
        claimed += count * SIZES[kind] if kind < len(SIZES) and count * SIZES[kind] <= len(content) else 0
        if claimed > OVERLAP * len(content) + 2**16:
            raise ClaimError("its tags overlap", "tags that overlap")


def refuse_decoding(image: Any, content: bytes) -> None:
    """Look at what is known of an image that was opened, before it is decoded.

    Args:
        image: of Pillow.
        content: of its file.

    Raises:
        ClaimError: if decoding it would take too long.
    """
    pixels = image.width * image.height
    for tile in getattr(image, "tile", ())[:1]:
        comments = tile[0] == "ppm_plain" and content.count(b"#") > 100
        if comments or pixels > SLOW.get(tile[0], LIMIT):
            raise ClaimError("this kind of it is read slowly, and it is too large for that. Save it as PNG", "too slow")
    if image.info.get("progressive") and content.count(b"\xff\xda") * pixels > MOST_SCANNED:
        raise ClaimError(f"it has {content.count(bytes((255, 218))):,} scans", "too many scans")


def _entries(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tag, type, count, value as a small number) of the first directory, as far as it goes."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    start, count, entry, step = ("Q", "Q", "HHQ", 20) if big else ("L", "H", "HHL", 12)
    try:
        (offset,) = struct.unpack_from(order + start, content, 8 if big else 4)
        (entries,) = struct.unpack_from(order + count, content, offset)
        offset += struct.calcsize(order + count)
        for place in range(offset, offset + min(entries, len(content) // step) * step, step):
            tag, kind, values = struct.unpack_from(order + entry, content, place)
            (value,) = struct.unpack_from(
                order + ("L" if kind == 4 else "H"), content, place + step - (8 if big else 4)
            )
            yield tag, kind, values, value
    except struct.error:  # cut off
        return


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, bytes) of the segments of a JPEG file before its picture.

    Raises:
        ClaimError: if there are more than a picture has.
    """
    place = 2
    for _ in range(MOST_READS // 10):
        place = content.find(b"\xff", place)
        if place < 0 or place + 4 > len(content) or content[place + 1] == 0xDA:
            return
        kind = content[place + 1]
        if kind in (0, 0xFF) or 0xD0 <= kind <= 0xD8:
            place += 2 if kind != 0xFF else 1
            continue
        size = int.from_bytes(content[place + 2 : place + 4])
        yield kind, content[place + 4 : place + 2 + size]
        place += 2 + max(size, 2)
    raise ClaimError("it has too many segments", "too many parts")
