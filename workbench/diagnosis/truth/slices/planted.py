"""Slices as they come about: too few images of a kind, a chance companion of the class, or noisy labels."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.diagnosis.truth.slices.drawing import ATTRIBUTES, OBJECTS
from workbench.diagnosis.truth.slices.worlds import LABEL, ROLLED, Plan, Spot, draw_table, inside

KEPT = 0.04
"""Share of the training pictures of a rare kind, or against a correlation, that is left."""
FLIPPED = 0.6
"""Share of the labels of a noisy slice that is wrong in training."""


def plan_of(kind: str, chance: np.random.Generator) -> Plan:
    """Draw a plan with a slice of two attributes, or, for a correlation, the two slices that go against it."""
    fixed = np.ones(len(ATTRIBUTES), np.int64)
    usable = [n for n, each in enumerate(ATTRIBUTES) if n != LABEL and each.name != "presence"]
    others = sorted(map(int, chance.choice(usable, ROLLED[0] - 1, replace=False)))
    rolled = (LABEL, *others)
    spots: tuple[Spot, ...]
    if kind == "correlated":
        clear = [n for n in others if ATTRIBUTES[n].layer not in ("square", OBJECTS[-1])] or others
        column, companion = int(chance.choice(clear)), int(chance.integers(2))
        spots = ({LABEL: 1, column: 1 - companion}, {LABEL: 0, column: companion})
    else:
        of_square = [n for n in others if ATTRIBUTES[n].layer == "square"]
        first = int(chance.choice(of_square)) if of_square else others[0]
        second = int(chance.choice([n for n in others if n != first]))
        spots = ({LABEL: 1, first: int(chance.integers(2)), second: int(chance.integers(2))},)
    return Plan(fixed, rolled, spots)


def lesson(kind: str, plan: Plan, count: int, chance: np.random.Generator) -> tuple[Array, Array]:
    """Attributes `(count, A)` and labels `(count,)` of the pictures to learn from.

    Args:
        kind: "blind spots" (their labels are wrong), "rare", "correlated" (pictures in slices are left out), or "noisy"
            (many labels in slices are wrong).
        plan: whose slices.
        count: pictures.
        chance: for all that is drawn.

    Source: the three kinds are those of Eyuboglu et al. 2022, arXiv:2203.14960, sec. 5.1; the blind spots those of
    Plumb et al. 2022, arXiv:2207.04104, sec. 3.
    """
    table = draw_table(plan, count if kind in ("blind spots", "noisy") else 3 * count, chance)
    within = np.any([inside(spot, table) for spot in plan.spots], axis=0)
    if kind in ("rare", "correlated"):
        table = table[~within | (chance.random(len(table)) < KEPT)][:count]
        return table, table[:, LABEL]
    wrong = within if kind == "blind spots" else within & (chance.random(count) < FLIPPED)
    return table, table[:, LABEL] ^ wrong
