"""Names of classes as a user gives them: a list, text with commas, or a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array

LARGEST = 2**20  # bytes of a file of names


def read_class_names(given: str | Path | Sequence[str]) -> tuple[str, ...]:
    """Read K names, in the order of the classes.

    Args:
        given: names; text "cat,dog"; or a `.txt` file with one name a line, or a `.json` file with a list of names, or
            with an object of names to numbers or numbers to names, as Keras' `class_indices` are saved.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it holds something else, or a name is empty or repeated.
    """
    if isinstance(given, Path) or (isinstance(given, str) and Path(given).suffix.lower() in (".txt", ".json")):
        names, where = _of_file(Path(given)), f"{Path(given).name} must hold"
    else:
        names = [part.strip() for part in given.split(",")] if isinstance(given, str) else list(given)
        where = "`class_names` must be"
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise WorkbenchError(f"{where} non-empty names. Got {str(names)[:80]}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WorkbenchError(f"{where} distinct names. Got {twice[0]!r} {names.count(twice[0])} times.")
    return tuple(names)


def by_number(names: Sequence[str]) -> list[str]:
    """Sort names as text, but numbers in them by their value: "2" before "10", "n02" before "n10"."""
    return sorted(names, key=lambda name: ([_place(part) for part in re.split(r"([0-9]+)", name)], name))


def _place(part: str) -> tuple[int, str]:
    return (int(part), "") if re.fullmatch("[0-9]+", part) else (-1, part)


def matching_names(names: Sequence[str], own: tuple[str, ...], what: str, *, named: bool = True) -> tuple[str, ...]:
    """Return `names` in place of a data set's `own`.

    Args:
        names: given names.
        own: names of the data, or numbers where it has none.
        what: what the error calls the data.
        named: whether the data says how many classes there are; else there may be more of them.

    Raises:
        WorkbenchError: if they are not as many; names both counts.
    """
    if len(names) < len(own) or (named and len(names) != len(own)):
        least = "" if named else "at least "
        raise WorkbenchError(
            f"{what} has {least}{len(own)} classes, so `class_names` must be {least}{len(own)} names. "
            f"Got {len(names)}: {', '.join(names)[:80]}."
        )
    return tuple(names)


def _of_file(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(LARGEST)
    except FileNotFoundError:
        raise Unavailable(f"There is no file {str(path)!r} of class names.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WorkbenchError(f"{path.name} cannot be read as text: {error}.") from None
    if path.suffix.lower() == ".txt":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise WorkbenchError(f"{path.name} is not JSON. It must hold a list of class names.") from None
    if isinstance(values, dict):
        return _ordered(values, path)
    if not isinstance(values, list):
        raise WorkbenchError(f"{path.name} must hold a list of class names. Got {str(values)[:80]}.")
    return values


def _ordered(values: dict[str, object], path: Path) -> list[str]:
    """Names of {"cat": 0, "dog": 1} or {"0": "cat", "1": "dog"}, in the order of the numbers."""
    turned = {number: name for name, number in values.items() if isinstance(number, int)}
    turned = turned or {int(number): str(name) for number, name in values.items() if number.isdecimal()}
    if sorted(turned) != list(range(len(values))):
        raise WorkbenchError(f"{path.name} must give the classes the numbers 0 to {len(values) - 1}, each once.")
    return [turned[number] for number in range(len(values))]


def other_count(dataset: Dataset, count: int) -> str:
    """Say why a data set may have other classes than the `count` of a model, and what to do: the rest of a sentence."""
    names, labels = dataset.class_names, dataset.labels
    if len(names) < count:
        return ": name all of the model's classes in the data (`class_names`)."
    numbers = names == tuple(map(str, range(len(names))))
    if numbers and labels.min() >= 1 and len(names) == count + 1:
        return f": no label is 0 and the largest is {labels.max()}, so the labels begin at 1. Subtract 1 from them."
    if bare := [note for note in dataset.notes if AS_IN_KERAS in note]:
        return f": {bare[0]}. Take the folder away, or name the model's classes (`class_names`)."
    return f": {', '.join(names)[:80]}. Give data of the model's classes alone."


AS_IN_KERAS = "Keras counts it as a class, and so it is one here"
"""What is said of a folder without images."""


def begin_at_one(labels: Array, names: int) -> bool:
    """Whether labels would fit so many names if 1 were taken off, and do not fit as they are."""
    return bool(len(labels)) and labels.min() == 1 and labels.max() == names


def from_one(what: str, names: int) -> WorkbenchError:
    """Build the error for labels that begin at 1."""
    return WorkbenchError(
        f"No label of {what} is 0 and the largest is {names}, for {names} class names: the labels begin at 1. Subtract "
        f"1 from them, so that they lie in 0…{names - 1}."
    )


def starts_at_one(labels: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """Say that labels probably begin at 1, where no label is 0 and the classes have no names but numbers."""
    if min(labels, default=0) == 1 and tuple(names) == tuple(map(str, range(len(names)))):
        yield f"no label is 0 and the largest is {max(labels)}: if the labels begin at 1, subtract 1"
