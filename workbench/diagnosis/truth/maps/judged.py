"""Which maps show what a network's prediction rests on, and whether it can be told of a map without knowing that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from workbench.attribution.composites import COMPOSITES
from workbench.attribution.methods import explainer, explainers
from workbench.attribution.methods.lrp import Lrp
from workbench.core.attribution import MOSTLY, SELDOM
from workbench.core.estimate import columns
from workbench.core.params import make
from workbench.core.types import Array, Score
from workbench.diagnosis.benchmark import Claim
from workbench.faithfulness.hiding import hiding_effects
from workbench.faithfulness.reliability import EDGES
from workbench.faithfulness.verdict import DISAGREE
from workbench.statistics.bootstrap import RESAMPLES, estimate
from workbench.statistics.rates import wilson

from .decoy import Decoy
from .known_world import KnownWorld
from .mosaic import AttendedMosaic, LargeMosaic, Mosaic
from .parts import ContrastedParts, Parts
from .parts_protocol import PartScores, part_scores
from .peers import NAME as PEER
from .peers import Explains, peers

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attribution.explainer import Explainer
    from workbench.models.probe import Probe

    from .known_world import Known

GOOD = 0.5
"""Share of a map's positive mass that must lie on the true evidence, for the map to show it."""
CONTROL = "random"
OURS, SET = "workbench", "workbench, as set"
SETTINGS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "lrp": [{"composite": name} for name in COMPOSITES if name != Lrp().composite]
}
"""Methods that are placed with other settings, too; what is said of maps counts the defaults alone."""
WORLDS: Mapping[str, type[KnownWorld]] = {
    "decoy": Decoy,
    "parts": Parts,
    "parts, contrasts": ContrastedParts,
    "grid 2×2": Mosaic,
    "grid 3×3": LargeMosaic,
    "grid 2×2, tokens": AttendedMosaic,
}
COSTLY, FEW = 300, 8
"""Changed copies of an image from which a method explains only the first few images of a network."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """The maps of one method of the images of one world and network.

    Attributes:
        world, network, method: their names.
        library: whose the method is.
        true: `(N,)` share of each map's positive mass on the true evidence.
        points: `(N,)` bool, whether its largest value lies there.
        excess: `(N,)` excess share, measured without knowing the evidence; NaN where it cannot be told.
        agreement: `(N,)` how far the ways of hiding agree on each image.
        drop: `(N,)` the most that hiding costs, in units of the score.
        area: `(N,)` share of the pixels where it costs most.
        accuracy: of the network.
        parts: how well the maps weigh parts, in a world of parts.
    """

    world: str
    network: str
    method: str
    library: str
    true: Array
    points: Array
    excess: Array
    agreement: Array
    drop: Array
    area: Array
    accuracy: float
    parts: PartScores | None = None


@dataclass(frozen=True)
class Case:
    """One network of one world.

    Attributes:
        world: its name.
        network: its architecture.
        seed: of everything that is drawn.
    """

    world: str
    network: str
    seed: int


def cases_of(*, only: Sequence[str] = (), seeds: Sequence[int] = (0,), quick: bool = False) -> list[Case]:
    """Return the networks of made worlds.

    Args:
        only: names of worlds; empty for all.
        seeds: of the draws of each world.
        quick: whether each world has one architecture in turn.
    """
    chosen = {name: kind for name, kind in WORLDS.items() if not only or name in only}
    return [
        Case(name, network, seed)
        for seed in seeds
        for place, (name, kind) in enumerate(chosen.items())
        for number, network in enumerate(kind.makes)
        if not quick or number == (place + seed) % len(kind.makes)
    ]


def judged_case(case: Case, *, methods: Sequence[str] = (), count: int = 60, quick: bool = False) -> Iterator[Judged]:
    """Train a network of a made world, and judge the maps of its images.

    Args:
        case: which.
        methods: names of methods; empty for all that apply.
        count: images.
        quick: whether methods of many changed copies are left out, and networks may be trained for a shorter time.
    """
    known = WORLDS[case.world]().known(case.network, count, case.seed, quick=quick)
    asked = methods or list(explainers())
    if quick:
        asked = [method for method in asked if not _costly(method, known.probe)]
    yield from _judged(case.world, f"{case.network} {case.seed}", known, asked)


def _judged(world: str, network: str, known: Known, methods: Sequence[str]) -> Iterator[Judged]:
    for name, library, some, explain in _explaining(known, methods):
        effects = hiding_effects(some.probe, some.images, some.target, some.against)  # measured once for all methods
        maps, parts = explain(some.target), None
        if some.parts is not None:
            parts = part_scores(some.parts, maps, explain(some.parts.other))
        yield Judged(
            world=world,
            network=network,
            method=name,
            library=library,
            true=some.true_share(maps),
            points=some.points(maps),
            excess=effects.excess(maps),
            agreement=effects.agreement,
            drop=effects.drop,
            area=effects.area,
            accuracy=known.accuracy,
            parts=parts,
        )


def _explaining(known: Known, methods: Sequence[str]) -> Iterator[tuple[str, str, Known, Explains]]:
    """Return what explains images by each method: its name, whose it is, the images, and a function of the classes."""
    score: Score = "logit" if known.against is None else "contrast"
    for name in methods:
        kind = explainer(name)
        if kind.missing(known.probe) is not None:
            continue
        some = known.first(FEW) if _costly(name, known.probe) else known
        for settings in ({}, *SETTINGS.get(name, ())):
            method = make(kind, settings)
            background = known.images[:8] if method.needs_background else None

            def explain(
                target: Array, method: Explainer = method, some: Known = some, background: Array | None = background
            ) -> Array:
                return method.attribute(
                    some.probe, some.images, target, against=some.against, score=score, background=background
                ).at_pixels()

            yield ", ".join([name, *settings.values()]), SET if settings else OURS, some, explain
    for name, explains in peers(known.probe, known.images) if known.against is None else ():
        if name in methods:
            yield name, PEER, known, explains


def _costly(method: str, probe: Probe) -> bool:
    kind = explainer(method)
    return kind.missing(probe) is None and kind().copies(probe) > COSTLY


def by_method(judged: Sequence[Judged]) -> pd.DataFrame:
    """One row a world and method, the best first: share of the maps' positive mass on the evidence, and pointing."""
    import pandas as pd

    rows = []
    for kind in dict.fromkeys((each.world, each.method, each.library) for each in judged):
        own = [each for each in judged if (each.world, each.method, each.library) == kind]
        true, points = (np.concatenate([getattr(each, name) for each in own]) for name in ("true", "points"))
        share, (low, high) = estimate(true, within=(0.0, 1.0)), wilson(int(points.sum()), len(points))
        rows.append(
            {
                **dict(zip(("world", "method", "library"), kind, strict=True)),
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
        own = [each for each in of_ours(judged) if (each.world, each.network) == (world, network)]
        areas = np.array([area(each.excess, each.true > np.median(each.true)) for each in own])
        known = areas[np.isfinite(areas)]
        rows.append(
            {
                "world": world,
                "network": network,
                "accuracy": own[0].accuracy,
                "methods": len(known),
                "maps_of_each": max(len(each.true) for each in own),
                **columns("auc", estimate(known, within=(0.0, 1.0))),
            }
        )
    return pd.DataFrame(rows)


def reliability(judged: Sequence[Judged]) -> pd.DataFrame:
    """One row for each range of the excess share: how many of such maps show the true evidence.

    The 95 % interval resamples the networks, and is no smaller than that of as many independent maps.
    """
    import pandas as pd

    own = of_ours(judged)
    networks = {each: n for n, each in enumerate(dict.fromkeys((each.world, each.network) for each in own))}
    told = [told_of(each) for each in own]
    excess = np.concatenate([np.where(known, each.excess, np.nan) for each, known in zip(own, told, strict=True)])
    good = np.concatenate([each.true >= GOOD for each in own])
    network = np.concatenate([np.full(len(each.true), networks[each.world, each.network]) for each in own])
    drawn = np.random.default_rng(0).multinomial(len(networks), np.full(len(networks), 1 / len(networks)), RESAMPLES)
    rows = []
    for low, high in pairwise(EDGES):
        inside = (excess >= low) & (excess < high)
        of = np.bincount(network[inside], minlength=len(networks))
        hits = np.bincount(network[inside & good], minlength=len(networks))
        ends = [float(each) for each in wilson(int(hits.sum()), int(of.sum()))]
        seen, held = drawn @ of, drawn @ hits
        if (seen > 0).any():
            apart = np.percentile(held[seen > 0] / seen[seen > 0], (2.5, 97.5))
            ends = [min(ends[0], float(apart[0])), max(ends[1], float(apart[1]))]
        rows.append(
            {
                "excess_from": low,
                "excess_to": high,
                "maps": int(of.sum()),
                "networks": int((of > 0).sum()),
                "share": hits.sum() / of.sum() if of.any() else float("nan"),
                "low": ends[0],
                "high": ends[1],
            }
        )
    return pd.DataFrame(rows)


def of_ours(judged: Sequence[Judged]) -> list[Judged]:
    """Leave out the random control, and what another library made: much the same maps again."""
    return [each for each in judged if each.method != CONTROL and each.library == OURS]


def told_of(judged: Judged) -> Array:
    """`(N,)` bool, whether something can be told of each map, as a verdict would."""
    return np.asarray(np.isfinite(judged.excess) & (judged.drop > 0) & (judged.agreement >= DISAGREE))


def claims(judged: Sequence[Judged]) -> tuple[Claim, ...]:
    """Say of each word of a verdict how often the map showed the evidence, or did not."""
    from workbench.faithfulness.reliability import reliability as known_reliability

    own = of_ours(judged)
    told = np.concatenate([told_of(each) for each in own])
    excess, good = np.concatenate([each.excess for each in own]), np.concatenate([each.true >= GOOD for each in own])
    worth = [known_reliability(each if known else np.nan) for each, known in zip(excess, told, strict=True)]
    value = np.array([each.value for each in worth])
    believed, beside = told & (value >= MOSTLY), told & (value <= SELDOM)
    partly = told & ~believed & ~beside
    found = [
        ("a map on the evidence shows it", int(good[believed].sum()), int(believed.sum()), MOSTLY),
        ("a map partly on the evidence shows it", int(good[partly].sum()), int(partly.sum()), None),
        ("a map beside the evidence does not show it", int((~good)[beside].sum()), int(beside.sum()), 1 - SELDOM),
        ("of a map something can be told", int(told.sum()), len(told), None),
    ]
    return tuple(Claim(said=said, right=right, of=of, wanted=wanted) for said, right, of, wanted in found if of)


def area(score: Array, positive: Array) -> float:
    """Area under the ROC curve of `(N,)` scores for `(N,)` bool; NaN where only one kind is there. NaN are left out."""
    from sklearn.metrics import roc_auc_score

    known = np.isfinite(score)
    positive = positive[known]
    return float(roc_auc_score(positive, score[known])) if 0 < positive.sum() < len(positive) else float("nan")
