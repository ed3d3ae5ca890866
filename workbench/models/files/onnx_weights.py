"""Which files beside an ONNX file hold its weights, read off the file without the package `onnx`."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from workbench.core.errors import WorkbenchError

MOST = 5_000_000
"""Fields that are looked at; a model of 10,000 layers has a tenth of them."""
GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, TRAINING, ENTRY, LEAF = range(9)
INSIDE: dict[int, dict[int, int]] = {
    -1: {7: GRAPH, 20: TRAINING, 25: FUNCTION},  # the model
    GRAPH: {1: NODE, 5: TENSOR, 15: SPARSE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE},
    TENSOR: {13: ENTRY},
    SPARSE: {1: TENSOR, 2: TENSOR},
    FUNCTION: {7: NODE, 11: ATTRIBUTE},
    TRAINING: {1: GRAPH, 2: GRAPH},
    ENTRY: {1: LEAF, 2: LEAF},
}
"""By the kind of a message, the numbers of the fields that may lead to weights, and the kinds of these.

Source: onnx.proto of ONNX 1.23 (IR version 13); fields are never renumbered."""


def weight_files(path: Path) -> list[Path]:
    """Return the files that an ONNX file names as places of its weights, sorted; those that are there.

    Raises:
        WorkbenchError: if one lies outside of the file's folder, or is no regular file.
        OSError: if the file cannot be read.
    """
    folders = {path.parent.resolve(), path.resolve().parent}  # a store of links keeps both files in one folder
    found = []
    for name in sorted(_locations(path)):
        beside = path.parent / name
        real = beside.resolve()
        if not any(real.is_relative_to(folder) for folder in folders) or Path(name).is_absolute():
            raise WorkbenchError(
                f"{path.name} must have its weights in its own folder. It names {name[:200]!r}, which is outside of it."
            )
        if beside.exists() and not beside.is_file():
            raise WorkbenchError(f"{path.name} names {name[:200]!r} for its weights, which is no regular file.")
        if beside.is_file():
            found.append(beside)
    return found


def _locations(path: Path) -> set[str]:
    if path.stat().st_size == 0:
        return set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found, left = set(), MOST
        waiting = [(-1, 0, len(content))]
        while waiting:
            kind, start, end = waiting.pop()
            entry = {}
            for number, first, last in _fields(content, start, end):
                left -= 1
                if left < 0:
                    raise WorkbenchError(f"{path.name} has more parts than any model: {MOST:,}.")
                if kind == ENTRY and number in INSIDE[ENTRY]:
                    entry[number] = content[first : min(last, first + 4096)]
                elif number in INSIDE[kind]:
                    waiting.append((INSIDE[kind][number], first, last))
            if entry.get(1) == b"location":
                found.add(entry.get(2, b"").decode("utf-8", "replace").replace("\0", "\ufffd"))
        return found - {""}


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, begin and end of the fields of a message of protobuf, numbers as empty; stops where it is none."""
    while start < end:
        tag, start = _varint(content, start, end)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            return
        if wire == 0:
            _, start = _varint(content, start, end)
            yield number, start, start
        elif wire in (1, 5):
            start += 8 if wire == 1 else 4
            yield number, start, start
        elif wire == 2:
            size, start = _varint(content, start, end)
            if start + size > end:
                return
            yield number, start, start + size
            start += size
        else:
            return


def _varint(content: mmap.mmap, start: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while start < end and shift < 70:
        byte = content[start]
        start, value, shift = start + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, start
    return 0, end + 1
