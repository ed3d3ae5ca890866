"""At which layer the predictions of images are decided."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, percent, plural, verb
from workbench.data.thumbnails import thumbnails_of
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate
from workbench.statistics.significance import paired_difference

from .figure import draw_layer_story
from .prediction_depth import Comparison, compare
from .probing import OUTPUT, LayerProbes, depth_counts, image_table, layer_table, probe_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

STORIES = 3
"""Images of each kind that are shown."""


class LayerStoryParams(Params):
    """How many images, and how many places to look at."""

    layers: int = Field(8, ge=1, le=50, description="most layers to probe, evenly spaced")
    images: int = Field(1000, ge=1, le=100_000, description="images to probe, balanced over classes")
    errors: int = Field(500, ge=0, le=100_000, description="errors to probe in addition, to compare their depth")
    support: int = Field(2000, ge=2, le=100_000, description="training images for the nearest-neighbour probes")
    seed: Seed = Field(0, description="seed for choosing images")


class LayerStory(Analysis[LayerStoryParams]):
    """At which layer is the prediction of an image decided?

    A nearest-neighbour probe after each layer predicts a class; the prediction depth of an image is the first layer
    from which on all of them agree with the network.
    """

    group = "Explanations"
    title = "Decision by layer"
    Params = LayerStoryParams
    needs_model = True
    needs_inside = "layers"
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType(
        {"layers": 6, "images": 300, "errors": 100, "support": 600}
    )

    def compute(self, session: Session, params: LayerStoryParams) -> Result:
        """Probe a balanced sample and some errors at the layers.

        Source: Baldock et al. 2021, arXiv:2106.09647 (prediction depth); Alain & Bengio 2016, arXiv:1610.01644 (linear
        probes).
        """
        probes = probe_layers(session, **params.model_dump())
        layers, images = layer_table(probes), image_table(probes, session)
        found = compare(probes.depth, probes.network.correct)
        shown = _examples(probes)
        tables = {"layers": layers, "depths": depth_counts(probes), "images": images}
        notes = {
            "places": probes.places,
            "k": probes.neighbours,
            "learned": probes.support,
            "own": probes.own_support,
            "shown": shown,
            "classes": list(session.class_names),
            "errors": int((~probes.network.correct).sum()),
            "pair": None if probes.classes is None else list(probes.classes),
            "final": OUTPUT,
        }
        picked = np.array([n for each in shown.values() for n in each], np.int64)
        arrays = {
            "images": thumbnails_of(session.dataset, probes.rows[picked]),
            "rows": probes.rows[picked],
            "said": probes.predicted[:, picked],
            "predicted": probes.network.predicted[picked],
            "labels": probes.network.labels[picked],
            "depth": probes.depth[picked],
        }
        findings = [_depth_of_errors(probes, found), _probe_accuracy(probes), *_extreme_depths(probes)]
        sets = {
            f"{kind} {place}": ImageSet(probes.rows[(probes.network.correct == correct) & (probes.depth == place)])
            for kind, correct in (("right", True), ("wrong", False))
            for place in range(len(probes.places) + 1)
        }
        findings += _pair_separation(probes, session.class_names)
        return Result(tables, arrays=arrays, findings=tuple(findings), sets=sets, notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw the probes' accuracy, the depths of errors and of correct predictions, and the probes of some images."""
        return draw_layer_story(result, self.question())


def _examples(probes: LayerProbes) -> dict[str, list[int]]:
    """Choose images to show: correct and wrong, early and late, the most confident first."""
    sure, correct = -probes.network.confidence, probes.network.correct
    chosen: dict[str, list[int]] = {}
    for words, own in (("right", np.flatnonzero(correct)), ("wrong", np.flatnonzero(~correct))):
        order = own[np.lexsort((sure[own], probes.depth[own]))]
        early = order[: min(STORIES, len(order) // 2)]
        late = np.setdiff1d(own, early)
        late = late[np.lexsort((sure[late], -probes.depth[late]))][:STORIES]
        chosen |= {f"{words}, early": early.tolist(), f"{words}, late": late.tolist()}
    return chosen


def _place(probes: LayerProbes, depth: int) -> str:
    return [*probes.places, OUTPUT][depth]


def _depth_of_errors(probes: LayerProbes, found: Comparison) -> Finding:
    """Say whether errors are decided later than correct predictions."""
    wrong = np.flatnonzero(~probes.network.correct)
    latest = wrong[np.argsort(-probes.depth[wrong], kind="stable")]
    rows, last = ImageSet(probes.rows[latest]), len(probes.places)
    if not len(wrong) or len(wrong) == len(probes.rows):
        how = "correctly" if not len(wrong) else "wrongly"
        depth = number(float(probes.depth.mean()), 1)
        return Finding(
            f"All {plural(len(probes.rows), 'image')} examined {verb(len(probes.rows), 'are')} classified {how}; the "
            f"mean prediction depth is {depth} (0 … {last}).",
            effect=Estimate(float(probes.depth.mean())),
            evidence=rows,
        )
    gap = found.difference
    words = (
        "are decided as early as"
        if gap.interval is None or gap.low <= 0 <= gap.high
        else ("are decided later than" if gap.value > 0 else "are decided earlier than")
    )
    claim = (
        f"Errors {words} correct predictions: mean prediction depth {number(found.wrong, 1)} against "
        f"{number(found.right, 1)} (0 … {last}), a difference of {number(gap.value, 1)}"
    )
    if gap.interval is not None:
        claim += f" (95 % interval {number(gap.low, 1)} to {number(gap.high, 1)})"
    claim += f"; an error is deeper than a correct prediction with a probability of {found.deeper:.2f}"
    claim += f" (Mann–Whitney p {'< 0.001' if found.chance < 0.001 else f'= {found.chance:.3f}'})"
    return Finding(f"{claim}.", severity=Severity.INFO, effect=gap, evidence=rows)


def _first_as_good(right: Array, last: Array) -> int:
    """Return the first place from which on no rate is surely below that of `last`: `(L, m)` and `(m,)` bool."""
    worse = [
        paired_difference(int((last & ~each).sum()), int((each & ~last).sum()), len(last)).low > 0 for each in right
    ]
    return 1 + max((place for place, bad in enumerate(worse) if bad), default=-1)


def _probe_accuracy(probes: LayerProbes) -> Finding:
    """Give the accuracy of the probes, and the layer from which on they are as good as the network."""
    own = probes.sampled
    labels = probes.network.labels[own]
    right, network = probes.predicted[:, own] == labels, probes.network.correct[own]
    place, count = _first_as_good(right, network), len(labels)
    shares = [rate(int(each.sum()), count) for each in (right[0], right[-1], network)]
    claim = f"Accuracy of the probes ({plural(probes.support, 'image')}): {percent(shares[0].value)} on the pixels"
    if len(right) > 1:
        claim += f", {percent(shares[1].value)} after {probes.places[-1]}"
    claim += f"; of the network: {shares[2]}. "
    if place == len(right):
        claim += "No layer's probe is as good as the network: the output layer decides much"
    else:
        claim += f"From {probes.places[place]} on, the probes are not significantly worse than the network"
    return Finding(f"{claim}.", severity=Severity.INFO, effect=shares[2])


def _extreme_depths(probes: LayerProbes) -> list[Finding]:
    """Name the correct predictions that are decided last, and the errors that are decided early."""
    findings, correct = [], probes.network.correct
    right = np.flatnonzero(correct & probes.sampled)
    if len(right):
        latest = int(probes.depth[right].max())
        own = right[probes.depth[right] == latest]
        own = own[np.argsort(probes.network.confidence[own], kind="stable")]
        share = rate(len(own), len(right))
        if latest:
            findings.append(
                Finding(
                    f"{plural(len(own), 'correct prediction')} of {len(right):,}, {share}, are decided only at "
                    f"{_place(probes, latest)}: the hard images of their classes.",
                    severity=Severity.INFO,
                    effect=share,
                    evidence=ImageSet(probes.rows[own]),
                )
            )
    wrong = np.flatnonzero(~correct)
    early = wrong[probes.depth[wrong] <= len(probes.places) // 2]
    if len(early):
        early = early[np.lexsort((-probes.network.confidence[early], probes.depth[early]))]
        share = rate(len(early), len(wrong))
        findings.append(
            Finding(
                f"For {plural(len(early), 'error')} of {len(wrong):,}, {share}, every probe from "
                f"{_place(probes, len(probes.places) // 2)} on, or earlier, agrees with the wrong prediction: their "
                "labels may be wrong, or the classes look alike.",
                severity=Severity.INFO,
                effect=share,
                evidence=ImageSet(probes.rows[early]),
            )
        )
    return findings


def _pair_separation(probes: LayerProbes, names: tuple[str, ...]) -> list[Finding]:
    """Say at which layer the leading confused pair is separated."""
    if probes.classes is None:
        return []
    pair, (one, other) = probes.pair, probes.classes
    first, last = rate(int(pair[0].sum()), pair.shape[1]), rate(int(pair[-1].sum()), pair.shape[1])
    both = f"{names[one]} and {names[other]}, the most confused pair,"
    asked = probes.rows[np.flatnonzero(probes.sampled & np.isin(probes.network.labels, (one, other)))]
    lost = asked[~pair[-1]]
    if last.low <= 0.5:
        claim = (
            f"{both} are not significantly separated by a linear classifier after any layer: {last} correct after "
            f"{probes.places[-1]}"
        )
    else:
        place = _first_as_good(pair, pair[-1])
        at = rate(int(pair[place].sum()), pair.shape[1])
        claim = (
            f"{both} are separated by a linear classifier from {probes.places[place]} on: {at} of "
            f"{plural(pair.shape[1], 'image')} correct, not significantly worse than {percent(last.value)} after "
            f"{probes.places[-1]}"
        )
        if place:
            claim += f"; on the pixels {percent(first.value)}"
        last = at
    return [Finding(f"{claim}.", severity=Severity.INFO, effect=last, evidence=ImageSet(lost), classes=(one, other))]
