"""JSON as other programs send it, read strictly: what two programs could read in two ways is an error."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array

DEEPEST = 32
"""Lists and objects within each other; pixels need four, parameters fewer."""
MOST = {"lists and objects": (b"[{", 300_000), "names": (b":", 100_000), "values": (b",", 4_000_000)}
"""Parts in all, by what stands before or behind each: Python stops everything else while it looks through millions of
them for garbage, or makes an array of them. A larger image is sent as a file."""
LARGEST = 2**63
"""Whole numbers lie below it, in magnitude: beyond it no array holds them."""
_MARKS = b'"[]{}:,'
_NO_MARKS = bytes(each for each in range(256) if each not in _MARKS)


def read_json(body: bytes) -> Any:
    """Read JSON of few levels and not too many parts, whose numbers are finite, names distinct and texts Unicode.

    Raises:
        WorkbenchError: if it is anything else, in one sentence.
    """
    _see_structure(body)
    try:
        text = body.decode("utf-8-sig")
        read = json.loads(
            text, parse_int=_whole, parse_float=_finite, parse_constant=_constant, object_pairs_hook=_distinct
        )
    except WorkbenchError:
        raise
    except (ValueError, RecursionError):
        raise WorkbenchError("The request's body is not valid JSON.") from None
    if "\\u" in text:
        _see_texts(read)
    return read


def _see_structure(body: bytes) -> None:
    """Raise where it is too deep or has too many parts, before they are made.

    A parser that calls itself for each level would run out of stack.
    """
    marks = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    codes = np.frombuffer(marks, np.uint8)
    codes = codes[np.cumsum(codes == ord('"'), dtype=np.uint8) % 2 == 0]  # what does not stand in text
    opens, closes = _among(codes, b"[{"), _among(codes, b"]}")
    depth = int((opens.astype(np.int8) - closes.astype(np.int8)).cumsum(dtype=np.int32).max(initial=0))
    if depth > DEEPEST:
        raise WorkbenchError(f"Lists and objects may lie at most {DEEPEST} deep in each other. These lie {depth} deep.")
    for name, (signs, most) in MOST.items():
        if (count := int(_among(codes, signs).sum())) > most:
            raise WorkbenchError(f"A request may have at most {most:,} {name}. This one has {count:,}.")


def _among(codes: Array, signs: bytes) -> Array:
    return np.isin(codes, np.frombuffer(signs, np.uint8))


def _whole(text: str) -> int:
    value = int(text) if len(text) <= 20 else LARGEST
    if not -LARGEST <= value < LARGEST:
        raise WorkbenchError(f"Whole numbers must have at most 63 bits. Got {_shown(text)}.")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise WorkbenchError(f"Numbers must be finite. Got {_shown(text)}.")
    return value


def _constant(text: str) -> NoReturn:
    raise WorkbenchError(f"Numbers must be finite. Got {text}.")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, times = Counter(name for name, _ in pairs).most_common(1)[0]
        raise WorkbenchError(f"Each name may stand once in an object. {_shown(twice)!r} stands {times} times.")
    return found


def _see_texts(read: Any) -> None:
    """Raise where half of a surrogate pair stands alone: no such text can be written again."""
    left = [read]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str) and not each.isascii():
            try:
                each.encode()
            except UnicodeEncodeError:
                raise WorkbenchError("Text must be Unicode. Got half of a surrogate pair.") from None


def _shown(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:24]}…"
