"""What is known of every image under one name, and which images have a value."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.types import Array
from workbench.session.images.grammar import Operator, bare

Kind = Literal["category", "number", "truth", "date", "text", "words", "tags"]
NONE = ""
"""The value that stands for none: `camera:""` finds the images without."""
YES, NO = ("yes", "true", "1", "y"), ("no", "false", "0", "n")
_RANGE = re.compile(r"(.*?)\.\.(.*)")


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one field.

    Attributes:
        name: of the field, as queries name it.
        kind: what the values are.
        values: `(N,)`: of a "category" int codes of `options`, -1 for none; of a "number" float64, NaN for none; of a
            "truth" int8, -1 for none; of a "date" datetime64[us] in UTC, NaT for none; text of a "text", which is found
            as a whole or by the end of its path, and of "words", found by a part of it; of "tags" int
            codes of sets of tags, those of `options` joined by commas.
        options: what the codes of a category or of tags stand for.
        unit: of a number; empty for none.
    """

    name: str
    kind: Kind
    values: Array
    options: tuple[str, ...] = ()
    unit: str = ""

    def matches(self, operator: Operator, values: Sequence[str]) -> Array:
        """Return the `(N,)` mask of the images that have one of `values`, as `operator` compares them.

        Raises:
            WorkbenchError: if a value is none of this field; the nearest are offered.
        """
        if operator == "!=":
            return ~self.matches("=", values)
        compared = {"number": self._number, "date": self._date}.get(self.kind)
        if operator in (">", ">=", "<", "<=") and compared is None:
            raise WorkbenchError(f"`{self.name}` is no number: it is compared by `:` alone. Got {operator}.")
        found = np.zeros(len(self.values), bool)
        for value in values:
            found |= compared(operator, bare(value)) if compared else self._same(value)
        return found

    def order(self) -> tuple[Array, Array]:
        """Return by what the images are sorted, `(N,)` float64, and which of them have a value, `(N,)` bool.

        Categories go in their own order, texts in that of their letters and numbers.
        """
        if self.kind == "number":
            there = ~np.isnan(self.values)
            return np.where(there, self.values, 0.0), there
        if self.kind == "date":
            there = ~np.isnat(self.values)
            return np.where(there, self.values.astype("datetime64[us]").astype(np.int64), 0).astype(np.float64), there
        if self.kind in ("text", "words"):
            ranks = np.unique(self.values.astype(str), return_inverse=True)[1]
            return ranks.astype(np.float64), np.asarray(self.values != "")
        there = self.values >= 0
        if self.kind == "tags":
            there = np.array([bool(option) for option in self.options], bool)[self.values]
        return self.values.astype(np.float64), there

    def shown(self) -> list[Any]:
        """Return the N values as people and files have them: None for none."""
        if self.kind == "number":
            return [None if value != value else value for value in self.values.tolist()]  # noqa: PLR0124 - NaN
        if self.kind == "truth":
            return [None if value < 0 else bool(value) for value in self.values.tolist()]
        if self.kind == "date":
            return [None if text == "NaT" else text for text in np.datetime_as_string(self.values, "s").tolist()]
        if self.kind in ("text", "words"):
            return [str(value) for value in self.values.tolist()]
        return [None if code < 0 else self.options[code] for code in self.values.tolist()]

    def of(self, rows: Array) -> Column:
        """Return the column of some images."""
        return replace(self, values=self.values[rows])

    def _same(self, token: str) -> Array:
        """Find what is equal to a value; a token in quotes has no wildcards."""
        value, literal = bare(token), token.startswith('"')
        if self.kind == "truth":
            return self._truth(value)
        if value == NONE:
            empty = {option: code for code, option in enumerate(self.options)}.get("", -1)
            return np.asarray(self.values == ("" if self.kind in ("text", "words") else empty))
        if self.kind == "words":
            value = value if "*" in value and not literal else f"*{value.replace('*', '[*]')}*"
            literal = False
        wanted = _wanted(value, literal=literal)
        if self.kind in ("text", "words"):
            ends = [name.rpartition("/")[2] for name in self.values.tolist()] if "/" not in value else None
            names = self.values.tolist()
            if ends is None:
                return np.fromiter((name != "" and wanted(name) for name in names), bool, len(names))
            both = zip(names, ends, strict=True)
            return np.fromiter((n != "" and (wanted(n) or wanted(e)) for n, e in both), bool, len(names))
        if self.kind == "tags":
            hit = [any(wanted(tag) for tag in option.split(",") if tag) for option in self.options]
        else:
            hit = [wanted(option) for option in self.options]
            if not any(hit) and ("*" not in value or literal):
                raise unknown(self.name, value, [option for option in self.options if option])
        return np.array([*hit, False])[self.values]

    def _truth(self, value: str) -> Array:
        for truth, words in ((1, YES), (0, NO), (-1, (NONE,))):
            if value.casefold() in words:
                return np.asarray(self.values == truth)
        raise WorkbenchError(f"`{self.name}` must be yes or no. Got {value!r}.")

    def _number(self, operator: Operator, value: str) -> Array:
        if value == NONE:
            return np.isnan(self.values)
        if (ends := _RANGE.fullmatch(value)) is not None:
            low, high = (self._as_number(end) if end else None for end in ends.groups())
            return _between(self.values, low, high, value, self.name)
        number = self._as_number(value)
        if operator in (":", "="):  # equal as far as 32 bits tell
            return np.isclose(self.values, number, rtol=1e-6, atol=0)
        return np.asarray(_COMPARE[operator](self.values, number))

    def _as_number(self, text: str) -> float:
        share = text.rstrip().endswith("%")
        try:
            number = float(text.strip().rstrip("%").replace("−", "-"))
        except ValueError:
            number = np.nan
        if np.isnan(number):
            raise WorkbenchError(f"`{self.name}` is a number, such as 0.9 or 0.5..0.9. Got {text!r}.") from None
        return number / 100 if share else number

    def _date(self, operator: Operator, value: str) -> Array:
        if value == NONE:
            return np.isnat(self.values)
        if (ends := _RANGE.fullmatch(value)) is not None:
            low, high = (self._span(end) if end else None for end in ends.groups())
            return _between(self.values, low and low[0], high and high[1], value, self.name)
        first, last = self._span(value)
        if operator in (":", "="):
            return np.asarray((self.values >= first) & (self.values <= last))
        return np.asarray(_COMPARE[operator](self.values, last if operator in (">", "<=") else first))

    def _span(self, text: str) -> tuple[Any, Any]:
        """Return the first and the last microsecond of a year, month, day, hour, minute or second."""
        try:
            first = np.datetime64(text.strip().removesuffix("Z").replace(" ", "T"))
            if np.isnat(first):
                raise ValueError
            unit = np.datetime_data(first.dtype)[0]
            step = np.array(1, f"timedelta64[{unit}]")
            last = (first + step).astype("datetime64[us]") - np.timedelta64(1, "us")
            return first.astype("datetime64[us]"), last
        except (ValueError, OverflowError):
            raise WorkbenchError(
                f"`{self.name}` is a date, such as 2024-03, 2024-03-01 or 2024-03-01T12:30. Got {text!r}."
            ) from None


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


def _between(values: Array, low: Any, high: Any, text: str, name: str) -> Array:
    if low is None and high is None:
        raise WorkbenchError(f"A range of `{name}` must have an end, such as 0.5..0.9 or 0.5.. . Got {text!r}.")
    if low is not None and high is not None and low > high:
        raise WorkbenchError(f"A range of `{name}` must begin with its lower end. Got {text!r}.")
    inside = np.ones(len(values), bool)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return inside


def _wanted(value: str, *, literal: bool) -> Callable[[str], bool]:
    """Return what says whether a text is the wanted one, in any case; `*` stands for anything."""
    folded = value.casefold()
    if literal or "*" not in value:
        return lambda text: text.casefold() == folded
    pattern = re.compile(fnmatch.translate(re.sub(r"([?\[])(?!\*\])", r"[\1]", folded)), re.DOTALL)
    return lambda text: pattern.match(text.casefold()) is not None
