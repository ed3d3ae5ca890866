"""What each method says of a world: the workbench's slices, and its peers from their formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.diagnosis.registry import compute
from workbench.diagnosis.truth.slices.domino import domino
from workbench.diagnosis.truth.slices.making import World
from workbench.diagnosis.truth.slices.network import Network
from workbench.diagnosis.truth.slices.planespot import plane_of, planespot
from workbench.diagnosis.truth.slices.spotlight import spotlight
from workbench.session.session import Session
from workbench.statistics.described import describe

OURS = "workbench slices"
TOP = 10
"""Groups of a peer that are looked at; ours are all that it confirms."""
SHOWN = 20
"""Groups of ours that are read, more than there ever were."""
WEIGHTS = {"Domino": 10.0, "Spotlight": 0.02, "PlaneSpot": 0.2}
"""Weight of the labels, least share of the images, and weight of the confidence."""


@dataclass(frozen=True, eq=False)
class Said:
    """What the workbench says of a world.

    Attributes:
        groups: `(N,)` bool each, in its order.
        words_hold: of each group, the share of images for which words hold that were found on other images of it; 1
            where the words define the group, NaN where there are none.
        words_outside: of each, the share of all other images for which they hold, too.
    """

    groups: tuple[Array, ...]
    words_hold: Array
    words_outside: Array


def ask_workbench(world: World, network: Network) -> Said:
    """Ask the analysis `slices`, which is given the test pictures, their labels, and the network."""
    count = len(world.images)
    data = Dataset(
        world.images,
        world.predictions.labels,
        class_names=("no square", "square"),
        indices=np.arange(count),
        name="made/test",
    )
    session = Session(network.model, data, name="made", preprocessing="unit", cache=False, engine="tensorflow")
    session.probe.engine = network.engine
    result = compute(session, "slices", {"shown": SHOWN})
    found = result.tables["slices"]
    groups = []
    for place in range(min(len(found), SHOWN)):
        members = np.zeros(count, bool)
        members[result.sets[f"group {place}"].rows] = True
        groups.append(members)
    even = np.arange(count) % 2 == 0
    holds, outside = np.full((2, len(groups)), np.nan)
    for place, members in enumerate(groups):
        if found["found_in"][place] == "properties":  # its rule is what defines it
            holds[place], outside[place] = 1.0, 0.0
            continue
        words = describe(session.properties, data.labels, members, data.class_names, known=even)
        if words is not None:
            holds[place] = words.holds[members & ~even].mean()
            outside[place] = words.holds[~members & ~even].mean()
    return Said(tuple(groups), holds, outside)


def ask_peers(world: World, seed: int) -> Mapping[str, list[Array]]:
    """Ask Domino, Spotlight and PlaneSpot, which are given embeddings, labels and predictions: groups of each."""
    predictions, embeddings = world.predictions, world.embeddings
    sure = predictions.probabilities[np.arange(len(embeddings)), predictions.labels]
    return {
        "Domino": domino(
            embeddings, predictions.labels, np.asarray(predictions.probabilities), weight=WEIGHTS["Domino"], seed=seed
        )[:TOP],
        "Spotlight": spotlight(embeddings, predictions.loss, least=WEIGHTS["Spotlight"], seed=seed)[:TOP],
        "PlaneSpot": planespot(
            plane_of(embeddings, seed), sure, ~predictions.correct, weight=WEIGHTS["PlaneSpot"], seed=seed
        )[:TOP],
    }
