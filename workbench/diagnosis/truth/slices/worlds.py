"""Worlds with known blind spots: pictures, whose training labels are wrong wherever a few attributes come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array
from workbench.diagnosis.truth.slices.drawing import ATTRIBUTES, COLUMN, OBJECTS

LABEL = COLUMN["square", "presence"]
"""The column that the label is read from."""
ROLLED = (6, 8)
"""Attributes that are drawn anew for each picture, fewest and most; all others are the same in all of a world."""
CONDITIONS = (3, 5)
"""Attributes that a blind spot is a conjunction of, fewest and most."""
SPOTS = 3
"""Blind spots at most."""
LARGEST = 0.25
"""Share of the pictures that lie in blind spots at most."""

Spot = dict[int, int]
"""A conjunction: a value, 0 or 1, for each of some columns."""


@dataclass(frozen=True)
class Plan:
    """What a world is like.

    Attributes:
        fixed: `(A,)` int, the value of each attribute; of those that are rolled it says nothing.
        rolled: columns that are drawn for each picture.
        spots: the blind spots.
    """

    fixed: Array
    rolled: tuple[int, ...]
    spots: tuple[Spot, ...]


def draw_plan(chance: np.random.Generator, spots: int) -> Plan:
    """Draw which attributes vary, and blind spots among them that cannot be taken for one.

    Source: after Plumb et al. 2022, arXiv:2207.04104, sec. 3: an attribute of an object is only asked for where the
    object is there, and no two blind spots are one conjunction in two parts.
    """
    while True:
        fixed = chance.integers(0, 2, len(ATTRIBUTES))
        fixed[LABEL] = 1
        absent = {name for name in OBJECTS if not fixed[COLUMN[name, "presence"]]}
        usable = [n for n, each in enumerate(ATTRIBUTES) if n != LABEL and each.layer not in absent]
        usable += [COLUMN[name, "presence"] for name in absent]
        count = int(chance.integers(ROLLED[0], ROLLED[1] + 1))
        if len(usable) < count - 1:
            continue
        rolled = (LABEL, *sorted(map(int, chance.choice(usable, count - 1, replace=False))))
        found: list[Spot] = []
        for _ in range(200):
            spot = _draw_spot(chance, rolled)
            if spot is not None and all(_apart(spot, other) for other in found):
                found.append(spot)
            if len(found) == spots:
                break
        shares = [0.5 ** len(spot) for spot in found]
        if len(found) == spots and sum(shares) <= LARGEST:
            return Plan(fixed, rolled, tuple(found))


def _draw_spot(chance: np.random.Generator, rolled: tuple[int, ...]) -> Spot | None:
    """Draw a conjunction; None where it asks for an attribute of an object that is not there."""
    count = int(chance.integers(CONDITIONS[0], CONDITIONS[1] + 1))
    columns = sorted(map(int, chance.choice(rolled, count, replace=False)))
    spot = {column: int(chance.integers(2)) for column in columns}
    for column in columns:
        presence = COLUMN.get((ATTRIBUTES[column].layer, "presence"))
        if presence is not None and presence != column and presence in rolled and spot.get(presence) != 1:
            return None
    return spot


def _apart(one: Spot, other: Spot) -> bool:
    """Whether two conjunctions exclude each other twice, so that they neither overlap nor make one larger one."""
    return sum(other.get(column, value) != value for column, value in one.items()) >= 2


def draw_table(plan: Plan, count: int, chance: np.random.Generator) -> Array:
    """Draw the attributes of `count` pictures: `(count, A)` 0 or 1."""
    table = np.tile(plan.fixed, (count, 1))
    table[:, plan.rolled] = chance.integers(0, 2, (count, len(plan.rolled)))
    return table


def inside(spot: Spot, table: Array) -> Array:
    """Say which pictures lie in a blind spot: `(N,)` bool."""
    return np.all([table[:, column] == value for column, value in spot.items()], axis=0)


def in_words(spot: Spot) -> str:
    """Say a conjunction: "square, striped square, grey background"."""
    return ", ".join(ATTRIBUTES[column].kinds[value] for column, value in spot.items())
