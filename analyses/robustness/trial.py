"""A model on corrupted images: its predictions, those of a reference, and the stability of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import Some, portions
from workbench.data.sampling import balanced_rows, evenly
from workbench.faithfulness.agreement import MOST_PIXELS, pairwise
from workbench.shards.lending import joined, lent_to
from workbench.shards.opening import ENGINE, Opener, known_of, opener_like, session_of
from workbench.shards.plan import BYTES
from workbench.shards.task import About, Opened, Task

from .corruptions import Corruptions
from .fragility import flips, pixel_reference

if TYPE_CHECKING:
    from workbench.session.session import Session

TITLE = "Predicting corrupted images"
BATCH = 256
REFERENCE_IMAGES = 2000
"""Training images that the reference is fitted to."""
METHODS = ("grad-cam", "saliency", "occlusion")
"""Methods whose maps are compared: the first that applies."""
FEW = 8
"""Images for the last one, which is slow."""
LEAST = 8
"""Fewest pixels on which two maps are compared."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """Predictions of n images under F families of S severities.

    Attributes:
        rows: `(n,)` int64, rows of the dataset.
        families: F names.
        severities: S severities, ascending.
        before: predictions of the clean images.
        predicted: `(F, S, n)` int64 classes predicted for the corrupted images.
        reference: `(F, S + 1, n)` int64, those of a ridge regression on the pixels, severity 0 first; None where no
            training images are known.
    """

    rows: Array
    families: tuple[str, ...]
    severities: tuple[int, ...]
    before: Predictions
    predicted: Array
    reference: Array | None

    @cached_property
    def right(self) -> Array:
        """`(F, S + 1, n)` bool, severity 0 first."""
        clean = np.broadcast_to(self.before.correct, (len(self.families), 1, len(self.rows)))
        return np.concatenate([clean, self.predicted == self.before.labels], axis=1)

    @cached_property
    def flips(self) -> tuple[Array, Array]:
        """`(F, n)` severity that flips each image, and the class it flips to; see `fragility.flips`."""
        return flips(self.predicted, self.before.predicted, np.array(self.severities))


def run_trial(session: Session, rows: Array, families: Sequence[str], severities: Sequence[int], seed: int) -> Trial:
    """Corrupt images in every way, and predict each of them with the model and the reference.

    Workers that are lent to the session do it, if there are some.
    """
    trying: dict[str, Any] = {"rows": rows, "families": tuple(families), "severities": tuple(severities), "seed": seed}
    if (lent := lent_to(session)) is not None:
        found = joined(TrialTask(opener=lent.opener, **trying), lent, TITLE)
    else:
        trials = Trials(session, **trying)
        parts = [trials.of(rows[part], part.start) for part in portions(Some(session.dataset, rows), BATCH)]
        found = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    return Trial(
        rows=rows,
        families=tuple(families),
        severities=tuple(severities),
        before=Predictions(found["logits"], session.dataset.labels[rows]),
        predicted=found["predicted"].transpose(1, 2, 0),
        reference=found["reference"].transpose(1, 2, 0) if "reference" in found else None,
    )


class Trials:
    """A model and its reference, tried on corrupted images batch by batch.

    Args:
        session: of N images.
        rows: `(n,)` int64, of the dataset; all that are tried.
        families: F names.
        severities: S severities.
        seed: of the corruptions and of the choice of training images.
    """

    def __init__(
        self, session: Session, *, rows: Array, families: tuple[str, ...], severities: tuple[int, ...], seed: int
    ) -> None:
        self.session, self.rows = session, rows
        self._families, self._severities, self._seed = families, severities, seed
        self._reference = None
        if session.train is not None:
            learned = np.sort(balanced_rows(session.train.labels, REFERENCE_IMAGES, seed))
            self._reference = pixel_reference(Some(session.train, learned), session.train.labels[learned])

    def of(self, rows: Array, before: int = 0) -> dict[str, Array]:
        """Try a batch.

        Args:
            rows: `(B,)` int64.
            before: images that were tried before, for progress.

        Returns:
            "logits" `(B, K)` float32 of the clean images; "predicted" `(B, F, S)` int64; "reference"
            `(B, F, S + 1)` int64, severity 0 first, where there is one.
        """
        probe, reference = self.session.probe, self._reference
        batch = Corruptions(self.session.dataset.floats(rows), rows, self._seed)
        predicted = np.zeros((len(rows), len(self._families), len(self._severities)), np.int64)
        by_reference = np.zeros((len(rows), len(self._families), len(self._severities) + 1), np.int64)
        logits = probe.logits(batch.images)
        if reference is not None:
            by_reference[:, :, 0] = reference(batch.images)[:, None]
        for f, family in enumerate(self._families):
            for s, severity in enumerate(self._severities):
                changed = batch.changed(family, severity)
                predicted[:, f, s] = probe.logits(changed).argmax(axis=1)
                if reference is not None:
                    by_reference[:, f, s + 1] = reference(changed)
            passes = len(self._families)
            report(TITLE, before * passes + (f + 1) * len(rows), len(self.rows) * passes)
        known = {} if reference is None else {"reference": by_reference}
        return {"logits": logits, "predicted": predicted, **known}


@dataclass(frozen=True, eq=False, kw_only=True)
class TrialTask(Task):
    """Tries corrupted images elsewhere; its arguments are those of `Trials`."""

    opener: Opener
    rows: Array
    families: tuple[str, ...]
    severities: tuple[int, ...]
    seed: int

    def open(self) -> Opened:
        """See `Task`."""
        how = {name: getattr(self, name) for name in ("rows", "families", "severities", "seed")}
        return _OpenedTrials(Trials(session_of(self.opener), **how), how)

    def like(self, about: About) -> Task:
        """See `Task`."""
        return replace(self, opener=opener_like(self.opener, about))


class _OpenedTrials(Opened):
    def __init__(self, trials: Trials, how: Mapping[str, Any]) -> None:
        self._trials, self._how = trials, how

    @cached_property
    def about(self) -> About:
        """See `Opened`; each batch is a shard, since an image is passed forward as often as there are corruptions."""
        session, count = self._trials.session, len(self._trials.rows)
        session.probe.expect(count * (1 + len(self._how["families"]) * len(self._how["severities"])))
        how = {**self._how, "rows": self._trials.rows.tolist()}
        made = {"task": "robustness", **known_of(session), **how, ENGINE: session.engine}
        batch = session.dataset.together(BATCH)
        return About(made=made, count=count, batch=batch, bytes_of_one=BYTES // batch)

    def compute(self, rows: Array) -> dict[str, Array]:
        """See `Opened`."""
        return self._trials.of(self._trials.rows[rows])


@dataclass(frozen=True, eq=False)
class Stability:
    """How similar the maps of an image are before and after.

    Attributes:
        method: CLI name of the method.
        rows: `(m,)` int64, rows of the images.
        alike: `(F, S, m)` rank correlation of each image's maps on its object; NaN where its prediction flipped,
            or a map is flat.
        chance: `(m,)` the same for the maps of two different clean images; NaN where there are no two.
    """

    method: str
    rows: Array
    alike: Array
    chance: Array


def stability(session: Session, trial: Trial, most: int, seed: int) -> Stability:
    """Explain some correctly classified images before and after each corruption that they withstand, and compare.

    The map of a moved image is moved back before it is compared, and only where it is known.
    """
    from workbench.attribution.methods import explainer

    method = next((n for n in METHODS if explainer(n).missing(session.probe) is None), METHODS[-1])
    most = most if method != METHODS[-1] else min(most, FEW)
    right = np.flatnonzero(trial.before.correct)
    chosen = right[balanced_rows(trial.before.labels[right], most, seed)] if len(right) else right
    alike = np.full((len(trial.families), len(trial.severities), len(chosen)), np.nan)
    if not len(chosen):
        return Stability(method, trial.rows[chosen], alike, np.full(1, np.nan))
    rows, target = trial.rows[chosen], trial.before.labels[chosen]
    batch = Corruptions(session.dataset.floats(rows), rows, seed)
    first = session.attribute_images(method, batch.images, target).at_pixels()
    chance = np.array(
        [_alike(one, other, on) for one, other, on in zip(first, np.roll(first, 1, 0), batch.objects, strict=True)]
    )
    for f, family in enumerate(trial.families):
        for s, severity in enumerate(trial.severities):
            stays = np.flatnonzero(trial.predicted[f, s, chosen] == target)
            if not len(stays):
                continue
            changed = batch.changed(family, severity)[stays]
            maps = np.zeros(first.shape, first.dtype)
            maps[stays] = session.attribute_images(method, changed, target[stays]).at_pixels()
            back, known = batch.moved_back(maps, family, severity)
            for n in stays:
                alike[f, s, n] = _alike(first[n], back[n], batch.objects[n] & known[n])
        report("Explaining corrupted images", f + 1, len(trial.families))
    return Stability(method, rows, alike, chance if len(chosen) > 1 else np.full(1, np.nan))


def _alike(one: Array, other: Array, on: Array) -> float:
    """Rank correlation of two `(H, W)` maps on some pixels; NaN where one is flat there."""
    places = np.flatnonzero(on)
    if len(places) < LEAST:
        return float("nan")
    places = places[evenly(len(places), MOST_PIXELS)]
    return float(pairwise(np.stack([one.ravel()[places], other.ravel()[places]]), 0.1)[0, 0, 1])
