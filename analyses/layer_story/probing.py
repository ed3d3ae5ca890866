"""Images followed through the layers of a model by a probe after each of them, and the tables of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.layer_story.layer_features import layer_features, story_layers
from analyses.layer_story.prediction_depth import depths, linear_side, neighbours_for, story
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.sampling import balanced
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

INPUT, OUTPUT = "pixels", "output"
"""The places before the first layer and after the last one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Followed:
    """What the probes say of n images.

    Attributes:
        rows: `(n,)` int64, rows of the dataset, the balanced sample first.
        sampled: `(n,)` bool, which belong to the balanced sample; the others are errors followed besides.
        places: L names, the pixels first.
        said: `(L, n)` int64, class that the probe after each place says.
        final: predictions of the network.
        depth: `(n,)` int64 in [0, L].
        pair: `(L, m)` bool, whether a straight cut after each place tells the images of two classes apart.
        classes: those two classes; None where there is no pair.
        neighbours: how many vote.
        learned: images that the probes know.
        own: whether those are images under study, for want of training images.
    """

    rows: Array
    sampled: Array
    places: list[str]
    said: Array
    final: Predictions
    depth: Array
    pair: Array
    classes: tuple[int, int] | None
    neighbours: int
    learned: int
    own: bool


def follow(session: Session, *, layers: int, images: int, errors: int, support: int, seed: int) -> Followed:
    """Follow a balanced sample, and some errors besides, through the layers.

    Args:
        session: the model and the images; without training images half of these teach the probes.
        layers: layers to look behind at most.
        images: images of the sample at most.
        errors: errors to follow besides.
        support: images that the probes learn from at most.
        seed: of all choices.
    """
    dataset, train, chance = session.dataset, session.train, np.random.default_rng(seed)
    known, pool = train, np.arange(len(dataset))
    if train is None:  # half of the studied images stand in, the other half is followed
        known = dataset
        half = balanced(dataset.labels, max(len(dataset) // 2, 1), seed)
        pool = np.setdiff1d(pool, half) if len(dataset) > 1 else pool
        base = half[balanced(dataset.labels[half], support, seed)]
    else:
        base = balanced(train.labels, support, seed)
    sample = pool[balanced(dataset.labels[pool], images, seed)]
    wrong = np.setdiff1d(pool[~session.predictions.correct[pool]], sample)
    extra = np.sort(chance.permutation(wrong)[:errors])
    rows = np.concatenate([sample, extra])
    names = story_layers(session.probe, layers)
    known_by, _ = layer_features(session.probe, Some(known or dataset, base), names)
    queries, logits = layer_features(session.probe, Some(dataset, rows), names)
    labels, final = (known or dataset).labels[base], Predictions(logits, dataset.labels[rows])
    said = story(known_by, labels, queries, len(session.class_names))
    sampled = np.arange(len(rows)) < len(sample)
    pair, classes = _pair(session, (known_by, labels), queries, final, sampled)
    depth = depths(said, final.predicted)
    voting, places = neighbours_for(labels), [INPUT, *names]
    return Followed(
        rows=rows,
        sampled=sampled,
        places=places,
        said=said,
        final=final,
        depth=depth,
        pair=pair,
        classes=classes,
        neighbours=voting,
        learned=len(base),
        own=train is None,
    )


def _pair(
    session: Session, known_by: tuple[list[Array], Array], queries: list[Array], final: Predictions, sampled: Array
) -> tuple[Array, tuple[int, int] | None]:
    """After each place, tell the two classes apart that are most often confused, both ways together."""
    (support, labels), predictions = known_by, session.predictions
    counts = confusion_counts(predictions.labels, predictions.predicted, len(session.class_names))
    both = np.triu(counts + counts.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")
    known = set(np.unique(labels).tolist()) & set(np.unique(final.labels[sampled]).tolist())
    for cell in order[both.ravel()[order] > 0]:
        one, other = (int(c) for c in np.unravel_index(cell, both.shape))
        own = np.isin(labels, (one, other))
        asked = np.flatnonzero(sampled & np.isin(final.labels, (one, other)))
        if {one, other} <= known and np.bincount(labels[own], minlength=2)[[one, other]].min() >= 2:
            right = [
                linear_side(base[own], labels[own], each[asked]) == final.labels[asked]
                for base, each in zip(support, queries, strict=True)
            ]
            return np.stack(right), (one, other)
    return np.zeros((len(support), 0), bool), None


def layers_of(followed: Followed) -> pd.DataFrame:
    """One row a place, the network's own output last."""
    import pandas as pd

    own, labels = followed.sampled, followed.final.labels[followed.sampled]
    lines = []
    for place, name in enumerate((*followed.places, OUTPUT)):
        end = place == len(followed.places)
        said = followed.final.predicted[own] if end else followed.said[place, own]
        right, agree, of = int((said == labels).sum()), int((said == followed.final.predicted[own]).sum()), len(labels)
        low, high = (float(edge) for edge in wilson(right, of))
        line = {
            "place": place,
            "layer": name,
            "images": of,
            "right": right,
            "accuracy": right / of,
            "low": low,
            "high": high,
            "agrees_with_network": agree / of,
            "turn_here": int((followed.depth[own] == place).sum()),
        }
        apart = followed.pair[place] if not end else np.zeros(0, bool)
        low, high = (float(edge) for edge in wilson(apart.sum(), len(apart)))
        known = len(apart) > 0
        line |= {"pair_images": len(apart), "pair_accuracy": float(apart.mean()) if known else np.nan}
        lines.append(line | {"pair_low": low if known else np.nan, "pair_high": high if known else np.nan})
    return pd.DataFrame(lines)


def depth_counts(followed: Followed) -> pd.DataFrame:
    """How many right predictions and errors turn at each place."""
    import pandas as pd

    lines = []
    for name, own in (("right", followed.final.correct), ("wrong", ~followed.final.correct)):
        counts = np.bincount(followed.depth[own], minlength=len(followed.places) + 1)
        low, high = wilson(counts, max(int(own.sum()), 0))
        for place, layer in enumerate((*followed.places, OUTPUT)):
            lines.append(
                {
                    "prediction": name,
                    "place": place,
                    "layer": layer,
                    "images": int(counts[place]),
                    "share": counts[place] / max(int(own.sum()), 1),
                    "low": float(low[place]),
                    "high": float(high[place]),
                }
            )
    return pd.DataFrame(lines)


def images_of(followed: Followed, session: Session) -> pd.DataFrame:
    """One row an image, the latest to turn first, with what each probe says."""
    import pandas as pd

    names, final = np.array(session.class_names, object), followed.final
    places = [*followed.places, OUTPUT]
    table = pd.DataFrame(
        {
            "row": followed.rows,
            "index": session.dataset.indices[followed.rows],
            "true": names[final.labels],
            "predicted": names[final.predicted],
            "correct": final.correct,
            "depth": followed.depth,
            "turns_at": [places[d] for d in followed.depth],
            **{f"after {name}": names[said] for name, said in zip(followed.places, followed.said, strict=True)},
        }
    )
    order = np.lexsort((final.correct, -followed.depth))
    return table.iloc[order].reset_index(drop=True)
