"""What an image file is, by the first of its bytes; and the endings of names that image files have."""

from __future__ import annotations

SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".webp", ".bmp", ".dib", ".gif"}
    | {".tif", ".tiff", ".avif", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""Endings of what is read, in lower case."""
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
HEIC = "HEIC"
HEIC_HELP = "convert it to JPEG, or install what reads it: pip install pillow-heif"
HEAD = 64
"""Bytes that are enough."""
SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WEBP"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", HEIC),
    (4, b"ftyphev", HEIC),
    (4, b"ftypmif", HEIC),
)
LOOSE = ((0, b"II*\0", "TIFF"), (0, b"MM\0*", "TIFF"))
"""Raw photos and much else begin like these."""


def kind_of(head: bytes, *, named: bool = True) -> str:
    """Tell an image file by its first bytes.

    Args:
        head: the first `HEAD` bytes.
        named: whether the file's name has an ending; TIFF is then not looked for.

    Returns:
        "PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF" or "HEIC"; empty for anything else.
    """
    for start, signature, kind in SIGNATURES + (() if named else LOOSE):
        if head[start : start + len(signature)] == signature:
            return "AVIF" if kind == HEIC and b"avif" in head else kind
    # "BM" alone begins many a text.
    bitmap = head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    return "BMP" if bitmap else ""
