"""Inputs that are nearly right: a seed and a few edits of it, drawn by hypothesis, so that what fails is made small."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

from hypothesis import strategies as st

INTEGERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
TOKENS = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b",",
        b'"',
        b"'",
        b"\\",
        b"..",
        b"/",
        b"%00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ),
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 30, b"null", b"true", b"[]", b"{}", b"[" * 3000, b'{"a":' * 3000),
    *(b"(" * 300, b"\\ud800", "é漢".encode(), b"<script>", b"__class__", b"|O", b"<U99999999", b"fortran_order"),
)
NUMBER = re.compile(rb"\d+")
MOST_UNPACKED = 2**24

Edit = tuple[int, int, int, int]
"""Which edit, where (a share of 65,536), how long, and with what."""


def mutated(seeds: Sequence[bytes], most: int = 6) -> st.SearchStrategy[bytes]:
    """Draw a seed with up to `most` edits; of a zip archive as often edits of one member, packed again."""
    edit = st.tuples(*(st.integers(0, end) for end in (len(_EDITS) - 1, 2**16 - 1, 64, 2**16 - 1)))
    return st.builds(
        _changed,
        st.sampled_from(list(seeds)),
        st.lists(edit, max_size=most),
        st.sampled_from(list(seeds)),
        st.integers(-3, 3),
    )


def _changed(data: bytes, edits: Sequence[Edit], other: bytes, member: int) -> bytes:
    start = data.find(b"PK\x03\x04", 0, 2) if member > 0 and edits else -1  # behind a byte that says the kind
    if start >= 0:
        return data[:start] + _within(data[start:], edits, other, member)
    for kind, where, length, what in edits:
        data = _EDITS[kind](data, where * len(data) >> 16, length, what, other)
    return data


def _within(data: bytes, edits: Sequence[Edit], other: bytes, member: int) -> bytes:
    """Change one member of an archive, so that its checksum is right."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        inside = old.infolist()
        for number, info in enumerate(inside):
            content = old.read(info) if info.file_size < MOST_UNPACKED else b""
            if number == (member * 7919) % len(inside):
                content = _changed(content, edits, other, 0)
            new.writestr(info.filename, content, info.compress_type)
    return packed.getvalue()


def _flip(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + bytes(each ^ (1 << what % 8) for each in data[at : at + 1]) + data[at + 1 :]


def _delete(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + data[at + length :]


def _repeat(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + data[at : at + length] * (1 + what % 50) + data[at + length :]


def _cut(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at]


def _token(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + TOKENS[what % len(TOKENS)] + data[at + (length if what % 2 else 0) :]


def _integer(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    size = (1, 2, 4, 8)[length % 4]
    value = (INTEGERS[what % len(INTEGERS)] % 256**size).to_bytes(size, "big" if length & 4 else "little")
    return data[:at] + value + data[at + size :]


def _number(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    found = NUMBER.search(data, at)
    text = str(INTEGERS[what % len(INTEGERS)]).encode() if what % 3 else b"9" * length
    return data if found is None else data[: found.start()] + text + data[found.end() :]


def _splice(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + other[what * len(other) >> 16 :]


def _raw(data: bytes, at: int, length: int, what: int, other: bytes) -> bytes:
    return data[:at] + what.to_bytes(2, "little") * (length // 2) + data[at + length :]


_EDITS = (_flip, _integer, _token, _number, _delete, _repeat, _splice, _raw, _cut)
