"""How long the texts of variable length are that an HDF5 file has as attributes, read off its bytes.

Such a text stands somewhere else in the file; the attribute has its length, and HDF5 makes room for that, and fills it,
before it looks whether there is such a text.

Source: HDF5 File Format Specification 3.0, IV.A.1 (object headers) and IV.A.2.m (attributes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

from workbench.core.errors import WorkbenchError

ATTRIBUTE, CONTINUATION, MANY_ATTRIBUTES = 0x0C, 0x10, 0x15
"""Messages of an object's header."""
TEXT = 16
"""Bytes that stand for a text: its length, and where it is."""
NOWHERE = 2**64 - 1
MOST_BLOCKS = 10_000
"""Parts of a header."""


def check_texts(name: str, inside: str, found: Any, stream: IO[bytes]) -> None:
    """See that no text among the attributes of a group or array is longer than its file.

    Args:
        name: of the file, for a sentence.
        inside: path of the group or array in it.
        found: it, in the open `h5py.File`.
        stream: the bytes of the file.

    Raises:
        WorkbenchError: if one says that it is, or cannot be told.
    """
    import h5py

    texts = {}
    for key in found.attrs:  # bytes where it is no text
        attribute = found.attrs.get_id(key)
        kind = attribute.get_type()
        code = kind.get_class()
        if code not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM, h5py.h5t.STRING):
            raise WorkbenchError(
                f"{name} is refused: the attribute {key[:60]!r} of {inside[:120] or '/'!r} in it is neither text nor "
                "numbers."
            )
        if code == h5py.h5t.STRING and kind.is_variable_str():
            texts[key] = attribute.get_space().get_simple_extent_npoints()
    if not texts:
        return
    try:
        stored = _stored(found, stream)
    except (struct.error, ValueError, IndexError):  # it is damaged
        stored = {}
    size = stream.seek(0, 2)
    for key, count in texts.items():
        if not (there := stored.get(key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape"))):
            raise WorkbenchError(
                f"{name} is refused: it cannot be told how long the text {key[:60]!r} of {inside[:120] or '/'!r} in it "
                "is. What helps: load it in Keras, and `model.save('name.keras')`."
            )
        for each in there:
            lengths = [length for (length,) in struct.iter_unpack("<I12x", each[: TEXT * count])]
            if len(lengths) < count or sum(lengths) > size:
                raise WorkbenchError(
                    f"{name} is refused: the text {key[:60]!r} of {inside[:120] or '/'!r} in it says that it has "
                    f"{sum(lengths):,} bytes, and the file has {size:,}."
                )


def _stored(found: Any, stream: IO[bytes]) -> dict[bytes, list[bytes]]:
    """Return the bytes of each attribute of an object, by name; empty where they are kept in another form."""
    import h5py

    plan = found.file.id.get_create_plist()
    if plan.get_sizes() != (8, 8):
        return {}
    stored: dict[bytes, list[bytes]] = {}
    for kind, flags, body in _messages(stream, plan.get_userblock(), h5py.h5o.get_info(found.id).addr):
        if kind == MANY_ATTRIBUTES and struct.unpack_from("<Q", body, 4 if body[1] & 1 else 2)[0] != NOWHERE:
            return {}
        if kind == ATTRIBUTE and not flags & 2:  # else it is kept elsewhere
            name, data = _attribute(body)
            stored.setdefault(name, []).append(data)
    return stored


def _attribute(body: bytes) -> tuple[bytes, bytes]:
    version, sizes = body[0], struct.unpack_from("<3H", body, 2)
    at, step = (9 if version == 3 else 8), (8 if version == 1 else 1)
    name = body[at : at + sizes[0]].split(b"\0")[0]
    return name, body[at + sum(-(-size // step) * step for size in sizes) :]


def _messages(stream: IO[bytes], base: int, address: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, the flags and the bytes of each message in an object's header."""
    stream.seek(base + address)
    start = stream.read(32)
    if start[:4] == b"OHDR":
        flags = start[5]
        at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        first = int.from_bytes(start[at : at + width], "little")
        form, mark, tail = ("<BHBxx" if flags & 4 else "<BHB"), 4, 4
        waiting = [(address + at + width, first)]
    else:
        form, mark, tail = "<HHB3x", 0, 0
        waiting = [(address + 16, struct.unpack_from("<I", start, 8)[0])]
    head = struct.calcsize(form)
    for count in range(MOST_BLOCKS):
        if not waiting:
            return
        where, size = waiting.pop()
        inner = mark if count else 0
        stream.seek(base + where + inner)
        block = stream.read(max(0, size - inner - (tail if count else 0)))
        at = 0
        while at + head <= len(block):
            kind, length, flags = struct.unpack_from(form, block, at)
            body = block[at + head : at + head + length]
            at += head + length
            if kind == CONTINUATION:
                waiting.append(struct.unpack_from("<QQ", body))
            yield kind, flags, body
    raise ValueError("a header without end")
