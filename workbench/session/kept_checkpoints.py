"""Weights that a run has kept on its way to the model's, and what the model says of images with each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.session.kept_outputs import KeptOutputs
from workbench.training.kept_weights import CHECKPOINTS, KeptWeights

if TYPE_CHECKING:
    from workbench.models.probe import Probe
    from workbench.session.study import Study

Said = tuple[Array, Array]
"""`(N, K)` logits and `(N, D)` embeddings of some images."""


def final_weights(session: Study) -> list[Array]:
    """Return the weights of the model, in the order of `model.weights`."""
    return [np.asarray(each.value) for each in session.probe.model.weights]


def kept_weights(session: Study) -> KeptWeights | None:
    """Return the weights that a run has kept on the way to the model's; None where there are none.

    Raises:
        WorkbenchError: if the weights that were kept are not of this model, or damaged.
    """
    kept = None if session.run is None else session.run.checkpoints
    if session.run is None or kept is None:
        return None
    if [each.shape for each in final_weights(session)] != [each.shape for each in kept.at(0)]:
        raise WorkbenchError(f"{session.run.path / CHECKPOINTS} holds weights of another model. Train the run again.")
    best = _best_epoch(session)
    kept = kept.until(best) if best else kept
    return kept if len(kept) else None


def outputs_at(session: Study, training: Study, kept: KeptWeights | None) -> Iterator[tuple[Said, Said, float]]:
    """Yield what is said of studied and of training images, and the learning rate, at each checkpoint."""
    if session.run is None or kept is None:
        ours, theirs = ((each.predictions.logits, each.embeddings) for each in (session, training))
        yield ours, theirs, 1.0
        return
    from workbench.models.other_weights import Reweighted

    model = Reweighted(session.probe)
    digest = session.run.manifest.files.get(CHECKPOINTS, "")[:12]
    for place, (epoch, rate) in enumerate(zip(kept.epochs.tolist(), kept.rates.tolist(), strict=True)):
        model.set(kept.at(place))
        name, what = f"checkpoint-{digest}-{epoch}.npz", f"Predictions after epoch {epoch}"
        ours, theirs = (_said(each, model.probe, name, what) for each in (session, training))
        yield ours, theirs, rate


def _said(study: Study, probe: Probe, name: str, what: str) -> Said:
    """Return logits and embeddings of all images at other weights: the cached ones, or computed now, with progress."""
    there = KeptOutputs(study.cache_path(name) if study.cache else None, len(study.dataset))
    logits, embeddings = there.values("logits"), there.values("embeddings")
    if logits is not None and embeddings is not None:
        return logits, embeddings

    def parts() -> Iterator[Said]:
        done = 0
        for images in study.dataset.batches(256):
            done += len(images)
            yield probe.logits_and_embeddings(images)
            report(what, done, len(study.dataset))

    return there.keep(parts(), lambda: (probe.reading, ""))


def measured_at(session: Study, kept: KeptWeights | None) -> str:
    """Say at which weights influence is measured."""
    if kept is None:
        return "Measured at one checkpoint, the final weights: it is their influence now, not over the training."
    if len(kept) == 1:
        said = f"Measured at one kept checkpoint (epoch {kept.epochs[0]}), times its learning rate"
    else:
        said = f"Added up over {plural(len(kept), 'checkpoint')} of the training, each times its learning rate"
    best = _best_epoch(session)
    return said + (f"; those after epoch {best}, whose weights the model has, are left out." if best else ".")


def _best_epoch(session: Study) -> int | None:
    """Return the epoch whose weights a run has that was trained with patience; None where it has those of the last."""
    if session.run is None or not session.run.manifest.settings.get("patience"):
        return None
    best, epochs = session.run.manifest.best_epoch, session.run.manifest.epochs
    return best if best is not None and best < epochs else None
