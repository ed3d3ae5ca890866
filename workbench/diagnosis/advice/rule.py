"""Which two methods are advised: numbers in, names and reasons out.

The rule in words. Of the methods that depend on the class, whose maps are surely better than random ones (by the
measures on this model, and by the true evidence in the known world), and that pass the test of weights drawn anew: the
one that wins most comparisons with the other methods; and the one of another family that does. Where a method of the
same family takes less computing and wins fewer by no more than one standard error of the difference, it is taken
instead, as the smaller model is by the rule of one standard error (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array

from .comparing import duel, share, shares_won, won

WANTED = 2
"""Methods that are advised, each of another family."""
CHEAPER = "the advised one of its family is within one standard error, and takes less computing"
LEAST = 12
"""Images from which on a standard error says something, so that a cheaper method may be taken for as good."""
OF_NO_CLASS = "its map is the same whatever class is asked about"


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a method is, whatever its maps are.

    Attributes:
        family: "layer", "gradient", "perturbation", "attention" or its own.
        of_class: whether the map depends on the class.
        copies: changed copies of an image that it evaluates: what it costs.
    """

    family: str
    of_class: bool
    copies: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Grade:
    """How a method fares on the images that choose.

    Attributes:
        name: of the method.
        by_image: `(N,)` share of the comparisons with the other methods that its map of the image wins, the mean over
            the measures.
        known: `(n,)` share of the other methods whose map of an image of the known world shows less of the evidence;
            None where there is no known world, or the method has no maps there.
        measures: how many have a vote each; the known world has one more.
        won: the mean of all votes, with the spread over both kinds of images.
        control: share of the measures by which its map is better than a random one.
        evidence: share of the known world's images of which its map shows more evidence than a random one; None where
            there is no known world, or the method has no maps there.
    """

    name: str
    by_image: Array
    won: Estimate
    control: Estimate
    evidence: Estimate | None = None
    known: Array | None = None
    measures: int = 1


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is advised, and why not the others.

    Attributes:
        names: the advised methods, at most `WANTED`.
        reasons: by name, why a method is not advised; of all that were looked at.
        alike: by name of an advised one, which acceptable methods it is not surely better than.
        leads: by name of an advised one that is not the best of its family, which one is.
    """

    names: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)


def grades(
    values: Mapping[str, Array],
    controls: Mapping[str, Array],
    truth: Mapping[str, Array] | None = None,
    random: Mapping[str, Array] | None = None,
) -> list[Grade]:
    """Grade methods, the best first.

    Each measure has one vote, and so has the known world: the share of the other methods whose map is worse. A method
    without maps in the known world is compared with others by the measures alone.

    Args:
        values: by method, `(M, N)` of M ≥ 1 measures and N images, larger is better.
        controls: likewise, of random maps with the values and the smoothness of the method's.
        truth: by method, `(n,)` share of its maps on the true evidence in the known world; None for no such world.
        random: likewise, of random maps.
    """
    names, truth, random = list(values), truth or {}, random or {}
    if not names:
        return []
    measured = np.stack([values[name] for name in names])  # (K, M, N)
    votes = np.stack([shares_won(measured[:, m]) for m in range(measured.shape[1])])  # (M, K, N)
    there = [name for name in names if name in truth]
    shown: dict[str, Array] = {}
    if len(there) > 1:
        shown = dict(zip(there, shares_won(np.stack([truth[name] for name in there])), strict=True))
    against = {name: duel(values[name], controls[name]) for name in names}
    knowing = {name: won(truth[name], random[name]) for name in there}
    found = []
    for k, name in enumerate(names):
        by_image, known = votes[:, k].mean(axis=0), shown.get(name)
        found.append(
            Grade(
                name=name,
                by_image=by_image,
                known=known,
                measures=len(votes),
                won=share(by_image) if known is None else _interval(by_image, known, len(votes)),
                control=share(against[name]),
                evidence=share(knowing[name]) if name in knowing else None,
            )
        )
    return _ordered(found)


def _ordered(found: Sequence[Grade]) -> list[Grade]:
    """Order grades, the best first: those of as many votes by all of them, the two kinds by their common votes."""
    whole, fewer = (
        sorted((each for each in found if (each.known is not None) is there), key=lambda each: -each.won.value)
        for there in (True, False)
    )
    order: list[Grade] = []
    while whole and fewer:
        order.append((whole if _gap(whole[0], fewer[0])[0] >= 0 else fewer).pop(0))
    return [*order, *whole, *fewer]


def choose(
    graded: Sequence[Grade], traits: Mapping[str, Traits], blind: Callable[[str], str], *, wanted: int = WANTED
) -> Choice:
    """Choose methods of different families.

    Args:
        graded: the best first.
        traits: by name.
        blind: says of a method why its maps do not depend on the weights, a sentence, or ""; asked only of those that
            may be chosen, since it takes long.
        wanted: how many.
    """
    reasons: dict[str, str] = {}
    leads: dict[str, str] = {}
    chosen: list[Grade] = []
    fit = [each for each in graded if not refusal(each, traits[each.name])]
    for each in graded:
        kind = traits[each.name]
        if each in chosen:
            continue
        if reason := refusal(each, kind):
            reasons[each.name] = reason
        elif any(traits[other.name].family == kind.family for other in chosen):
            reasons[each.name] = "another one of its family is advised"
        elif len(chosen) == wanted:
            reasons[each.name] = "others win more"
        elif reason := blind(each.name):
            reasons[each.name] = reason
        else:
            peers = [other for other in fit if traits[other.name].family == kind.family and _as_good(other, each)]
            cheaper = [other for other in peers if traits[other.name].copies < kind.copies]
            cheaper.sort(key=lambda other: traits[other.name].copies)
            taken = next((other for other in cheaper if not blind(other.name)), each)
            chosen.append(taken)
            if taken is not each:
                leads[taken.name] = each.name
                reasons[each.name] = CHEAPER
                reasons.pop(taken.name, None)
    return Choice(
        names=tuple(each.name for each in chosen),
        reasons=reasons,
        alike={one.name: tuple(other.name for other in fit if _alike(one, other)) for one in chosen},
        leads=leads,
    )


def surely_better(shares: Estimate) -> bool:
    """Whether maps are better than others surely more often than not: the 95 % interval lies above one half.

    Of many methods with random maps some are so by chance. They would have to be so again on the images that report.
    """
    return shares.low > 0.5


def refusal(grade: Grade, kind: Traits) -> str:
    """Say why a method may not be advised whatever else there is; "" where it may, as far as its numbers tell."""
    if not kind.of_class:
        return OF_NO_CLASS
    if not surely_better(grade.control):
        return f"its maps are not surely better than random ones: better by {grade.control} of the measures"
    if grade.evidence is not None and not surely_better(grade.evidence):
        return f"in the known world its maps do not surely show more evidence than random ones: {grade.evidence} do"
    return ""


def _alike(one: Grade, other: Grade) -> bool:
    """Whether it is not sure that `one` wins more comparisons than `other`."""
    if one.name == other.name:
        return False
    mean, error, freedom = _gap(one, other)
    return not mean > error * _t(freedom)


def _as_good(other: Grade, best: Grade) -> bool:
    """Whether a method wins fewer comparisons than another by one standard error of the difference at most."""
    mean, error, _ = _gap(best, other)
    return other.name != best.name and len(best.by_image) >= LEAST and mean <= error


def _gap(one: Grade, other: Grade) -> tuple[float, float, float]:
    """How many more comparisons `one` wins by the votes that both have, as `_moments` gives it; images are paired."""
    both = None if one.known is None or other.known is None else one.known - other.known
    return _moments(one.by_image - other.by_image, both, one.measures)


def _interval(by_image: Array, known: Array, measures: int) -> Estimate:
    """Mean of all votes with its 95 % interval; equal votes have no spread, and so no interval."""
    mean, error, freedom = _moments(by_image, known, measures)
    if error == 0:
        return Estimate(mean, unit="%")
    half = error * _t(freedom)
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), unit="%")


def _moments(by_image: Array, known: Array | None, measures: int) -> tuple[float, float, float]:
    """Mean, its standard error and degrees of freedom, of the votes of measures and of the known world.

    Both are means over images of their own, so that their variances add up; degrees of freedom after Welch (1947).

    Args:
        by_image: `(N,)` mean over the measures.
        known: `(n,)` of the known world, one vote more; None for none.
        measures: votes that `by_image` stands for.
    """
    weight = 1.0 if known is None else measures / (measures + 1)
    parts = [(weight, by_image), *([] if known is None else [(1 - weight, known)])]
    mean = float(sum(part * values.mean() for part, values in parts))
    spread = [(part**2 * float(v.var(ddof=1)) / len(v) if len(v) > 1 else 0.0, len(v) - 1) for part, v in parts]
    total = sum(each for each, _ in spread)
    below = sum(each**2 / freedom for each, freedom in spread if freedom)
    return mean, float(np.sqrt(total)), total**2 / below if below > 0 else 1.0


def _t(freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
