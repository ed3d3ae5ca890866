"""Names cut to the room that a figure has: classes so that they stay different, images so that one finds the file."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

_NAMES: ContextVar[tuple[str, ...]] = ContextVar("class names of the figure that is drawn", default=())


@contextmanager
def distinct_among(names: Sequence[str]) -> Iterator[None]:
    """While this lasts, `short` keeps each of these class names different from the others."""
    token = _NAMES.set(tuple(names))
    try:
        yield
    finally:
        _NAMES.reset(token)


def short(value: object, limit: int) -> str:
    """Return `value` as one line of at most `limit` characters, or the few more that tell class names apart."""
    line = one_line(value)
    if len(line) <= limit:
        return line
    names = _NAMES.get()
    return _distinct(names, limit)[line] if value in names else _cut(line, limit)


def one_line(value: object) -> str:
    """Return text without line breaks and control characters; "(no name)" where nothing is left."""
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(value))
    return " ".join(visible.split()) or "(no name)"


def short_path(name: str, fits: Callable[[str], bool]) -> str:
    """Return a path as one line that fits, and its end with it: folders go first, "…/coat/IMG_0412.jpg".

    Args:
        name: of an image.
        fits: whether there is room for a text.
    """
    line = one_line(name)
    if fits(line):
        return line
    folders = [place + 1 for place, letter in enumerate(line) if letter == "/"]
    kept = next((f"…/{line[place:]}" for place in folders if line[place:] and fits(f"…/{line[place:]}")), None)
    return kept or next((cut for at in range(1, len(line)) if fits(cut := f"…{line[at:].lstrip()}")), "…")


def _cut(line: str, limit: int) -> str:
    """Cut the middle out; both ends stay, since names often differ only there."""
    if len(line) <= limit:
        return line
    head = limit // 2
    return f"{line[:head].rstrip()}…{line[len(line) - (limit - 1 - head) :].lstrip()}"


@lru_cache(64)
def _distinct(names: tuple[str, ...], limit: int) -> Mapping[str, str]:
    """Return a short form of each name: cut in the middle, or around the place where names that look alike differ."""
    lines = [one_line(name) for name in names]
    found = {line: _cut(line, limit) for line in lines}
    for alike in _colliding(found):
        found |= _around_difference(alike, limit)
    for alike in _colliding(found):  # what differs is itself too long: the class number tells
        for line in alike:
            number = f" ({lines.index(line)})"
            found[line] = _cut(line, max(limit - len(number), 3)) + number
    return found


def _colliding(found: Mapping[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for line, cut in found.items():
        groups[cut].append(line)
    return [group for group in groups.values() if len(group) > 1]


def _around_difference(alike: Sequence[str], limit: int) -> dict[str, str]:
    """Cut lines with one beginning and end so that the words in which they differ stay."""
    start = _shared(alike)
    end = _shared([line[start:][::-1] for line in alike])
    shared, rest = alike[0][:start], alike[0][len(alike[0]) - end :]
    start -= len(re.findall(r"[^\W_]*$", shared)[0])  # back to the beginning of the word or number, …
    end -= len(re.findall(r"^[^\W_]*", rest)[0])  # … and on to its end
    cut = {}
    for line in alike:
        before, core, after = line[:start], _cut(line[start : len(line) - end], limit - 2), line[len(line) - end :]
        room = limit - len(core)
        before = before if len(before) <= room // 2 else f"{before[: max(room // 2 - 1, 0)].rstrip()}…"
        room -= len(before)
        after = after if len(after) <= room else f"…{after[len(after) - max(room - 1, 0) :].lstrip()}"
        cut[line] = f"{before}{core}{after}"
    return cut


def _shared(lines: Sequence[str]) -> int:
    """Characters with which all lines begin."""
    first, last = min(lines), max(lines)
    return next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
