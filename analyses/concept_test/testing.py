"""The vector of a concept, how it moves the scores of classes, and what the model says without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.concepts.erasing import logits_without
from workbench.concepts.reading import read_maps
from workbench.concepts.vectors import Directions, cells_of, chance_of, directions, divisions
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import FEWEST, wilson

from .concepts import Concept

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

COLUMNS = {
    "concepts": ("concept", "images", "accuracy", "random_accuracy", "step", "p"),
    "scores": (
        "concept", "class", "images", "rising", "tcav", "tcav_low", "tcav_high", "tcav_random", "tcav_train", "effect",
        "p", "p_adjusted",
    ),
    "erased": ("concept", "class", "images", "recall", "recall_without", "more_errors", "more"),
}  # fmt: skip
"""Columns of the tables; the effect is a change of the logit, "tcav_random" the middle 95 % of random divisions."""
Gradients = Mapping[int, tuple[Array, Array | None]]
"""Of each class: gradients of its logit by the cells of the maps, of studied and of training images, `(m, D)`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tested:
    """What was measured of a concept.

    Attributes:
        concept: which.
        found: its vector, and those of random divisions.
        chance: p-value that the classifier tells its images no better than random divisions.
        slopes: of each class, `(m, 1 + R)` directional derivatives of its studied images.
        training: of each class, `(m,)` those of its training images along the concept's vector; None if not known.
        clearest: rows of the images with the concept, those that lie farthest along its vector first.
        before, after: confusion counts, `(K, K)`, of some images as they are and without the concept.
    """

    concept: Concept
    found: Directions
    chance: float
    slopes: Mapping[int, Array]
    training: Mapping[int, Array | None]
    clearest: Array
    before: Array
    after: Array

    @property
    def accuracy(self) -> float:
        """Share of left-out images that are told from the others."""
        return float(self.found.accuracy[0])

    def effects(self, label: int) -> Array:
        """`(1 + R)` change of the logit of a class over the step, along the concept's vector and each random one."""
        return np.asarray(self.slopes[label].mean(axis=0) * self.found.step)

    def chance_for(self, label: int) -> float:
        """P-value of its effect on a class; NaN of too few images, and where no direction has any."""
        some = len(self.slopes[label]) >= FEWEST and bool(self.effects(label).any())
        return chance_of(self.effects(label)) if some else float("nan")


def gradients_of(session: Session, layer: str, classes: Sequence[int], most: int, seed: int) -> Gradients:
    """Differentiate the logit of each class by the feature maps of some of its images."""
    parts = [session.dataset, session.train] if session.train is not None else [session.dataset]
    if session.train is not None and session.train.fingerprint == session.dataset.fingerprint:
        parts = [session.dataset]
    found: dict[int, tuple[Array, Array | None]] = {}
    for label in classes:
        both = []
        for part in parts:
            rows = np.flatnonzero(part.labels == label)
            rows = np.sort(np.random.default_rng([seed, label]).permutation(rows)[:most])
            _, slopes = session.probe.feature_maps_and_gradients(part.floats(rows), np.full(len(rows), label), layer)
            both.append(cells_of(slopes, sums=True).reshape(len(rows), -1))
        found[label] = both[0], both[1] if len(both) > 1 else None
    return found


def tested(
    session: Session, concept: Concept, layer: str, gradients: Gradients, *, draws: int, seed: int, erased: int
) -> Tested:
    """Measure one concept, with so many random divisions, and images from which it is erased."""
    data = session.dataset
    rows = np.concatenate([concept.inside, concept.outside])
    inside = np.arange(len(rows)) < len(concept.inside)
    cells = cells_of(read_maps(session.probe, session.dataset, rows, layer))
    features = cells.reshape(len(rows), -1)
    members = divisions(inside, draws, within=data.labels[rows] if concept.within else None, seed=seed)
    found = directions(features, members, seed=seed)
    vector = found.vector.reshape(cells.shape[1:])
    level = found.middle + float(features.mean(axis=0, dtype=np.float64) @ vector.ravel())
    seen = balanced_rows(data.labels, erased, seed)
    without = logits_without(session.probe, data.floats(seen), layer, vector, level).argmax(axis=1) if erased else seen
    said = session.predictions.predicted[seen]
    labels, classes = data.labels[seen], len(session.class_names)
    return Tested(
        concept=concept,
        found=found,
        chance=chance_of(found.accuracy),
        slopes={label: found.slopes(own) for label, (own, _) in gradients.items()},
        training={
            label: None if other is None or not len(other) else other.astype(np.float64) @ found.vector
            for label, (_, other) in gradients.items()
        },
        clearest=concept.inside[np.argsort(-(features[inside] @ found.vector), kind="stable")],
        before=confusion_counts(labels, said, classes),
        after=confusion_counts(labels, without, classes),
    )


def tables_of(session: Session, found: Sequence[Tested], classes: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Return a line for each concept, for each concept and class, and for each class without each concept."""
    import pandas as pd

    names = session.class_names
    lines: dict[str, list[list[Any]]] = {name: [] for name in COLUMNS}
    for each in found:
        count = len(each.concept.inside)
        random = float(np.quantile(each.found.accuracy[1:], 0.95))
        lines["concepts"].append([each.concept.name, count, each.accuracy, random, each.found.step[0], each.chance])
        for label in classes:
            lines["scores"].append([each.concept.name, names[label], *_scores(each, label)])
            lines["erased"].append([each.concept.name, names[label], *_erased(each, label, names)])
    return {name: pd.DataFrame(lines[name], columns=list(columns)) for name, columns in COLUMNS.items()}


def _scores(each: Tested, label: int) -> list[Any]:
    slopes = each.slopes[label]
    count = len(slopes)
    rising = (slopes > 0).sum(axis=0)
    low, high = wilson(int(rising[0]), count)
    low_random, high_random = np.quantile(rising[1:] / count, [0.025, 0.975])
    training = each.training[label]
    return [
        count,
        int(rising[0]),
        rising[0] / count,
        float(low),
        float(high),
        f"{low_random:.2f}–{high_random:.2f}",
        float("nan") if training is None else float((training > 0).mean()),
        float(each.effects(label)[0]),
        each.chance_for(label),
        float("nan"),
    ]


def _erased(each: Tested, label: int, names: Sequence[str]) -> list[Any]:
    """How the recall of a class changes without the concept, and which of its errors become more."""
    before, after = each.before[label], each.after[label]
    of = max(int(before.sum()), 1)
    more = after - before
    more[label] = 0
    other = int(more.argmax())
    said = names[other] if more[other] > 0 else "–"
    return [int(before.sum()), before[label] / of, after[label] / of, said, int(max(more[other], 0))]
