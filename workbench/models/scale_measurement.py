"""Which scale of the pixels a model expects that does not show it: measured on labelled images, or assumed and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.sampling import balanced_rows
from workbench.models.input_variants import conventions
from workbench.models.preprocessing import CONVENTIONS, WRONG, InputScale
from workbench.models.preprocessing_search import AS_THEY_ARE, SURE, compare_inputs, correct_on
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    from workbench.models.probe import Probe

IMAGES = 200
"""Images that are tried, balanced over the classes."""


def measure_scale(probe: Probe, dataset: Dataset) -> InputScale:
    """Measure what a model expects by its accuracy under every convention.

    It is known where one is significantly better than each of the others (exact McNemar test, p below 0.001 after
    Bonferroni) and than always saying the commonest class (99.9 % Wilson interval); else it is assumed.

    Args:
        probe: the model, given [0, 1].
        dataset: labelled images.
    """
    rows = np.sort(balanced_rows(dataset.labels, min(IMAGES, len(dataset)), 0))
    ways = {n: way for n, way in conventions(dataset.image_shape, probe.preprocessing).items() if way.flag}
    counts = np.bincount(dataset.labels[rows])
    if np.count_nonzero(counts) < 2:
        return _assumed("and images of one class cannot tell it")
    if _too_few(rows, len(ways)):
        return _assumed(f"and {plural(len(rows), 'labelled image')} cannot tell it")
    now = correct_on(probe, dataset, rows, lambda images: images)
    _, right = compare_inputs(probe, dataset, rows, now, ways)
    right[probe.preprocessing.name] = right.pop(AS_THEY_ARE)
    usual = probe.preprocessing.name
    order = sorted(right, key=lambda name: (-int(right[name].sum()), name != usual))
    best = order[0]
    chance = counts.max() / max(len(rows), 1)
    telling = wilson(right[best].sum(), len(rows), confidence=0.999)[0] > chance
    rivals = [name for name in order[1:] if not _surely_worse(right[name], right[best], len(ways))]
    second = usual if best != usual else order[1]
    said = (
        f"{percent(right[best].mean())} of {plural(len(rows), 'image')} correct, "
        f"{percent(right[second].mean())} with {second}"
    )
    if telling and not rivals:
        return InputScale(name=best, given=best, found=f"measured: {said}")
    if not telling or usual in (best, *rivals):
        tried = f"({said})" if best == usual else f"({best}: {said})"
        return _assumed(f"and accuracy cannot tell it {tried}")
    others = join_names(rivals, 3)
    return InputScale(
        name=best,
        given=best,
        assumed=f"The pixels are assumed to be {CONVENTIONS[best].words}: the model does not show it, and accuracy "
        f"cannot tell {best} from {others} ({said}). {WRONG}",
    )


def _assumed(why: str) -> InputScale:
    return InputScale(assumed=f"The pixels' scale is assumed to be 0…1: the model does not show it {why}. {WRONG}")


def _too_few(rows: Array, tries: int) -> bool:
    """Whether no difference could be significant, were it as large as can be."""
    return 2 * 0.5 ** len(rows) * tries >= SURE


def _surely_worse(other: Array, best: Array, tries: int) -> bool:
    from scipy.stats import binomtest

    gained, lost = int((best & ~other).sum()), int((other & ~best).sum())
    return gained > lost and bool(binomtest(gained, gained + lost).pvalue * tries < SURE)
