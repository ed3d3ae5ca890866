"""Names of classes as a user gives them: a list, text with commas, or a file."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.regular_file import read_regular

LARGEST = 2**20  # bytes of a file of names
SHOWN = 8  # names that a sentence shows


def read_class_names(given: str | Path | Sequence[str]) -> tuple[str, ...]:
    """Read K names, in the order of the classes.

    Args:
        given: names; text "cat,dog", in which a name with a comma stands in double quotes; or a `.txt` file with one
            name a line, or a `.json` file with a list of names, or with an object of names to numbers or numbers to
            names, as Keras' `class_indices` are saved.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it holds something else, or a name is empty or repeated.
    """
    if isinstance(given, Path) or (isinstance(given, str) and Path(given).suffix.lower() in (".txt", ".json")):
        names, where = _of_file(Path(given)), f"{Path(given).name} must hold"
    else:
        names = _between_commas(given) if isinstance(given, str) else list(given)
        where = "`class_names` must be"
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        shown = ", ".join(map(repr, names[:SHOWN])) + (" …" if len(names) > SHOWN else "")
        raise WorkbenchError(f"{where} non-empty names. Got {shown or 'none'}.")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
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
            f"{what} has {least}{plural(len(own), 'class')}, so `class_names` must be {least}{len(own)} names. "
            f"Got {len(names)}: {join_names(names, SHOWN)}."
        )
    return tuple(names)


def with_names(dataset: Dataset, given: Sequence[str], what: str) -> Dataset:
    """Return a data set that has names of its own with the given ones: in their order if they are the same names.

    Raises:
        WorkbenchError: if they are not as many, or some are names of other classes than they stand for.
    """
    own = dataset.class_names
    names = matching_names(given, own, what)
    places = places_among(own, names)
    if None in places:
        refuse_mixture(own, names, what)
        places = list(range(len(own)))
    order = np.array(places, np.int64)
    notes = (*dataset.notes, *shown_as(own, [names[place] for place in order.tolist()]))
    return replace(dataset, labels=order[dataset.labels], class_names=names, notes=notes)


def read_renaming(given: str | Path | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return an object of texts to texts, {"n01443537": "goldfish"}: names for what the data calls its classes.

    Such a file with the keys 0, 1, 2, … may also be an order, as `read_class_names` reads it.

    Returns:
        The names by the data's; empty where something else was given.

    Raises:
        Unavailable: if there is no such file.
    """
    if isinstance(given, str | Path):
        if Path(given).suffix.lower() != ".json":
            return {}
        values = _json(Path(given))
    else:
        values = given
    if not isinstance(values, Mapping) or not values:
        return {}
    named = all(isinstance(name, str) and name.strip() for pair in values.items() for name in pair)
    return {str(own): str(name) for own, name in values.items()} if named else {}


def is_order(renaming: Mapping[str, str]) -> bool:
    """Whether the keys are the numbers of classes, 0 to K - 1."""
    numbers = [int(key) for key in renaming if key.isdecimal()]
    return len(numbers) == len(renaming) and sorted(numbers) == list(range(len(numbers)))


def places_among(own: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """For each of a data set's names its place among given ones, where it is there, perhaps spelled otherwise.

    Case, plural and what stands between words do not count, unless two names differ in nothing else.
    """
    found: list[int | None] = [names.index(name) if name in names else None for name in own]
    for key in (_folded, _singular):
        here, there = Counter(map(key, own)), Counter(map(key, names))
        places = {key(name): place for place, name in enumerate(names)}
        for number, name in enumerate(own):
            word = key(name)
            if found[number] is None and here[word] == there[word] == 1 and places[word] not in found:
                found[number] = places[word]
    return found


def refuse_mixture(own: Sequence[str], names: Sequence[str], what: str) -> None:
    """Refuse names of which one is that of another class than it stands for.

    Raises:
        WorkbenchError: if so.
    """
    for number, place in enumerate(places_among(own, names)):
        if place is not None and place != number and number < len(names):
            other = own[place] if place < len(own) else f"number {place}"
            raise WorkbenchError(
                f"`class_names` of {what} hold {names[place]!r} in the place of {other!r}, while there is a class "
                f"{own[number]!r}. Give names of the same spelling, or new names in the order {join_names(own, SHOWN)}."
            )


def shown_as(own: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Say which class has another name than the data gives it."""
    if other := [f"{mine} is shown as {name}" for mine, name in zip(own, names, strict=True) if mine != name]:
        yield join_names(other, SHOWN)


def _folded(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).casefold())) or name


def _singular(name: str) -> str:
    word = _folded(name)
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word


def _between_commas(text: str) -> list[str]:
    try:
        lines = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise WorkbenchError(f"`class_names` cannot be read as names with commas between: {error}.") from None
    return [part.strip() for part in (lines[0] if lines else [""])] or [""]


def _of_file(path: Path) -> list[str]:
    if path.suffix.lower() == ".txt":
        return [line.strip() for line in _text(path).splitlines() if line.strip()]
    values = _json(path)
    if isinstance(values, dict):
        return _ordered(values, path)
    if not isinstance(values, list):
        raise WorkbenchError(f"{path.name} must hold a list of class names. Got a {type(values).__name__}.")
    return values


def _json(path: Path) -> object:
    try:
        return json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError):
        raise WorkbenchError(f"{path.name} is not JSON. It must hold a list of class names.") from None


def _text(path: Path) -> str:
    try:
        return read_regular(path, LARGEST, head=True).decode("utf-8-sig")
    except FileNotFoundError:
        raise Unavailable(f"There is no file {str(path)!r} of class names.") from None
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise WorkbenchError(f"{path.name} cannot be read as text: {said}.") from None


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
    return f": {join_names(names, SHOWN)}. Give data of the model's classes alone."


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
