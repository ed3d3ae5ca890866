"""Which maps show what a network's prediction rests on, and whether it can be told of a map without knowing that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from .decoy import Decoy
from workbench.faithfulness.hiding import hiding_effects
from .mosaic import Mosaic
from .parts import Parts

from workbench.attribution.methods import explainer, explainers
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.statistics.bootstrap import estimate
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd
    from .known_world import Known

GOOD = 0.5
"""Share of a map's positive mass that must lie on the true evidence, for the map to show it."""
BINS = (-1.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 1.0)
"""Edges of the excess share by which maps are counted."""
CONTROL = "random"
WORLDS = {"decoy": Decoy, "parts": Parts, "mosaic": Mosaic}


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """The maps of one method of the images of one world and network.

    Attributes:
        world, network, method: their names.
        true: `(N,)` share of each map's positive mass on the true evidence.
        points: `(N,)` bool, whether its largest value lies there.
        excess: `(N,)` excess share, measured without knowing the evidence; NaN where it cannot be told.
        agreement: `(N,)` how far the ways of hiding agree on each image.
        drop: `(N,)` the most that hiding costs, in units of the score.
        area: `(N,)` share of the pixels where it costs most.
    """

    world: str
    network: str
    method: str
    true: Array
    points: Array
    excess: Array
    agreement: Array
    drop: Array
    area: Array


def judged_maps(
    *, only: Sequence[str] = (), methods: Sequence[str] = (), count: int = 60, seeds: int = 1, every: bool = True
) -> Iterator[Judged]:
    """Train networks of made worlds, and judge the maps of their images.

    Args:
        only: names of worlds; empty for all.
        methods: names of methods; empty for all that apply.
        count: images of each network.
        seeds: draws of each world.
        every: whether each architecture learns each world; else each world has one of them in turn.
    """
    chosen = {name: kind for name, kind in WORLDS.items() if not only or name in only}
    cases = [
        (name, kind, make, seed)
        for seed in range(seeds)
        for place, (name, kind) in enumerate(chosen.items())
        for number, make in enumerate(kind.makes)
        if every or number == (place + seed) % len(kind.makes)
    ]
    for number, (name, kind, make, seed) in enumerate(cases):
        known = kind().known(make, count, seed)
        yield from _judged(name, f"{make} {seed}", known, methods or list(explainers()))
        report("Networks of made worlds", number + 1, len(cases))


def _judged(world: str, network: str, known: Known, methods: Sequence[str]) -> Iterator[Judged]:
    effects = hiding_effects(known.probe, known.images, known.target)
    for name in methods:
        kind = explainer(name)
        if kind.missing(known.probe) is not None:
            continue
        method = kind()
        background = known.images[:8] if method.needs_background else None
        found = method.attribute(known.probe, known.images, known.target, background=background)
        maps = found.at_pixels()
        yield Judged(
            world=world,
            network=network,
            method=name,
            true=known.true_share(maps),
            points=known.points(maps),
            excess=effects.excess(maps),
            agreement=effects.agreement,
            drop=effects.values.mean(axis=1).max(axis=(1, 2)),
            area=effects.where.mean(axis=(1, 2)),
        )


def by_method(judged: Sequence[Judged]) -> pd.DataFrame:
    """One row a world and method, the best first: share of the maps' positive mass on the evidence, and pointing."""
    import pandas as pd

    rows = []
    for world, method in dict.fromkeys((each.world, each.method) for each in judged):
        own = [each for each in judged if (each.world, each.method) == (world, method)]
        true, points = (np.concatenate([getattr(each, name) for each in own]) for name in ("true", "points"))
        share, (low, high) = estimate(true, within=(0.0, 1.0)), wilson(int(points.sum()), len(points))
        rows.append(
            {
                "world": world,
                "method": method,
                "maps": len(true),
                "true_share": share.value,
                "true_share_low": share.low,
                "true_share_high": share.high,
                "points": float(points.mean()),
                "points_low": float(low),
                "points_high": float(high),
            }
        )
    return pd.DataFrame(rows).sort_values(["world", "true_share"], ascending=[True, False], ignore_index=True)


def within_methods(judged: Sequence[Judged]) -> pd.DataFrame:
    """One row a world and network: chance that of two maps of one method the better one has the larger excess share.

    (The area under the ROC curve of the excess share, for a true share above the method's median; the mean over
    methods, the random control left out.)
    """
    import pandas as pd

    rows = []
    for world, network in dict.fromkeys((each.world, each.network) for each in judged):
        own = [each for each in judged if (each.world, each.network) == (world, network) and each.method != CONTROL]
        areas = [area(each.excess, each.true > np.median(each.true)) for each in own]
        rows.append({"world": world, "network": network, "methods": len(own), "auc": float(np.nanmean(areas))})
    return pd.DataFrame(rows)


def reliability(judged: Sequence[Judged]) -> pd.DataFrame:
    """One row for each range of the excess share: how many of such maps show the true evidence, with 95 % intervals."""
    import pandas as pd

    own = [each for each in judged if each.method != CONTROL]
    excess, good = np.concatenate([each.excess for each in own]), np.concatenate([each.true >= GOOD for each in own])
    rows = []
    for low, high in pairwise(BINS):
        inside = (excess >= low) & (excess < high)
        hits, of = int(good[inside].sum()), int(inside.sum())
        ends = wilson(hits, of)
        rows.append(
            {
                "excess_from": low,
                "excess_to": high,
                "maps": of,
                "show_the_evidence": hits / of if of else float("nan"),
                "low": float(ends[0]),
                "high": float(ends[1]),
            }
        )
    return pd.DataFrame(rows)


def area(score: Array, positive: Array) -> float:
    """Area under the ROC curve of `(N,)` scores for `(N,)` bool; NaN where only one kind is there. NaN are left out."""
    from sklearn.metrics import roc_auc_score

    known = np.isfinite(score)
    positive = positive[known]
    return float(roc_auc_score(positive, score[known])) if 0 < positive.sum() < len(positive) else float("nan")
