"""At which layer images turn into their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from analyses.layer_story.figure import drawn
from analyses.layer_story.prediction_depth import Comparison, compare
from analyses.layer_story.probing import OUTPUT, Followed, depth_counts, follow, images_of, layers_of
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import counted, number, percent
from workbench.data.sampling import MOST_EVIDENCE
from workbench.data.thumbnails import small
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate
from workbench.statistics.significance import paired_difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

STORIES = 3
"""Images of each kind whose story is shown."""


class LayerStoryParams(Params):
    """How many images, and how many places to look at."""

    layers: int = Field(8, ge=1, le=50, description="layers to look behind at most, evenly chosen")
    images: int = Field(1000, ge=1, le=100_000, description="images to follow, of each class as many as there are")
    errors: int = Field(500, ge=0, le=100_000, description="errors to follow besides, to compare their depth")
    support: int = Field(2000, ge=2, le=100_000, description="training images that the probes learn from")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the choice of images")


class LayerStory(Analysis[LayerStoryParams]):
    """At which layer does an image turn into its prediction?

    A nearest-neighbour probe after each layer says a class; the prediction depth of an image is the first layer from
    which on all of them agree with the network.
    """

    Params = LayerStoryParams
    needs_model = True
    needs_inside = "layers"
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType(
        {"layers": 6, "images": 300, "errors": 100, "support": 600}
    )

    def compute(self, session: Session, params: LayerStoryParams) -> Result:
        """Follow a balanced sample and some errors through the layers.

        Source: Baldock et al. 2021, arXiv:2106.09647 (prediction depth); Alain & Bengio 2016, arXiv:1610.01644 (linear
        probes).
        """
        followed = follow(session, **params.model_dump())
        layers, images = layers_of(followed), images_of(followed, session)
        found = compare(followed.depth, followed.final.correct)
        shown = _shown(followed)
        tables = {"layers": layers, "depths": depth_counts(followed), "images": images}
        notes = {
            "places": followed.places,
            "k": followed.neighbours,
            "learned": followed.learned,
            "own": followed.own,
            "shown": shown,
            "classes": list(session.class_names),
            "errors": int((~followed.final.correct).sum()),
            "pair": None if followed.classes is None else list(followed.classes),
            "final": OUTPUT,
        }
        picked = np.array([n for each in shown.values() for n in each], np.int64)
        arrays = {
            "images": small(session.dataset.images[followed.rows[picked]]),
            "rows": followed.rows[picked],
            "said": followed.said[:, picked],
            "predicted": followed.final.predicted[picked],
            "labels": followed.final.labels[picked],
            "depth": followed.depth[picked],
        }
        findings = [_deeper(followed, found), _reached(followed), *_late(followed)]
        return Result(tables, arrays=arrays, findings=(*findings, *_apart(followed, session.class_names)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw the probes' accuracy, the depths of errors and of right predictions, and the stories of some images."""
        return drawn(result, self.question())


def _shown(followed: Followed) -> dict[str, list[int]]:
    """Choose the images whose story is told: right and wrong, early and late, the surest first."""
    sure, correct = -followed.final.confidence, followed.final.correct
    chosen: dict[str, list[int]] = {}
    for words, own in (("right", np.flatnonzero(correct)), ("wrong", np.flatnonzero(~correct))):
        order = own[np.lexsort((sure[own], followed.depth[own]))]
        early = order[: min(STORIES, len(order) // 2)]
        late = np.setdiff1d(own, early)
        late = late[np.lexsort((sure[late], -followed.depth[late]))][:STORIES]
        chosen |= {f"{words}, early": early.tolist(), f"{words}, late": late.tolist()}
    return chosen


def _place(followed: Followed, depth: int) -> str:
    return [*followed.places, OUTPUT][depth]


def _deeper(followed: Followed, found: Comparison) -> Finding:
    """Say whether errors turn later than right predictions."""
    wrong = np.flatnonzero(~followed.final.correct)
    latest = wrong[np.argsort(-followed.depth[wrong], kind="stable")][:MOST_EVIDENCE]
    rows, last = tuple(followed.rows[latest].tolist()), len(followed.places)
    if not len(wrong) or len(wrong) == len(followed.rows):
        one = "right" if not len(wrong) else "wrong"
        depth = number(float(followed.depth.mean()), 1)
        return Finding(
            f"All {counted(len(followed.rows), 'image')} that were followed are predicted {one}; they turn at place "
            f"{depth} of 0 … {last} on average.",
            effect=Estimate(float(followed.depth.mean())),
            evidence=rows,
        )
    gap = found.difference
    words = (
        "turn as early as"
        if gap.interval is None or gap.low <= 0 <= gap.high
        else ("turn later than" if gap.value > 0 else "turn earlier than")
    )
    claim = (
        f"Errors {words} right predictions: at place {number(found.wrong, 1)} against {number(found.right, 1)} of "
        f"0 … {last} on average, a difference of {number(gap.value, 1)}"
    )
    if gap.interval is not None:
        claim += f" (95 % interval {number(gap.low, 1)} to {number(gap.high, 1)})"
    claim += f"; an error turns later than a right prediction with a probability of {found.deeper:.2f}"
    claim += f" (Mann–Whitney p {'< 0.001' if found.chance < 0.001 else f'= {found.chance:.3f}'})"
    return Finding(f"{claim}.", severity=Severity.INFO, effect=gap, evidence=rows)


def _first_as_good(right: Array, last: Array) -> int:
    """Return the first place from which on no rate is surely below that of `last`: `(L, m)` and `(m,)` bool."""
    worse = [
        paired_difference(int((last & ~each).sum()), int((each & ~last).sum()), len(last)).low > 0 for each in right
    ]
    return 1 + max((place for place, bad in enumerate(worse) if bad), default=-1)


def _reached(followed: Followed) -> Finding:
    """Say how far the probes get, and from which layer on they are as good as the network."""
    own = followed.sampled
    labels = followed.final.labels[own]
    right, network = followed.said[:, own] == labels, followed.final.correct[own]
    place, count = _first_as_good(right, network), len(labels)
    shares = [rate(int(each.sum()), count) for each in (right[0], right[-1], network)]
    claim = f"Neighbours among {counted(followed.learned, 'image')} tell {percent(shares[0].value)} right by the pixels"
    if len(right) > 1:
        claim += f", {percent(shares[1].value)} after {followed.places[-1]}"
    claim += f"; the network {shares[2]}. "
    if place == len(right):
        claim += "No layer's probe is as good as the network: the output decides much"
    else:
        claim += f"From {followed.places[place]} on they are not surely worse than the network"
    return Finding(f"{claim}.", severity=Severity.INFO, effect=shares[2])


def _late(followed: Followed) -> list[Finding]:
    """Name the right predictions that turn last, and the errors that look like their prediction from the start."""
    findings, correct = [], followed.final.correct
    right = np.flatnonzero(correct & followed.sampled)
    if len(right):
        latest = int(followed.depth[right].max())
        own = right[followed.depth[right] == latest]
        own = own[np.argsort(followed.final.confidence[own], kind="stable")]
        share = rate(len(own), len(right))
        if latest:
            findings.append(
                Finding(
                    f"{counted(len(own), 'right prediction')} of {len(right):,}, {share}, turn only at "
                    f"{_place(followed, latest)}: they are the hard images of their classes.",
                    severity=Severity.INFO,
                    effect=share,
                    evidence=tuple(followed.rows[own][:MOST_EVIDENCE].tolist()),
                )
            )
    wrong = np.flatnonzero(~correct)
    early = wrong[followed.depth[wrong] <= len(followed.places) // 2]
    if len(early):
        early = early[np.lexsort((-followed.final.confidence[early], followed.depth[early]))]
        share = rate(len(early), len(wrong))
        findings.append(
            Finding(
                f"{counted(len(early), 'error')} of {len(wrong):,}, {share}, look like the predicted class to every "
                f"probe from {_place(followed, len(followed.places) // 2)} on, or sooner: their labels may be "
                "wrong, or the classes look alike there.",
                severity=Severity.INFO,
                effect=share,
                evidence=tuple(followed.rows[early][:MOST_EVIDENCE].tolist()),
            )
        )
    return findings


def _apart(followed: Followed, names: tuple[str, ...]) -> list[Finding]:
    """Say at which layer the leading confused pair comes apart."""
    if followed.classes is None:
        return []
    pair, (one, other) = followed.pair, followed.classes
    first, last = rate(int(pair[0].sum()), pair.shape[1]), rate(int(pair[-1].sum()), pair.shape[1])
    both = f"{names[one]} and {names[other]}, the pair confused most,"
    asked = followed.rows[np.flatnonzero(followed.sampled & np.isin(followed.final.labels, (one, other)))]
    lost = asked[~pair[-1]]
    if last.low <= 0.5:
        claim = (
            f"{both} are not surely told apart by a straight cut after any layer: {last} after {followed.places[-1]}"
        )
    else:
        place = _first_as_good(pair, pair[-1])
        at = rate(int(pair[place].sum()), pair.shape[1])
        claim = (
            f"{both} are told apart by a straight cut from {followed.places[place]} on: {at} of "
            f"{counted(pair.shape[1], 'image')}, not surely worse than {percent(last.value)} after "
            f"{followed.places[-1]}"
        )
        if place:
            claim += f"; by the pixels {percent(first.value)}"
        last = at
    return [
        Finding(
            f"{claim}.",
            severity=Severity.INFO,
            effect=last,
            evidence=tuple(lost[:MOST_EVIDENCE].tolist()),
            classes=(one, other),
        )
    ]
