"""A column of an analysis's tables by which images can be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.core.image_names import ROWS
from workbench.core.image_set import Part
from workbench.core.result import Result


@dataclass(frozen=True, kw_only=True)
class ImageField:
    """A column of an analysis's tables by which images can be chosen, where the same table says whose each value is.

    Attributes:
        title: what people call it.
        column: name of the column, in every table that has it and a column of rows (`image_names.ROWS`).
        kind: "number", or "category" for text.
        unit: of a number.
    """

    title: str
    column: str
    kind: Literal["number", "category"] = "number"
    unit: str = ""

    def values(self, result: Result, part: Part) -> dict[int, Any]:
        """Return the value of each image of a part that the answer has one of; of several numbers the smallest."""
        found: dict[int, Any] = {}
        for table in result.tables.values():
            for rows in ROWS.get(part, ()) if self.column in table else ():
                if rows not in table:
                    continue
                for row, value in zip(table[rows].tolist(), table[self.column].tolist(), strict=True):
                    known = found.get(row)
                    found[row] = value if known is None or (self.kind == "number" and value < known) else known
        return found
