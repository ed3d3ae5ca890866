"""Scores of images and of changed copies of them, for measures: batched, compiled, and as exact as they can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from workbench.attribution.references import reference_images
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.faithfulness.measure import Subject
from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import Scorer, Shared, Tensor


def explained_scores(subject: Subject, images: Array) -> Array:
    """The score that the maps explain, of other images `(N, H, W, C)` in place of the subject's: `(N,)` float64."""
    how = _computed(subject)

    def score(batch: Tensor, target: Tensor, against: Tensor) -> Tensor:
        return Scorer(subject.probe, target, against, how.kind)(batch)

    target = subject.attribution.target
    subject.probe.expect(len(images))
    return subject.probe.run(("score", how.kind), score, images, target, how.against).astype(np.float64)


def log_odds(subject: Subject, images: Array, row: int = 0) -> Array:
    """`log(p / (1 - p))` of the explained class: `(N, S)` float64.

    From it p and 1 - p follow to many digits, also where the softmax in float32 is 1 or 0. Of a map that contrasts two
    classes, p is the probability were only these two possible.

    Args:
        subject: whose classes they are.
        images: `(N, S, H, W, C)`, S changed copies of each of N of the subject's images.
        row: of the subject's image that the first copies are of.
    """
    count, copies = images.shape[:2]
    logits = subject.probe.logits(images.reshape(-1, *images.shape[2:])).astype(np.float64)
    rows = np.arange(row, row + count).repeat(copies)
    each, target = np.arange(len(rows)), subject.attribution.target[rows]
    own = logits[each, target]
    if subject.attribution.against is None:
        logits[each, target] = -np.inf
        others = logsumexp(logits, axis=1)
    else:
        others = logits[each, subject.attribution.against[rows]]
    return np.asarray(own - others).reshape(count, copies)


def references(subject: Subject, kind: str) -> Array:
    """`(N, H, W, C)` images without evidence; `kind` as in `reference_images`."""

    def filling(batch: Tensor) -> Tensor:
        return reference_images(kind, batch)

    return subject.probe.run(("reference", kind), filling, subject.images)


def scores_of_copies(
    subject: Subject,
    key: tuple[object, ...],
    change: Callable[..., Tensor],
    count: int,
    *,
    by_image: Sequence[Array] = (),
    by_copy: Sequence[Array] = (),
    title: str = "",
) -> Array:
    """Score changed copies of each image, as many at a time as fit.

    Args:
        subject: whose images are changed, and whose score is taken.
        key: names `change`.
        change: `(B, H, W, C)` images, then B rows of each of `by_image`, then s rows of each of `by_copy`, to
            `(B, s, H, W, C)` copies.
        count: copies of each image, S.
        by_image: arrays with a row for each image, `(N, …)`: bool, int or float.
        by_copy: arrays with a row for each copy, `(S, …)`.
        title: what is measured, for who watches.

    Returns:
        `(N, S)` float64.
    """
    probe, how, own = subject.probe, _computed(subject), len(by_image)
    probe.expect(len(subject.images) * count)

    def scores(images: Tensor, target: Tensor, against: Tensor, *given: Tensor) -> Tensor:
        def copies(numbers: Tensor) -> Tensor:
            return change(images, *given[:own], *(tf.gather(each, numbers) for each in given[own:]))

        return Scorer(probe, target, against, how.kind).of_copies(count, copies)

    specs = [tf.TensorSpec((None, *each.shape[1:]), _dtype(probe, each)) for each in by_image]
    specs += [tf.TensorSpec(each.shape, _dtype(probe, each)) for each in by_copy]
    run = probe.compile(
        (key, how.kind, count, repr(specs)), scores, (probe.images, CLASSES, CLASSES, *specs), by_row=True
    )
    arrays = (subject.images, subject.attribution.target, how.against, *by_image)
    size, total = max(1, probe.max_rows // count), len(subject.images)
    parts = []
    for start in range(0, total, size):
        parts.append(run(*(each[start : start + size] for each in arrays), *by_copy))
        report(title, min(start + size, total), total)
    return np.concatenate(parts).astype(np.float64)


def _computed(subject: Subject) -> Shared:
    explained = subject.attribution
    return Shared.of(subject.probe, explained.score, explained.target, explained.against)


def _dtype(probe: Probe, array: Array) -> tf.DType:
    return {"b": tf.bool, "i": tf.int32, "f": tf.as_dtype(probe.floats)}[array.dtype.kind]
