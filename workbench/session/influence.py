"""Which training images helped a model with an image, and which harmed it: TracIn by the last layer.

Helpful is a training image on which a step lowers the loss of the image's label, harmful one on which it raises it.
By the last layer it is there at once, and what a step on one image changes below it is left out; by all weights it
takes passes over the training images. Momentum and Adam's scaling, weight decay and label smoothing are always left
out: a step is one of plain gradient descent on the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.image_set import ImageSet
from workbench.core.notebook import facts_html, pictures_html
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural, significant
from workbench.data.thumbnails import thumbnails_of
from workbench.session.held_out import fitted_rows
from workbench.session.kept_outputs import KeptOutputs
from workbench.session.neighbours import witnesses
from workbench.statistics.influence import LastLayer, residuals, self_influence, traced
from workbench.training.kept_weights import CHECKPOINTS

if TYPE_CHECKING:
    import pandas as pd

    from workbench.models.probe import Probe
    from workbench.session.study import Study

Layers = Literal["last", "all"]
BY: dict[Layers, str] = {"last": "By the gradients of the last layer.", "all": "By the gradients of all weights."}
Said = tuple[Array, Array]
"""`(N, K)` logits and `(N, D)` embeddings of some images."""
AT_ONCE = 64
"""Images whose influences are held in memory together."""
CHECKED = 8
"""Images on which it is seen that a dense layer gives the scores."""
NO_TRAINING = "It needs the images that the model was trained on, and they are not known here."


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageInfluence:
    """The training images with the largest influence on one image.

    Attributes:
        name: of the image.
        class_names: K names.
        label: its class, whose loss is meant.
        predicted: the class that is predicted for it.
        original: `(H, W, C)` uint8.
        helpful: training images that lower its loss the most, the most helpful first.
        harmful: those that raise it the most, the most harmful first.
        table: a line for each of them: what it did, its row, influence (nats, per unit of learning rate where rates
            are not known), label, and the probability of that.
        pictures: `(n, h, w, C)` uint8 of them, in this order.
        checkpoints: sets of weights that were added up.
        layers: whose gradients were taken, "last" or "all".
    """

    name: str
    class_names: tuple[str, ...]
    label: int
    predicted: int
    original: Array
    helpful: ImageSet
    harmful: ImageSet
    table: pd.DataFrame
    pictures: Array
    checkpoints: int
    layers: Layers = "last"

    @property
    def words(self) -> str:
        """What was found, in sentences."""
        said = [
            f"{how} is {line['name']} ({line['label']}, {significant(line['influence'])})"
            for how in ("helpful", "harmful")
            for _, line in self.table[self.table["did"] == how].head(1).iterrows()
        ]
        most = "; ".join(f"most {each}" for each in said) or "no training image changes its loss"
        return f"{most[0].upper()}{most[1:]}. {at_checkpoints(self.checkpoints)} {BY[self.layers]}"

    def __repr__(self) -> str:
        return f"ImageInfluence({self.name!r}: {self.words})"

    def _repr_html_(self) -> str:
        facts = {"label": self.class_names[self.label], "predicted": self.class_names[self.predicted]}
        names = [self.name, *self.table["name"]]
        said = [f"label {self.class_names[self.label]}"]
        said += [
            f"{each['did']}: {each['label']}, {significant(each['influence'])}" for _, each in self.table.iterrows()
        ]
        return facts_html(repr(self), facts) + pictures_html([self.original, *self.pictures], names, said)


class TrainingInfluence:
    """The training images of a session, ready to be asked for their influence on its images.

    Attributes:
        layers: "last" for the gradients of the last layer, "all" for those of all trained weights.
        rows: `(N,)` rows of the training images that the model was fitted to.
        checkpoints: sets of weights whose influences are added up; 1 for the final weights alone.
        training: the session of the training images.

    Args:
        session: the model and the images under study.
        layers: as above. All weights take about three passes over the training images for each image and checkpoint.

    Raises:
        Unavailable: if the training images are not known.
        WorkbenchError: if no dense layer gives the model's scores.
    """

    def __init__(self, session: Study, layers: Layers = "last") -> None:
        seen = witnesses(session)
        if seen.part != "train":
            raise Unavailable(NO_TRAINING)
        self._session, self._seen, self.training = session, seen, seen.session
        self._bias = float(dense_bias(session.probe, session.dataset.floats(np.arange(len(session.dataset))[:CHECKED])))
        self.rows, self.layers = fitted_rows(session), layers
        self._outputs = list(_outputs(session, seen.session))
        self.checkpoints = len(self._outputs)
        labels = seen.dataset.labels[self.rows]
        self._learned = [_layer(theirs, labels, self.rows, rate) for _, theirs, rate in self._outputs]

    def on(self, rows: Array) -> Iterator[tuple[Array, Array]]:
        """Give the influence on some images under study, a few at a time.

        Args:
            rows: `(n,)` of the images.

        Yields:
            `(m,)` rows, and `(m, N)` influences of the training images `self.rows` on the loss of their labels,
            positive where it falls; 0 of an image on itself.
        """
        step = AT_ONCE if self.layers == "last" else 1
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            found = self._by_last(some) if self.layers == "last" else self._by_all(int(some[0]))[None]
            own = self._seen.own[some]
            for place in np.flatnonzero(own >= 0):
                found[place, self.rows == own[place]] = 0.0
            yield some, found

    def _by_last(self, rows: Array) -> Array:
        labels = self._session.dataset.labels[rows]
        asked = [_layer(ours, labels, rows, 1.0) for ours, _, _ in self._outputs]
        return traced(asked, self._learned, bias=bool(self._bias))

    def _by_all(self, row: int) -> Array:
        """Add up the products of the gradients by all weights of one image and of each training image: `(N,)`."""
        from workbench.models.weight_gradients import changes_along, loss_gradient

        session, data, probe = self._session, self.training.dataset, self._session.probe
        image, label = session.dataset.floats(np.array([row]))[0], int(session.dataset.labels[row])
        total, done = np.zeros(len(self.rows)), 0
        for weights, rate in _checkpoints(session):
            along = loss_gradient(probe, image, label, weights)
            for start in range(0, len(self.rows), probe.max_rows):
                some = self.rows[start : start + probe.max_rows]
                found = changes_along(probe, data.floats(some), data.labels[some], weights, along)
                total[start : start + len(some)] += rate * found
                done += len(some)
                report("Gradients of the training images", done, len(self.rows) * self.checkpoints)
        return total

    def on_itself(self) -> Array:
        """Self-influence of the training images `self.rows` by the last layer: `(N,)`."""
        return self_influence(self._learned, bias=bool(self._bias))


def image_influence(session: Study, row: int, most: int = 8, layers: Layers = "last") -> ImageInfluence:
    """Find the training images that help the most with an image, and that harm the most.

    Args:
        session: the model and the data that the image is of.
        row: of the image.
        most: how many of each.
        layers: whose gradients, "last" or "all".

    Raises:
        Unavailable: if the training images are not known.
        WorkbenchError: if no dense layer gives the model's scores.
    """
    import pandas as pd

    asked = TrainingInfluence(session, layers)
    _, found = next(asked.on(np.array([row])))
    data, train = session.dataset, asked.training.dataset
    helpful, harmful = extremes(found[0], most)
    rows = asked.rows[np.concatenate([helpful, harmful])]
    said = asked.training.predictions
    table = pd.DataFrame(
        {
            "did": ["helpful"] * len(helpful) + ["harmful"] * len(harmful),
            "train_row": rows,
            "name": [str(each) for each in train.names[rows]],
            "influence": found[0, np.concatenate([helpful, harmful])],
            "label": [train.class_names[c] for c in train.labels[rows]],
            "probability_of_label": said.probabilities[rows, train.labels[rows]],
        }
    )
    return ImageInfluence(
        name=str(data.names[row]),
        class_names=session.class_names,
        label=int(data.labels[row]),
        predicted=int(session.predictions.predicted[row]),
        original=np.asarray(data.images[row]),
        helpful=ImageSet(asked.rows[helpful], part="train", title=f"helpful for {data.names[row]}"),
        harmful=ImageSet(asked.rows[harmful], part="train", title=f"harmful for {data.names[row]}"),
        table=table,
        pictures=thumbnails_of(train, rows),
        checkpoints=asked.checkpoints,
        layers=layers,
    )


def extremes(influences: Array, most: int) -> tuple[Array, Array]:
    """Return places of the largest positive and of the largest negative of `(N,)` influences, the largest first."""
    most = min(most, len(influences))
    high = np.argpartition(-influences, most - 1)[:most] if most else np.zeros(0, np.int64)
    low = np.argpartition(influences, most - 1)[:most] if most else np.zeros(0, np.int64)
    high, low = high[np.lexsort((high, -influences[high]))], low[np.lexsort((low, influences[low]))]
    return high[influences[high] > 0], low[influences[low] < 0]


def at_checkpoints(count: int) -> str:
    """Say at which weights influence was measured."""
    if count == 1:
        return "Measured at one checkpoint, the final weights: it is their influence now, not over the training."
    return f"Added up over {plural(count, 'checkpoint')} of the training, each times its learning rate."


def dense_bias(probe: Probe, images: Array) -> bool:
    """Say whether the dense layer that gives the scores has a bias.

    Args:
        probe: the model.
        images: `(n, H, W, C)` in [0, 1], on which it is seen that this layer gives the scores.

    Raises:
        WorkbenchError: if there is no such layer.
    """
    values = probe.logits_and_embeddings(images)
    for layer in reversed(list(probe.keras_layers.values())):
        kernel = np.asarray(getattr(layer, "kernel", np.zeros(0)))
        if kernel.shape != (values[1].shape[1], probe.units):
            continue
        bias = getattr(layer, "bias", None)
        scores = values[1] @ kernel + (0.0 if bias is None else np.asarray(bias))
        said = values[0][:, 1:] if probe.one_unit else values[0]
        if np.abs(scores - said).max(initial=0.0) <= 1e-3 * max(float(np.abs(said).max(initial=0.0)), 1.0):
            return bias is not None
    raise WorkbenchError(
        "This model has no dense layer that gives its scores. Influence is measured by the gradients of that layer "
        "alone, and needs one."
    )


def _layer(said: Said, labels: Array, rows: Array, rate: float) -> LastLayer:
    from scipy.special import softmax

    logits, embeddings = said
    probabilities = softmax(logits[rows].astype(np.float64), axis=1)
    return LastLayer(embeddings[rows], residuals(probabilities, labels), rate)


def _checkpoints(session: Study) -> Iterator[tuple[list[Array], float]]:
    """Yield the weights that a run has kept and their learning rates; without any, the final ones, and 1.

    Raises:
        WorkbenchError: if the weights that were kept are not of this model.
    """
    final = [np.asarray(each.value) for each in session.probe.model.weights]
    kept = None if session.run is None else session.run.checkpoints
    if session.run is None or kept is None:
        yield final, 1.0
        return
    if [each.shape for each in final] != [each.shape for each in kept.at(0)]:
        raise WorkbenchError(f"{session.run.path / CHECKPOINTS} holds weights of another model. Train the run again.")
    for place, rate in enumerate(kept.rates.tolist()):
        yield kept.at(place), rate


def _outputs(session: Study, training: Study) -> Iterator[tuple[Said, Said, float]]:
    """Yield what is said of studied and of training images, and the learning rate, at each checkpoint."""
    kept = None if session.run is None else session.run.checkpoints
    if session.run is None or kept is None:
        ours, theirs = ((each.predictions.logits, each.embeddings) for each in (session, training))
        yield ours, theirs, 1.0
        return
    from workbench.models.other_weights import Reweighted

    model = Reweighted(session.probe)
    digest = session.run.manifest.files.get(CHECKPOINTS, "")[:12]
    for epoch, (weights, rate) in zip(kept.epochs.tolist(), _checkpoints(session), strict=True):
        model.set(weights)
        name, what = f"checkpoint-{digest}-{epoch}.npz", f"Predictions after epoch {epoch}"
        ours, theirs = (_said(each, model.probe, name, what) for each in (session, training))
        yield ours, theirs, rate


def _said(study: Study, probe: Probe, name: str, what: str) -> Said:
    """Return logits and embeddings of all images at other weights: the cached ones, or computed now, with progress."""
    there = KeptOutputs(study.cache_path(name) if study.cache else None, len(study.dataset))
    logits, embeddings = there.values("logits"), there.values("embeddings")
    if logits is not None and embeddings is not None:
        return logits, embeddings
    parts = list[Said]()
    for images in study.dataset.batches(256):
        parts.append(probe.logits_and_embeddings(images))
        report(what, sum(len(each) for each, _ in parts), len(study.dataset))
    logits, embeddings = (np.concatenate(each) for each in zip(*parts, strict=True))
    there.keep(logits, embeddings, probe.reading)
    return logits, embeddings
