"""A world with what its network says of it: drawn again until the network has learned to fail where it is to fail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.diagnosis.truth.slices.drawing import draw
from workbench.diagnosis.truth.slices.network import Network
from workbench.diagnosis.truth.slices.planted import lesson, plan_of
from workbench.diagnosis.truth.slices.worlds import LABEL, SPOTS, Plan, draw_plan, draw_table, inside

BLIND = "blind spots"
KINDS = ("rare", "correlated", "noisy")
TRAIN, TEST = 7040, 1600
"""Pictures to learn from, and to look for slices in; the labels of the latter are right.

Of 18 worlds, nine were learned as they are to be from 4,000 pictures, and 15 from 7,000.
"""
MISSED = {BLIND: 0.8, "rare": 0.3, "correlated": 0.3, "noisy": 0.3}
"""Share of the pictures of each slice that a network must get wrong: otherwise it is none.

At 0.6 of each blind spot, of 36 worlds of seed 77 nine had one that was learned in part, and 13 of the 16 that the
workbench missed lay there.
"""
ELSEWHERE = 0.1
"""Share of the others that it may get wrong."""
TRIES = 8
"""Worlds that are drawn for one with blind spots at most; of another kind one is drawn.

Another would be no other: of two worlds each, networks got none of the slices wrong that were rare or against a
correlation, even with a hundredth of their pictures left, and .63 and .66 of the noisy ones.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """Test pictures, what is true of them, and what the network says.

    Attributes:
        images: `(N, H, W, 3)` uint8.
        table: `(N, A)` their attributes.
        predictions: of them, with the right labels.
        embeddings: `(N, D)` float32, what the network's last layer receives.
        spots: `(M, N)` bool, which pictures lie in which slice.
        plan: what the world is like.
        tries: worlds that were drawn for it.
    """

    images: Array
    table: Array
    predictions: Predictions
    embeddings: Array
    spots: Array
    plan: Plan
    tries: int


def make_world(number: int, seed: int, network: Network, kind: str = BLIND) -> World | None:
    """Draw world `number`, with one to three blind spots by turns, or a planted slice, and train the network in it.

    Returns:
        None where no network fails as it is to: of `TRIES`, or of one for a planted slice.
    """
    chance = np.random.default_rng([seed, number, *([KINDS.index(kind)] if kind in KINDS else [])])
    for tries in range(1, (TRIES if kind == BLIND else 1) + 1):
        plan = draw_plan(chance, 1 + number % SPOTS) if kind == BLIND else plan_of(kind, chance)
        table, labels = lesson(kind, plan, TRAIN, chance)
        network.train(draw(table, chance), labels, int(chance.integers(2**31)))
        table = draw_table(plan, TEST, chance)
        images, labels = draw(table, chance), table[:, LABEL]
        logits, embeddings = network.outputs(images)
        spots = np.array([inside(spot, table) for spot in plan.spots])
        missed = logits.argmax(axis=1) != labels
        fails = min(missed[spot].mean() for spot in spots) >= MISSED[kind]
        if fails and missed[~spots.any(axis=0)].mean() <= ELSEWHERE:
            return World(
                images=images,
                table=table,
                predictions=Predictions(logits, labels.astype(np.int64)),
                embeddings=embeddings,
                spots=spots,
                plan=plan,
                tries=tries,
            )
    return None
