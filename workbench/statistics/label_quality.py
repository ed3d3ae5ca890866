"""Which labels are likely wrong, and how many: by the curve of what differs, and by what no ambiguity explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.probabilities import Scores, portions, some_rows
from workbench.core.types import Array
from workbench.statistics.confidences import confidences
from workbench.statistics.knowledge import SURE, Knowledge
from workbench.statistics.label_score import how_many, label_score, likely_wrong
from workbench.statistics.noise_curve import noise_curve
from workbench.statistics.rates import rate, wilson

if TYPE_CHECKING:
    import pandas as pd

SURELY = 0.001
"""p-value below which scattered labels are not put down to ambiguity."""
ONE_WAY = 0.6
"""Share of a pair's differing labels that must surely go the one way."""
DOUBT = 0.02
"""Share of labels that need not fit when probabilities are tempered."""
FEW = 5
"""Images with which a pair is looked at."""
PAIR = 0.01
"""Share of a class from which labels that go wrong in one direction are a fault, among the surest quarter; among the
surest half it is twice that."""
DROP = 1.9207
"""Half the 95 % point of chi square with one degree of freedom."""
STEEP = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Powers of the rank with which ambiguity may fade as predictions get surer."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelQuality:
    """What N labels look like to a model that was not fitted to them.

    Attributes:
        score: `(N,)` float64 in [0, 1], low is suspicious (`label_score`).
        probability: `(N,)` float64, of the given label.
        suggested: `(N,)` int64, the predicted class.
        issues: rows whose label is likely wrong, most suspicious first.
        likely: those of them that are mostly wrong if the model is not misled; none where wrong labels are not evident.
        noise: share of wrong labels; from none to all that differ where they cannot be told from hard images.
        beyond: share of wrong labels that no ambiguity explains, by sure predictions of unlikely labels and by pairs; a
            part of them, whose lower end says whether any are wrong.
        pairs: one row a pair of classes with a suspicious label: label and suggested (ints), images (how many issues),
            rate (share of what is surely predicted as suggested that has this label), low, high (95 %), sure (bool:
            wrong labels beyond doubt, and none the other way), hits and of (the counts behind the rate).
        joint: `(K, K)` float64, estimated images by given label (rows) and true class; sums to N.
        chance: how likely the scattered labels were by ambiguity alone, in [0, 1].
        told: whether the rate of wrong labels could be told from hard images.
        silence: why nothing can be told about labels, the rest of a sentence after "since"; empty where something can.
        knows: `(K,)` bool, classes that are mostly recognised, so that a label of theirs can be judged.
    """

    score: Array
    probability: Array
    suggested: Array
    issues: Array
    likely: Array
    noise: Estimate
    beyond: Estimate
    pairs: pd.DataFrame
    joint: Array
    chance: float
    knows: Array
    told: bool = False
    silence: str = ""

    @property
    def scattered(self) -> bool:
        """Whether labels are surely wrong all over the classes."""
        return self.chance < SURELY and self.beyond.value >= PAIR

    @property
    def doubtful(self) -> bool:
        """Whether any labels are surely wrong, by this judgement alone."""
        return self.scattered or bool(self.pairs["sure"].any())

    @property
    def one_way(self) -> pd.DataFrame:
        """The pairs that are surely mislabelled in one direction."""
        return self.pairs[self.pairs["sure"]]


def quality(
    probabilities: Scores, labels: Array, class_names_count: int, *, alike: Array | None = None
) -> LabelQuality:
    """Judge labels by out-of-sample probabilities.

    The rate is that of `noise_curve`, whose interval is wide where wrong labels cannot be told from hard images. A
    model that errs in a systematic way has such a curve, too, and is sure: that labels are wrong is believed (`told`)
    only if more of them than ambiguity explains are surely among the least likely by the model, which random noise
    gives as often as any other, or go wrong in one direction; both are asked where predictions are sure, which does not
    depend on the label given. With fewer than four classes no label is unlikely, and it is the share of differing
    labels that stays however sure the predictions are (`plateau`).

    Source: Northcutt et al. 2021, arXiv:1911.00068 (confident joint, by cleanlab). The plateau is the lapse rate of a
    psychometric function: Wichmann and Hill 2001, doi:10.3758/BF03194544.

    Args:
        probabilities: `(N, K)` float, of images that the model was not fitted to.
        labels: `(N,)` int in [0, K), as given.
        class_names_count: K.
        alike: `(N,)` bool, whether an image looks like the predicted class to others than the model, too: of those that
            do not, the model is wrong and not the label. All of them, if not given.
    """
    said = np.asarray(probabilities, np.float64) if isinstance(probabilities, np.ndarray) else probabilities
    seen = confidences(said, labels)
    predicted, own = seen.predicted, seen.own
    known = Knowledge(labels=labels, predicted=predicted, confidence=seen.most, classes=class_names_count)
    differs = ~known.right if alike is None else ~known.right & alike
    if known.silence:
        nothing = Estimate(float("nan"), 0.0, 1.0, unit="%")
        return LabelQuality(
            score=own,
            probability=own,
            suggested=predicted,
            issues=np.empty(0, np.int64),
            likely=np.empty(0, np.int64),
            noise=nothing,
            beyond=nothing,
            pairs=_pairs(known, np.empty(0, np.int64), differs),
            joint=_confident_joint(said, labels, class_names_count),
            chance=1.0,
            knows=known.knows,
            silence=known.silence,
        )
    curve = noise_curve(seen, labels, differs)
    score = label_score(said, labels, curve)
    suspects = np.flatnonzero(differs)
    suspects = suspects[np.argsort(score[suspects], kind="stable")]
    issues = suspects[: how_many(seen, differs, curve)]
    pairs = _pairs(known, issues, differs)
    beyond, chance = _beyond(said, known, differs, pairs, certain=curve.evident)
    told = curve.evident and beyond.low > 0
    noise = curve.rate
    if not told:  # what is surely wrong is; more may be
        high = max(beyond.high, min(1.03 * float(differs.mean()) + 2 / len(labels), 1.0), noise.high)
        noise = Estimate(beyond.value, beyond.low, high, unit="%")
    elif beyond.low > noise.low:
        noise = Estimate(max(noise.value, beyond.low), beyond.low, max(noise.high, beyond.low), unit="%")
    return LabelQuality(
        score=score,
        probability=own,
        suggested=predicted,
        issues=issues,
        likely=likely_wrong(issues, score, curve),
        noise=noise,
        beyond=beyond,
        pairs=pairs,
        joint=_confident_joint(said, labels, class_names_count),
        chance=chance,
        knows=known.knows,
        told=told,
    )


def _beyond(
    said: Scores, known: Knowledge, differs: Array, pairs: pd.DataFrame, *, certain: bool
) -> tuple[Estimate, float]:
    """Return the share of wrong labels that no ambiguity explains, and how likely the scattered ones were by it.

    Pairs are surely a part of it only where wrong labels are `certain` by the curve: a weak model takes one class for
    another in one direction, too.
    """
    labels, predicted, classes = known.labels, known.predicted, known.classes
    if classes >= 4:
        noise, chance = _scattered_noise(said, known, differs)
        sure = pairs[pairs["sure"]]
        share = np.bincount(predicted, minlength=classes)[sure["suggested"]] / len(labels)
        by_chance = noise.value / (classes - 1)  # counted already
        more = [float((share * (sure[column] - by_chance).clip(lower=0)).sum()) for column in ("rate", "low", "high")]
        more[1] *= certain
        noise = Estimate(*(min(one + other, 1.0) for one, other in zip(noise, more, strict=True)), unit="%")
    else:
        asked = known.knows[predicted]  # a class that is mostly predicted in error says nothing about labels
        value, low, high = plateau(differs[asked], known.rank[asked])
        low = low if low > 0 and _unexplained(said[asked], labels[asked]) else 0.0
        noise, chance = Estimate(value, low, high, unit="%"), 0.0 if low > PAIR / 2 else 1.0
    differing = rate(int(differs.sum()), len(labels))  # no more can be wrong, but for those that chance hides
    value, low, high = noise
    limit = differing.value
    return Estimate(min(value, limit), min(low, limit), min(high, differing.high), unit="%"), chance


def _confident_joint(said: Scores, labels: Array, classes: int) -> Array:
    """Return the confident joint of Northcutt et al. 2021, calibrated by cleanlab: `(K, K)`.

    It is counted in portions, as cleanlab counts it at once.
    """
    present, place = np.unique(labels, return_inverse=True)
    joint = np.diag(np.bincount(labels, minlength=classes)).astype(np.float64)
    if len(present) < 2:
        return joint
    from cleanlab.count import calibrate_confident_joint
    from cleanlab.internal.constants import CONFIDENT_THRESHOLDS_LOWER_BOUND as LEAST

    from workbench.statistics.confusion import confusion_counts

    def parts() -> Iterator[tuple[Array, Array]]:
        for rows in portions(*said.shape):
            some = said[rows][:, present] + 1e-12
            yield some / some.sum(axis=1, keepdims=True), place[rows]

    own = np.zeros(len(present))
    for some, given in parts():
        own += np.bincount(given, some[np.arange(len(given)), given], len(present))
    least = np.maximum(own / np.bincount(place), LEAST) - 1e-6
    counts = np.zeros((len(present), len(present)), np.int64)
    for some, given in parts():
        confident = some >= least
        how_many_are = confident.sum(axis=1)
        guess = np.where(how_many_are > 1, some.argmax(axis=1), confident.argmax(axis=1))
        counts += confusion_counts(given[how_many_are > 0], guess[how_many_are > 0], len(present))
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    joint[np.ix_(present, present)] = calibrate_confident_joint(counts, place)
    return joint


def plateau(hits: Array, rank: Array, *, end: float = SURE, drop: float = DROP) -> Estimate:
    """Fit r + A u^b to how often something holds at rank u ≤ `end`, by likelihood; the interval is of its profile.

    Args:
        hits: `(N,)` bool.
        rank: `(N,)` in (0, 1], the surest nearest to 0.
        end: largest rank that is looked at.
        drop: of the log-likelihood, at the ends of the interval.

    Returns:
        r, what is left however sure the prediction is.
    """
    edges = end * np.linspace(0, 1, 17)
    part = np.minimum(np.digitize(rank, edges) - 1, 16)
    of = np.bincount(part, minlength=17)[:16].astype(float)
    count = np.bincount(part, weights=hits, minlength=17)[:16]
    if not of.sum():
        return Estimate(0.0, 0.0, 1.0, unit="%")
    middle = (edges[:-1] + edges[1:]) / 2 / end
    rates = np.concatenate([[0.0], np.geomspace(1e-4, 0.9, 181)])
    amounts = np.concatenate([[0.0], np.geomspace(1e-4, 0.9, 61)])
    profile = np.full(len(rates), -np.inf)
    for power in STEEP:
        share = np.clip(rates[:, None, None] + amounts[:, None] * middle**power, 1e-9, 1 - 1e-9)
        likelihood = (count * np.log(share) + (of - count) * np.log1p(-share)).sum(axis=2)
        profile = np.maximum(profile, likelihood.max(axis=1))
    inside = np.flatnonzero(profile >= profile.max() - drop)
    return Estimate(float(rates[profile.argmax()]), float(rates[inside[0]]), float(rates[inside[-1]]), unit="%")


def _scattered_noise(said: Scores, known: Knowledge, differs: Array) -> tuple[Estimate, float]:
    """Count sure predictions whose label is among the least likely half of the other classes, against what is expected.

    Returns:
        The rate that they stand for, its lower end beyond what ambiguity explains; and how likely so many were by
        ambiguity alone.
    """
    from scipy.stats import chi2, poisson

    labels, unlikely = known.labels, (known.classes - 1) // 2
    sure = (known.rank <= SURE) & known.knows[known.predicted]
    place = _place(said, labels)
    hits = int(((place < unlikely) & differs & known.knows[labels] & sure).sum())
    power, expected = temper(said, labels), 0.0
    for rows in portions(*said.shape):
        tempered = raised(said[rows], power)[sure[rows]]
        expected += float(np.sort(tempered, axis=1)[:, :unlikely].sum())
    times = (known.classes - 1) / unlikely / max(int(sure.sum()), 1)
    lowest = chi2.ppf(0.025, 2 * hits) / 2 if hits else 0.0  # exact interval of a Poisson count (Garwood 1936)
    highest = chi2.ppf(0.975, 2 * hits + 2) / 2
    ends = (hits, max(lowest - expected, 0.0), highest)
    return Estimate(*(float(min(times * end, 1.0)) for end in ends), unit="%"), float(poisson.sf(hits - 1, expected))


def _place(said: Scores, labels: Array) -> Array:
    """Return the place of each label among the classes, `(N,)`, 0 for the least likely; ties share theirs."""
    place = np.empty(len(labels))
    for rows in portions(*said.shape):
        some = said[rows]
        own = np.take_along_axis(some, labels[rows, None], axis=1)
        place[rows] = (some < own).sum(axis=1) + ((some == own).sum(axis=1) - 1) / 2
    return place


def _unexplained(said: Array, labels: Array) -> bool:
    """Whether labels drawn at random surely explain better than any temperature alone what the labels are.

    A model that is never sure errs among its surest predictions too, as often as it says.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax
    from scipy.stats import chi2

    logs, rows = np.log(said + 1e-12), np.arange(len(labels))

    def misfit(rate: float) -> float:
        def loss(power: float) -> float:
            own = (1 - rate) * softmax(np.exp(power) * logs, axis=1)[rows, labels] + rate / said.shape[1]
            return -float(np.log(np.maximum(own, 1e-300)).sum())

        return float(minimize_scalar(loss, bounds=(-5, 3), method="bounded").fun)

    gain = misfit(0.0) - min(misfit(rate) for rate in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4))
    return bool(2 * gain > chi2.isf(SURELY, 1))


def temper(said: Scores, labels: Array) -> float:
    """Return the power of the probabilities that fits the labels best: then they are neither too sure nor too unsure.

    A label is taken to be drawn at random in `DOUBT` of all cases, so that a few wrong ones do not flatten everything.
    To very many images it is fitted by a sample of them.

    Source: Guo et al. 2017, arXiv:1706.04599, section 4.2, temperature scaling.
    """
    from scipy.optimize import minimize_scalar

    rows, classes = some_rows(*said.shape), said.shape[1]

    def loss(power: float) -> float:
        found = np.empty(len(rows))
        for part in portions(len(rows), classes):
            own = np.take_along_axis(raised(said[rows[part]], power), labels[rows[part], None], axis=1)[:, 0]
            found[part] = np.log((1 - DOUBT) * own + DOUBT / classes)
        return -float(found.mean())

    return float(minimize_scalar(loss, bounds=(0.05, 5), method="bounded").x)


def raised(said: Array, power: float) -> Array:
    """Return `(n, K)` probabilities raised to a power."""
    from scipy.special import softmax

    return np.asarray(softmax(power * np.log(said + 1e-12), axis=1))


def _pairs(known: Knowledge, issues: Array, differs: Array) -> pd.DataFrame:
    """Count issues and surely differing labels by pair, and say which pairs are mislabelled in one direction."""
    import pandas as pd
    from scipy.stats import binom

    from workbench.statistics.confusion import confusion_counts

    labels, predicted, rank, classes = known.labels, known.predicted, known.rank, known.classes

    def counts(chosen: Array) -> Array:
        return confusion_counts(labels[chosen], predicted[chosen], classes)

    counted = known.right | differs
    found, sure, surest = counts(issues), counts((rank <= SURE) & counted), counts((rank <= SURE / 2) & counted)
    label, suggested = np.nonzero((found + sure) * (1 - np.eye(classes, dtype=np.int64)))
    hits, back, of = sure[label, suggested], sure[suggested, label], sure.sum(axis=0)[suggested]
    low, high = wilson(hits, of)
    # Ambiguity goes both ways, and fades as predictions get surer; a mistake of the labelling does neither.
    tested = max(int((hits >= FEW).sum()), 1)
    one_way = (binom.sf(hits - 1, hits + back, 0.5) < 0.05 / tested) & (wilson(hits, hits + back)[0] > ONE_WAY)
    enough = (hits >= FEW) & known.knows[label] & known.knows[suggested] & (not known.silence)
    stays = wilson(surest[label, suggested], surest.sum(axis=0)[suggested])[0] > PAIR
    table = pd.DataFrame(
        {
            "label": label,
            "suggested": suggested,
            "images": found[label, suggested],
            "rate": hits / np.maximum(of, 1),
            "low": low,
            "high": high,
            "sure": enough & one_way & stays & (low > 2 * PAIR),
            "hits": hits,
            "of": of,
        }
    )
    return table.sort_values(["sure", "images", "hits"], ascending=False, kind="stable", ignore_index=True)
