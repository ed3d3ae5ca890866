"""A probe after each layer of a model predicts the classes of images; and the tables of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.sampling import balanced_rows
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import wilson

from .layer_features import layer_features, story_layers
from .prediction_depth import depths, linear_side, neighbours_for, story

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

INPUT = "pixels"
"""The place before the first layer."""
OUTPUT = "output"
"""The place after the last layer."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerProbes:
    """What the probes of L places predict for n images.

    Attributes:
        rows: `(n,)` int64, rows of the dataset, the balanced sample first.
        sampled: `(n,)` bool, which belong to the balanced sample; the others are additional errors.
        places: L names, the pixels first.
        predicted: `(L, n)` int64, class that the probe after each place predicts.
        network: predictions of the network.
        depth: `(n,)` int64 in [0, L].
        pair: `(L, m)` bool, whether a linear classifier after each place separates the images of two classes.
        classes: those two classes; None where there is no pair.
        neighbours: how many vote.
        support: images of known class whose neighbours vote.
        own_support: whether those are evaluated images, for want of training images.
    """

    rows: Array
    sampled: Array
    places: list[str]
    predicted: Array
    network: Predictions
    depth: Array
    pair: Array
    classes: tuple[int, int] | None
    neighbours: int
    support: int
    own_support: bool


def probe_layers(session: Session, *, layers: int, images: int, errors: int, support: int, seed: int) -> LayerProbes:
    """Probe a balanced sample, and some additional errors, at each of some layers.

    Args:
        session: the model and the images; without training images half of these teach the probes.
        layers: layers to probe at most.
        images: images of the sample at most.
        errors: additional errors to probe.
        support: images whose neighbours vote, at most.
        seed: of all choices.
    """
    dataset, train, chance = session.dataset, session.train, np.random.default_rng(seed)
    known, pool = train, np.arange(len(dataset))
    if train is None:  # half of the evaluated images stand in, the other half is probed
        known = dataset
        half = balanced_rows(dataset.labels, max(len(dataset) // 2, 1), seed)
        pool = np.setdiff1d(pool, half) if len(dataset) > 1 else pool
        base = half[balanced_rows(dataset.labels[half], support, seed)]
    else:
        base = balanced_rows(train.labels, support, seed)
    sample = pool[balanced_rows(dataset.labels[pool], images, seed)]
    wrong = np.setdiff1d(pool[~session.predictions.correct[pool]], sample)
    extra = np.sort(chance.permutation(wrong)[:errors])
    rows = np.concatenate([sample, extra])
    names = story_layers(session.probe, layers)
    known_by, _ = layer_features(session.probe, Some(known or dataset, base), names)
    queries, logits = layer_features(session.probe, Some(dataset, rows), names)
    labels, final = (known or dataset).labels[base], Predictions(logits, dataset.labels[rows])
    predicted = story(known_by, labels, queries, len(session.class_names))
    sampled = np.arange(len(rows)) < len(sample)
    pair, classes = _pair(session, (known_by, labels), queries, final, sampled)
    depth = depths(predicted, final.predicted)
    voting, places = neighbours_for(labels), [INPUT, *names]
    return LayerProbes(
        rows=rows,
        sampled=sampled,
        places=places,
        predicted=predicted,
        network=final,
        depth=depth,
        pair=pair,
        classes=classes,
        neighbours=voting,
        support=len(base),
        own_support=train is None,
    )


def _pair(
    session: Session, known_by: tuple[list[Array], Array], queries: list[Array], final: Predictions, sampled: Array
) -> tuple[Array, tuple[int, int] | None]:
    """After each place, separate the two classes that are most often confused, both directions together."""
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


def layer_table(probes: LayerProbes) -> pd.DataFrame:
    """One row a place, the network's own output last."""
    import pandas as pd

    own, labels = probes.sampled, probes.network.labels[probes.sampled]
    lines = []
    for place, name in enumerate((*probes.places, OUTPUT)):
        end = place == len(probes.places)
        classes = probes.network.predicted[own] if end else probes.predicted[place, own]
        right = int((classes == labels).sum())
        agree = int((classes == probes.network.predicted[own]).sum())
        of = len(labels)
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
            "turn_here": int((probes.depth[own] == place).sum()),
        }
        separated = probes.pair[place] if not end else np.zeros(0, bool)
        low, high = (float(edge) for edge in wilson(separated.sum(), len(separated)))
        known = len(separated) > 0
        line |= {"pair_images": len(separated), "pair_accuracy": float(separated.mean()) if known else np.nan}
        lines.append(line | {"pair_low": low if known else np.nan, "pair_high": high if known else np.nan})
    return pd.DataFrame(lines)


def depth_counts(probes: LayerProbes) -> pd.DataFrame:
    """How many correct predictions and errors are decided at each place."""
    import pandas as pd

    lines = []
    for name, own in (("right", probes.network.correct), ("wrong", ~probes.network.correct)):
        counts = np.bincount(probes.depth[own], minlength=len(probes.places) + 1)
        low, high = wilson(counts, max(int(own.sum()), 0))
        for place, layer in enumerate((*probes.places, OUTPUT)):
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


def image_table(probes: LayerProbes, session: Session) -> pd.DataFrame:
    """One row an image, the deepest first, with the class that each probe predicts."""
    import pandas as pd

    names, final = np.array(session.class_names, object), probes.network
    places = [*probes.places, OUTPUT]
    table = pd.DataFrame(
        {
            "row": probes.rows,
            "index": session.dataset.indices[probes.rows],
            "true": names[final.labels],
            "predicted": names[final.predicted],
            "correct": final.correct,
            "depth": probes.depth,
            "turns_at": [places[d] for d in probes.depth],
            **{f"after {name}": names[classes] for name, classes in zip(probes.places, probes.predicted, strict=True)},
        }
    )
    order = np.lexsort((final.correct, -probes.depth))
    return table.iloc[order].reset_index(drop=True)
