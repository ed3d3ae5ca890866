"""JSON as other programs send it, read strictly: what two programs could read in two ways is an error."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

import numpy as np

from workbench.core.errors import WorkbenchError

DEEPEST = 32
"""Lists and objects within each other; pixels need four, parameters fewer."""
LARGEST = 2**63
"""Whole numbers lie below it, in magnitude: beyond it no array holds them."""
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def read_json(body: bytes) -> Any:
    """Read JSON of at most `DEEPEST` levels, whose numbers are finite, names distinct and texts Unicode.

    Raises:
        WorkbenchError: if it is anything else, in one sentence.
    """
    _see_depth(body)
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


def _see_depth(body: bytes) -> None:
    """Raise where it is too deep; a parser that calls itself for each level would run out of stack."""
    # Text may hold brackets too. It is taken out only where they would make a difference, since that is slow.
    if _depth(body) > DEEPEST and (depth := _depth(_TEXT.sub(b"", body))) > DEEPEST:
        raise WorkbenchError(f"Lists and objects may lie at most {DEEPEST} deep in each other. These lie {depth} deep.")


def _depth(body: bytes) -> int:
    brackets = body.translate(None, bytes(each for each in range(256) if each not in b"[]{}"))
    if not brackets:
        return 0
    opens = np.isin(np.frombuffer(brackets, np.uint8), np.frombuffer(b"[{", np.uint8))
    return int(np.where(opens, 1, -1).cumsum().max())


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
