"""Which training images helped a model with an image, and which harmed it: TracIn by the last layer.

Helpful is a training image on which a step lowers the loss of the image's label, harmful one on which it raises it.
By the last layer it is there at once, and what a step on one image changes below it is left out; by all weights it
takes passes over the training images. Momentum and Adam's scaling, weight decay and label smoothing are always left
out: a step is one of plain gradient descent on the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.dataset import piece
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.image_set import ImageSet
from workbench.core.memory import free_memory
from workbench.core.notebook import facts_html, pictures_html
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural, significant
from workbench.data.thumbnails import thumbnails_of
from workbench.session.held_out import trained_images
from workbench.session.kept_checkpoints import Said, final_weights, kept_weights, measured_at, outputs_at
from workbench.session.neighbours import witnesses
from workbench.statistics.influence import LastLayer, residuals, self_influence, traced

if TYPE_CHECKING:
    import pandas as pd

    from workbench.models.probe import Probe
    from workbench.session.study import Study

Layers = Literal["last", "all"]
BY: dict[Layers, str] = {"last": "By the gradients of the last layer.", "all": "By the gradients of all weights."}
AT_ONCE = 64
"""Images whose influences are held in memory together."""
CHECKED = 8
"""Images on which it is seen that a dense layer gives the scores."""
BLOCK = 2**14
"""Images whose residuals are computed together."""
OTHERS = "These are not the images that the run was trained on."
BINARY = "The loss is the sum of the binary cross-entropies of the model's sigmoids."
FINAL, ALONG = "nats per unit of learning rate", "nats, up to the batch size and the number of steps"
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
        table: a line for each of them: what it did, its row, influence (in `unit`), label, and the probability of that.
        pictures: `(n, h, w, C)` uint8 of them, in this order.
        checkpoints: sets of weights that were added up.
        measured: at which weights, in sentences.
        unit: of an influence: nats per unit of learning rate at the final weights; at kept ones nats, up to the batch
            size and the number of steps, which are left out.
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
    measured: str
    unit: str
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
        return f"{most[0].upper()}{most[1:]}. {self.measured} {BY[self.layers]}"

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
        labels: of all training images, those that it was fitted to.
        checkpoints: sets of weights whose influences are added up; 1 for the final weights alone.
        measured: at which weights, in sentences.
        unit: of an influence.
        training: the session of the training images.

    Args:
        session: the model and the images under study.
        layers: as above. All weights take about three passes over the training images for each image and checkpoint.

    Raises:
        Unavailable: if the training images are not known.
        WorkbenchError: if no dense layer gives the model's scores and the last layer is asked for, the run's
            corrections or checkpoints are damaged, or there is too little memory.
    """

    def __init__(self, session: Study, layers: Layers = "last") -> None:
        seen, trained = witnesses(session), trained_images(session)
        if seen.part != "train" or trained is None:
            raise Unavailable(NO_TRAINING)
        self._session, self._seen, self.training = session, seen, seen.session
        self.rows, self.labels, self.layers = trained.fitted, trained.labels, layers
        self._kept = kept_weights(session) if trained.own else None
        self.checkpoints = 1 if self._kept is None else len(self._kept)
        self.unit = FINAL if self._kept is None else ALONG
        said = [
            measured_at(session, self._kept),
            OTHERS if session.run is not None and not trained.own else "",
            BINARY if session.probe.sigmoid else "",
        ]
        self.measured = " ".join(filter(None, said))
        self._bias = self._last_layer()
        if layers == "last" and (told := self._too_large()):
            raise WorkbenchError(told)

    def _last_layer(self) -> bool | None:
        """Whether the last layer has a bias; None where no dense layer gives the scores and none is asked for."""
        some = self._session.dataset.floats(np.arange(len(self._session.dataset))[:CHECKED])
        try:
            return dense_bias(self._session.probe, some)
        except WorkbenchError:
            if self.layers == "last":
                raise
            return None

    def _too_large(self) -> str:
        """Say so where what the last layer receives from all images needs more memory than there is; else empty."""
        probe, free = self._session.probe, free_memory()
        width = probe.logits_and_embeddings(self._session.dataset.floats(np.arange(1)))[1].shape[1]
        images = len(self.training.dataset) + len(self._session.dataset)
        # Residuals, logits and embeddings at each checkpoint, joined once from their batches; products for some images.
        size = 4 * images * (self.checkpoints + 1) * (width + 2 * probe.classes) + 24 * AT_ONCE * len(self.rows)
        if free is None or size <= free:
            return ""
        return (
            f"Influence of {plural(len(self.rows), 'training image')} by the last layer, at "
            f"{plural(self.checkpoints, 'set')} of weights, needs {size / 2**30:,.1f} GB of memory, and "
            f"{free / 2**30:.1f} GB are free. `layers` all needs less, and takes passes over the images."
        )

    @cached_property
    def _by_checkpoint(self) -> list[tuple[Said, LastLayer]]:
        """What is said of the studied images, and the last layer of the training images, at each checkpoint."""
        labels, probe = self.labels[self.rows], self._session.probe
        return [
            (ours, _layer(probe, theirs, labels, self.rows, rate))
            for ours, theirs, rate in outputs_at(self._session, self.training, self._kept)
        ]

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
        labels, probe = self._session.dataset.labels[rows], self._session.probe
        asked = [_layer(probe, ours, labels, rows, 1.0) for ours, _ in self._by_checkpoint]
        return traced(asked, [learned for _, learned in self._by_checkpoint], bias=bool(self._bias))

    def _by_all(self, row: int) -> Array:
        """Add up the products of the gradients by all weights of one image and of each training image: `(N,)`."""
        from workbench.models.weight_gradients import changes_along, loss_gradient

        session, data, probe = self._session, self.training.dataset, self._session.probe
        kept = self._kept
        image, label = session.dataset.floats(np.array([row]))[0], int(session.dataset.labels[row])
        total, done = np.zeros(len(self.rows)), 0
        for place in range(self.checkpoints):
            weights = final_weights(session) if kept is None else kept.at(place)
            rate = 1.0 if kept is None else float(kept.rates[place])
            along = loss_gradient(probe, image, label, weights)
            for start in range(0, len(self.rows), probe.max_rows):
                some = self.rows[start : start + probe.max_rows]
                found = changes_along(probe, data.floats(some), self.labels[some], weights, along)
                total[start : start + len(some)] += rate * found
                done += len(some)
                report("Gradients of the training images", done, len(self.rows) * self.checkpoints)
        return total

    def on_itself(self) -> Array | None:
        """Self-influence of the training images `self.rows` by the last layer: `(N,)`.

        None where all weights are asked for, and the last layer cannot tell: it is not dense, or memory is short.
        """
        if self._bias is None or (self.layers == "all" and self._too_large()):
            return None
        return self_influence([learned for _, learned in self._by_checkpoint], bias=self._bias)


def image_influence(session: Study, row: int, most: int = 8, layers: Layers = "last") -> ImageInfluence:
    """Find the training images that help the most with an image, and that harm the most.

    Args:
        session: the model and the data that the image is of.
        row: of the image.
        most: how many of each.
        layers: whose gradients, "last" or "all".

    Raises:
        Unavailable: if the training images are not known.
        WorkbenchError: as of `TrainingInfluence`.
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
            "label": [train.class_names[c] for c in asked.labels[rows]],
            "probability_of_label": said.probabilities[rows, asked.labels[rows]],
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
        measured=asked.measured,
        unit=asked.unit,
        layers=layers,
    )


def extremes(influences: Array, most: int) -> tuple[Array, Array]:
    """Return places of the largest positive and of the largest negative of `(N,)` influences, the largest first."""
    most = min(most, len(influences))
    high = np.argpartition(-influences, most - 1)[:most] if most else np.zeros(0, np.int64)
    low = np.argpartition(influences, most - 1)[:most] if most else np.zeros(0, np.int64)
    high, low = high[np.lexsort((high, -influences[high]))], low[np.lexsort((low, influences[low]))]
    return high[influences[high] > 0], low[influences[low] < 0]


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


def residuals_of(probe: Probe, logits: Array, labels: Array) -> Array:
    """Gradient of the loss of each label by the outputs of the last layer.

    The loss is the cross-entropy of the softmax; of K sigmoids the sum of their binary cross-entropies, and of one
    unit, which gives z, that of its sigmoid.

    Args:
        probe: of the model, which tells these apart.
        logits: `(N, K)`; (0, z) of one unit.
        labels: `(N,)` int.

    Returns:
        `(N, K)` float32; `(N, 1)` of one unit, whose logit of class 0 is no output and has no weights.
    """
    from scipy.special import expit, softmax

    found = np.empty((len(labels), probe.units), np.float32)
    for start in range(0, len(labels), BLOCK):
        some = slice(start, start + BLOCK)
        values = logits[some].astype(np.float64)
        own = residuals(expit(values) if probe.sigmoid else softmax(values, axis=1), labels[some])
        found[some] = own[:, 1:] if probe.one_unit else own
    return found


def _layer(probe: Probe, said: Said, labels: Array, rows: Array, rate: float) -> LastLayer:
    logits, embeddings = (each[piece(rows)] for each in said)
    return LastLayer(embeddings, residuals_of(probe, logits, labels), rate)
