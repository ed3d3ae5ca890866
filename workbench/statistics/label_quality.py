"""Which labels are likely wrong, and how many: confident learning, and the rate at which sure predictions differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.knowledge import SURE, Knowledge
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
        score: `(N,)` float64 in [0, 1], probability of the given label; low is suspicious.
        suggested: `(N,)` int64, the predicted class.
        issues: rows whose label is likely wrong by confident learning, most suspicious first.
        noise: share of wrong labels; its lower end leaves out what ambiguity may explain.
        pairs: one row a pair of classes with a suspicious label: label and suggested (ints), images (how many issues),
            rate (share of what is surely predicted as suggested that has this label), low, high (95 %), sure (bool:
            wrong labels beyond doubt, and none the other way), hits and of (the counts behind the rate).
        joint: `(K, K)` float64, estimated images by given label (rows) and true class; sums to N.
        chance: how likely the scattered labels were by ambiguity alone, in [0, 1].
        silence: why nothing can be told about labels, the rest of a sentence after "since"; empty where something can.
        knows: `(K,)` bool, classes that are mostly recognised, so that a label of theirs can be judged.
    """

    score: Array
    suggested: Array
    issues: Array
    noise: Estimate
    pairs: pd.DataFrame
    joint: Array
    chance: float
    knows: Array
    silence: str = ""

    @property
    def scattered(self) -> bool:
        """Whether labels are surely wrong all over the classes."""
        return self.chance < SURELY and self.noise.value >= PAIR

    @property
    def doubtful(self) -> bool:
        """Whether any labels are surely wrong, by this judgement alone."""
        return self.scattered or bool(self.pairs["sure"].any())

    @property
    def one_way(self) -> pd.DataFrame:
        """The pairs that are surely mislabelled in one direction."""
        return self.pairs[self.pairs["sure"]]


def quality(probabilities: Array, labels: Array, class_names_count: int, *, alike: Array | None = None) -> LabelQuality:
    """Judge labels by out-of-sample probabilities.

    The off-diagonal mass of the confident joint also counts what is only ambiguous (a T-shirt that may be a shirt). The
    noise rate is therefore read where predictions are sure, which does not depend on the label given: from the labels
    that are least likely by the model, which random noise gives as often as any other and ambiguity seldom; the
    pairs that are mislabelled in one direction are added to it. With fewer than four classes it is the share of
    differing labels that stays however sure the predictions are (`plateau`).

    Source: Northcutt et al. 2021, arXiv:1911.00068 (confident joint, pruning by noise rate, self-confidence; by
    cleanlab). The plateau is the lapse rate of a psychometric function: Wichmann and Hill 2001, doi:10.3758/BF03194544.

    Args:
        probabilities: `(N, K)` float, of images that the model was not fitted to.
        labels: `(N,)` int in [0, K), as given.
        class_names_count: K.
        alike: `(N,)` bool, whether an image looks like the predicted class to others than the model, too: of those that
            do not, the model is wrong and not the label. All of them, if not given.
    """
    said = np.asarray(probabilities, np.float64)
    predicted = said.argmax(axis=1)
    own = said[np.arange(len(labels)), labels]
    told = Knowledge(labels=labels, predicted=predicted, confidence=said.max(axis=1), classes=class_names_count)
    joint, issues = _confident(said, labels, class_names_count)
    issues = issues[np.argsort(own[issues], kind="stable")]
    differs = ~told.right if alike is None else ~told.right & alike
    pairs = _pairs(told, issues, differs)
    if told.silence:
        noise, chance = Estimate(float("nan"), 0.0, 1.0, unit="%"), 1.0
    elif class_names_count >= 4:
        noise, chance = _scattered_noise(said, told, differs)
        sure = pairs[pairs["sure"]]
        share = np.bincount(predicted, minlength=class_names_count)[sure["suggested"]] / len(labels)
        by_chance = noise.value / (class_names_count - 1)  # counted already
        more = [float((share * (sure[column] - by_chance).clip(lower=0)).sum()) for column in ("rate", "low", "high")]
        noise = Estimate(*(min(one + other, 1.0) for one, other in zip(noise, more, strict=True)), unit="%")
    else:
        known = told.knows[predicted]  # a class that is mostly predicted in error says nothing about labels
        value, low, high = plateau(differs[known], told.rank[known])
        low = low if low > 0 and _unexplained(said[known], labels[known]) else 0.0
        noise, chance = Estimate(value, low, high, unit="%"), 0.0 if low > PAIR / 2 else 1.0
    if not told.silence:
        differing = rate(int(differs.sum()), len(labels))  # no more can be wrong, but for those that chance hides
        value, low, high = noise
        limit = differing.value
        noise = Estimate(min(value, limit), min(low, limit), min(high, differing.high), unit="%")
    return LabelQuality(
        score=own,
        suggested=predicted,
        issues=issues,
        noise=noise,
        pairs=pairs,
        joint=joint,
        chance=chance,
        knows=told.knows,
        silence=told.silence,
    )


def _confident(said: Array, labels: Array, classes: int) -> tuple[Array, Array]:
    """Return cleanlab's calibrated confident joint, `(K, K)`, and the rows of its issues."""
    present = np.unique(labels)
    joint = np.diag(np.bincount(labels, minlength=classes)).astype(np.float64)
    if len(present) < 2:
        return joint, np.empty(0, np.int64)
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues

    own = np.searchsorted(present, labels)
    part = said[:, present] + 1e-12
    part /= part.sum(axis=1, keepdims=True)
    counted = compute_confident_joint(own, part)
    joint[np.ix_(present, present)] = counted
    found = find_label_issues(
        own, part, confident_joint=counted, filter_by="prune_by_noise_rate", min_examples_per_class=0, n_jobs=1
    )
    return joint, np.flatnonzero(found & (said.argmax(axis=1) != labels))


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


def _scattered_noise(said: Array, told: Knowledge, differs: Array) -> tuple[Estimate, float]:
    """Count sure predictions whose label is among the least likely half of the other classes, against what is expected.

    Returns:
        The rate that they stand for, its lower end beyond what ambiguity explains; and how likely so many were by
        ambiguity alone.
    """
    from scipy.stats import chi2, poisson

    labels, unlikely = told.labels, (told.classes - 1) // 2
    sure = (told.rank <= SURE) & told.knows[told.predicted]
    own = said[np.arange(len(labels)), labels][:, None]
    place = (said < own).sum(axis=1) + ((said == own).sum(axis=1) - 1) / 2  # 0: the least likely; ties share theirs
    hits = int(((place < unlikely) & differs & told.knows[labels] & sure).sum())
    expected = float(np.sort(temper(said, labels)[sure], axis=1)[:, :unlikely].sum())
    times = (told.classes - 1) / unlikely / max(int(sure.sum()), 1)
    lowest = chi2.ppf(0.025, 2 * hits) / 2 if hits else 0.0  # exact interval of a Poisson count (Garwood 1936)
    highest = chi2.ppf(0.975, 2 * hits + 2) / 2
    ends = (hits, max(lowest - expected, 0.0), highest)
    return Estimate(*(float(min(times * end, 1.0)) for end in ends), unit="%"), float(poisson.sf(hits - 1, expected))


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


def temper(said: Array, labels: Array) -> Array:
    """Raise probabilities to the power that fits the labels best, so that they are neither too sure nor too unsure.

    A label is taken to be drawn at random in `DOUBT` of all cases, so that a few wrong ones do not flatten everything.

    Source: Guo et al. 2017, arXiv:1706.04599, section 4.2, temperature scaling.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax

    logs = np.log(said + 1e-12)

    def loss(power: float) -> float:
        own = softmax(power * logs, axis=1)[np.arange(len(labels)), labels]
        return -float(np.log((1 - DOUBT) * own + DOUBT / said.shape[1]).mean())

    return np.asarray(softmax(minimize_scalar(loss, bounds=(0.05, 5), method="bounded").x * logs, axis=1))


def _pairs(told: Knowledge, issues: Array, differs: Array) -> pd.DataFrame:
    """Count issues and surely differing labels by pair, and say which pairs are mislabelled in one direction."""
    import pandas as pd
    from scipy.stats import binom

    from workbench.statistics.confusion import confusion_counts

    labels, predicted, rank, classes = told.labels, told.predicted, told.rank, told.classes

    def counts(chosen: Array) -> Array:
        return confusion_counts(labels[chosen], predicted[chosen], classes)

    counted = told.right | differs
    found, sure, surest = counts(issues), counts((rank <= SURE) & counted), counts((rank <= SURE / 2) & counted)
    label, suggested = np.nonzero((found + sure) * (1 - np.eye(classes, dtype=np.int64)))
    hits, back, of = sure[label, suggested], sure[suggested, label], sure.sum(axis=0)[suggested]
    low, high = wilson(hits, of)
    # Ambiguity goes both ways, and fades as predictions get surer; a mistake of the labelling does neither.
    tested = max(int((hits >= FEW).sum()), 1)
    one_way = (binom.sf(hits - 1, hits + back, 0.5) < 0.05 / tested) & (wilson(hits, hits + back)[0] > ONE_WAY)
    enough = (hits >= FEW) & told.knows[label] & told.knows[suggested] & (not told.silence)
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
