"""Which scale of the pixels a model expects: measured on labelled images, assumed and said, or shown and doubted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.sampling import balanced_rows
from workbench.models.input_variants import conventions
from workbench.models.preprocessing import CONVENTIONS, UNREADABLE, WRONG, InputScale
from workbench.models.preprocessing_search import AS_THEY_ARE, SURE, answers_on, compare_inputs, in_order, surely_worse
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    from workbench.models.probe import Probe

IMAGES = 200
"""Images that are tried, balanced over the classes."""


def measure_scale(probe: Probe, dataset: Dataset) -> InputScale:
    """Measure what a model expects by its accuracy under every convention.

    It is known where one is significantly better than each of the others (exact McNemar test, p below 0.001 after
    Bonferroni), than always saying the commonest class (99.9 % Wilson interval), and than saying nothing: its mean loss
    is below log K, else the true one may be none of those tried. Otherwise it is assumed: of those that accuracy cannot
    tell apart, the one of the least loss.

    Args:
        probe: the model, given [0, 1].
        dataset: labelled images.
    """
    rows = _rows(dataset)
    ways = {n: way for n, way in conventions(dataset.image_shape, probe.preprocessing).items() if way.flag}
    counts = np.bincount(dataset.labels[rows])
    if np.count_nonzero(counts) < 2:
        return _assumed("and images of one class cannot tell it")
    if _too_few(len(rows), len(ways)):
        return _assumed(f"and {plural(len(rows), 'labelled image')} cannot tell it")
    right, losses = _tried(probe, dataset, rows)
    usual, nothing = probe.preprocessing.name, float(np.log(len(dataset.class_names)))
    pool = in_order(right, losses, len(ways))
    best = pool[0]
    if usual in pool and (right[usual] == right[best]).all() and losses[usual].mean() < nothing:
        best = usual  # the same answers: what is left is how sure they are
    rivals = [name for name in sorted(right, key=lambda n: -int(right[n].sum())) if name in pool and name != best]
    chance = counts.max() / len(rows)
    telling = wilson(right[best].sum(), len(rows), confidence=0.999)[0] > chance or _surely_below(losses[best], nothing)
    second = usual if best != usual else next(n for n in sorted(right, key=lambda n: -int(right[n].sum())) if n != best)
    said = (
        f"{percent(right[best].mean())} of {plural(len(rows), 'image')} correct, "
        f"{percent(right[second].mean())} with {second}"
    )
    loss = float(losses[best].mean())
    if telling and not rivals and loss < nothing:
        return InputScale(name=best, given=best, found=f"measured: best of {len(right)} tried, {said}")
    if not telling or best == usual:
        tried = f"({said})" if best == usual else f"({best}: {said})"
        return _assumed(f"and accuracy cannot tell it {tried}")
    least = ", which costs least," if all(losses[best].mean() <= losses[name].mean() for name in rivals) else ""
    why = (
        f"and accuracy cannot tell {best}{least} from {join_names(rivals, 3)} ({said})"
        if rivals
        else f"and {best} is no more than the best of the {len(right)} that were tried ({said}; its mean loss is "
        f"{loss:.3g} nats, {nothing:.3g} if all classes are equally likely)"
    )
    return InputScale(
        name=best,
        given=best,
        assumed=f"The pixels are assumed to be {CONVENTIONS[best].words}: {UNREADABLE}, {why}. {WRONG}",
    )


def doubt_scale(probe: Probe, dataset: Dataset) -> str:
    """Say which convention fits labelled images better than the one that a model's layers show, if one does.

    It is one that is significantly more accurate; or whose mean loss surely is below log K, where that of the shown
    one is above it, if it is not significantly less accurate.

    Args:
        probe: the model, given what it shows.
        dataset: labelled images.
    """
    rows = _rows(dataset)
    shown, nothing = probe.preprocessing, float(np.log(len(dataset.class_names)))
    tries = sum(bool(way.flag) for way in conventions(dataset.image_shape, shown).values())
    if len(np.unique(dataset.labels[rows])) < 2 or _too_few(len(rows), tries):
        return ""
    now, loss = answers_on(probe, dataset, rows, lambda images: images)
    if _too_few(int((~now).sum()), tries) and loss.mean() <= nothing:
        return ""  # nothing could be significantly better
    right, losses = _tried(probe, dataset, rows, (now, loss))
    del right[shown.name]
    better = {name: each for name, each in right.items() if surely_worse(now, each, tries)}
    seems = f"The model's layers show that images are {shown.words}, but"
    if better:
        name = in_order(better, losses, tries)[0]
        return (
            f"{seems} {CONVENTIONS[name].words} is surely more accurate on {plural(len(rows), 'image')}: "
            f"{percent(right[name].mean())} instead of {percent(now.mean())}. It was trained on such images, or these "
            f"are not like those of its training: --preprocessing {name}."
        )
    cheaper = {
        name: each
        for name, each in right.items()
        if loss.mean() > nothing and _surely_below(losses[name], nothing) and not surely_worse(each, now, tries)
    }
    if not cheaper:
        return ""
    name = in_order(cheaper, losses, tries)[0]
    return (
        f"{seems} {CONVENTIONS[name].words} fits {plural(len(rows), 'image')} better: a mean loss of "
        f"{losses[name].mean():.3g} nats instead of {loss.mean():.3g}, and {nothing:.3g} if all classes are equally "
        f"likely. If it was trained on such images, open it with --preprocessing {name}; else it is too sure of its "
        "errors."
    )


def _rows(dataset: Dataset) -> Array:
    return np.sort(balanced_rows(dataset.labels, min(IMAGES, len(dataset)), 0))


def _tried(
    probe: Probe, dataset: Dataset, rows: Array, now: tuple[Array, Array] | None = None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return which images are correct under each convention, and what each costs; the current one by its name too."""
    ways = {n: way for n, way in conventions(dataset.image_shape, probe.preprocessing).items() if way.flag}
    first, loss = answers_on(probe, dataset, rows, lambda images: images) if now is None else now
    _, right, losses = compare_inputs(probe, dataset, rows, first, ways)
    right[probe.preprocessing.name] = right.pop(AS_THEY_ARE)
    return right, {**losses, probe.preprocessing.name: loss}


def _assumed(why: str) -> InputScale:
    return InputScale(assumed=f"The pixels' scale is assumed to be 0…1: {UNREADABLE}, {why}. {WRONG}")


def _too_few(images: int, tries: int) -> bool:
    """Whether no difference could be significant, were it as large as can be."""
    return 2 * 0.5**images * tries >= SURE


def _surely_below(losses: Array, nothing: float) -> bool:
    """Whether the mean loss is below that of saying nothing, by 3.3 standard errors."""
    return bool(np.isfinite(losses).all() and losses.mean() + 3.3 * losses.std() / np.sqrt(len(losses)) < nothing)
