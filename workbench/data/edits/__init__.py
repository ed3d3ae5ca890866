"""What somebody changed in an image, as data: a short list of edits, read strictly, replayed exactly.

As JSON an edit is an object with the name of what is done, `op`, and its parameters:

    [{"op": "erase", "stroke": [[4, 4], [9, 4]], "width": 3}, {"op": "rotate", "degrees": 10}]

Edits are done one after the other. The colour of the background, the mean colour and the mean brightness that some of
them use are those of the image before the first one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import make
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.edits.operations import OPERATIONS, Blur, Edit, Scene, Swap

__all__ = [
    "MOST",
    "Blur",
    "Edit",
    "Swap",
    "as_json",
    "as_records",
    "edited",
    "pixels_changed",
    "read_edits",
    "words_of",
]

MOST = 100
"""Edits of one list."""
LONGEST = 200_000
"""Pixels that all strokes of a list go through, together."""


def read_edits(given: object) -> tuple[Edit, ...]:
    """Read a list of edits: JSON text, or a sequence of objects or edits.

    Raises:
        WorkbenchError: if it is none, or too long; in one sentence.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given, parse_constant=_constant)
        except (ValueError, RecursionError):
            raise WorkbenchError("Edits must be a JSON list of objects. Got text that is no JSON.") from None
    if isinstance(given, Mapping) or not isinstance(given, Sequence):
        raise WorkbenchError(f"Edits must be a list of objects. Got {type(given).__name__}.")
    if len(given) > MOST:
        raise WorkbenchError(f"At most {MOST} edits make a list. Got {len(given):,}.")
    read = tuple(_read(each, place) for place, each in enumerate(given, start=1))
    length = sum(each.length for each in read)
    if length > LONGEST:
        raise WorkbenchError(f"The strokes of a list may go through {LONGEST:,} pixels. These go through {length:,}.")
    return read


def _read(given: object, place: int) -> Edit:
    if isinstance(given, Edit):
        return given
    if not isinstance(given, Mapping):
        raise WorkbenchError(f"Edit {place} must be an object with `op`. Got {type(given).__name__}.")
    rest = {str(name): value for name, value in given.items()}
    op = rest.pop("op", None)
    if not isinstance(op, str) or op not in OPERATIONS:
        raise unknown("edit", op if isinstance(op, str) else type(op).__name__, OPERATIONS)
    try:
        return make(OPERATIONS[op], rest)
    except WorkbenchError as error:
        raise WorkbenchError(f"Edit {place}, {op}: {error}") from None


def as_records(edits: Sequence[Edit]) -> list[dict[str, object]]:
    """Return edits as JSON has them; what is as always is left out."""
    return [{"op": each.op, **each.model_dump(mode="json", exclude_defaults=True)} for each in edits]


def as_json(edits: Sequence[Edit]) -> str:
    """Return edits as JSON text, equal lists in one way."""
    return json.dumps(as_records(edits), separators=(",", ":"), sort_keys=True)


def edited(pixels: Array, edits: Sequence[Edit], donors: Mapping[str, Array] | None = None) -> Array:
    """Do edits to an image.

    Args:
        pixels: `(H, W, C)` uint8; it stays as it is.
        edits: in their order.
        donors: by their keys, the `(H, W, C)` uint8 images that swaps take regions from.

    Returns:
        `(H, W, C)` uint8; equal to `pixels` where nothing is done.

    Raises:
        WorkbenchError: if a colour has another number of channels, or a donor is not there or of another size.
    """
    scene = Scene(pixels, donors or {})
    made = pixels.copy()
    for each in edits:
        made = each.done(made, scene)
    return made


def pixels_changed(before: Array, after: Array) -> int:
    """Count the pixels that differ in any channel."""
    return int(np.count_nonzero((before != after).any(axis=-1)))


def words_of(edits: Sequence[Edit]) -> str:
    """Name what was done, each kind once, in the order in which it was first done."""
    counts: dict[str, int] = {}
    for each in edits:
        counts[each.op] = counts.get(each.op, 0) + 1
    kinds = ", ".join(f"{op} × {count}" if count > 1 else op for op, count in counts.items())
    return f"{plural(len(edits), 'change')}: {kinds}" if edits else "no change"


def _constant(text: str) -> float:
    raise ValueError(text)
