"""Results as JSON: plain lists and dicts, NaN as null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def jsonable(value: Any) -> Any:
    """Convert dataclasses, numpy's numbers, paths and NaN to JSON types."""
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes):  # an `ImageSet` too
        return [jsonable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON: one object a row."""
    return [{str(name): jsonable(value) for name, value in row.items()} for row in frame.to_dict("records")]
