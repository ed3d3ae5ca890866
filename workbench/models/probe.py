"""The one seam to Keras: a model in, its logits, feature maps and gradients out."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.types import Array
from workbench.core.types import Score as ScoreKind
from workbench.models.attention import Attention
from workbench.models.data_flow import DataFlow
from workbench.models.engine import Engine, failure_told
from workbench.models.feature_layers import FeatureLayers
from workbench.models.files.foreign import printable
from workbench.models.forward_passes.forward_passes import ForwardPasses
from workbench.models.forward_passes.traced_model import SCORES, TracedModel
from workbench.models.graph import Step, Tensor, head_of, refuse_huge, walk
from workbench.models.input_scaling import shown_scaling
from workbench.models.input_shape import channels_first, fit_input, trial_images
from workbench.models.inside import Inside, look_inside, slopes_of
from workbench.models.layer_view import LayerView
from workbench.models.passable_steps import refusals
from workbench.models.pixel_layout import as_input, as_pixels
from workbench.models.preprocessing import ASSUMED, AUTO, PIXELS, UNIT, Preprocessing, preprocessing
from workbench.models.score_reading import ScoreReading
from workbench.models.scorer import RECTIFIERS, Scorer, felt
from workbench.models.tokens import read_tokens
from workbench.models.trace import Scored, Trace

CLASSES = tf.TensorSpec((None,), tf.int64)
"""Signature of one class for each image, for `compile`."""
UNRUNNABLE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError, tf.errors.OpError)
"""What the layers of a model raise that does not fit together, or not the images."""
UNSEEN = 32
"""Values that a model is taken to hold for each of its input, where it cannot be seen into."""


class Probe(LayerView):
    """Read-only view of a Keras image classifier; the model it was given never changes.

    Attributes:
        classes: K.
        image_shape: (H, W, C) of the images that it takes.
        channels_first: whether the model takes (N, C, H, W), to which images are transposed.
        preprocessing: what the model is given for an image in [0, 1].
        assumption: what is assumed about that, a sentence; empty where it was given, the model shows it, or a session
            has measured it.
        inference_only: what kind of file the model is, if it gives predictions and no gradients; else empty.
        keras_layers: the Keras layer, or operation, behind each of them.
        values: numbers that its layers compute for an image.
        max_rows: images that one compiled call takes, so that activations stay below about 1 GB.
        scores: what its outputs are and how that was told.
        forward: what passes images forward where nothing is differentiated; None for TensorFlow alone.
        rectified: whether a ReLU lies on the way to the scores.
        impassable: the first layer that no relevance is handed back through from the scores, and why; empty for none.
        uneven: the same of differences to a reference, which add up.
        floats: "float32", or "float64" for a model of that precision.
        tokens: how its tokens lie on the image, as it was given; None where it is to be found.

    Args:
        model: any Keras 3 model with one image input and one output: K ≥ 2 scores, or one for two classes.
        image_shape: (H, W, C) of the images; needed where the model leaves H or W open.
        given: name of the preprocessing; "auto" is pixels of 0…255 for a model that scales its input itself, before its
            first weights, and [0, 1] for any other.
        floats: precision of pixels, scores and gradients.
        examples: returns `(n, H, W, C)` images in [0, 1]; looked at where the model does not show what its output is.
        tokens: how a transformer's tokens lie on the image: "14x14+1", rows × columns and further ones.

    Raises:
        WorkbenchError: if the model takes no such images, its output is no score per class, or it has no such tokens.
    """

    def __init__(
        self,
        model: keras.Model,
        image_shape: tuple[int, int, int] | None = None,
        *,
        given: str = AUTO,
        floats: str = "float32",
        examples: Callable[[], Array] | None = None,
        tokens: str | None = None,
    ) -> None:
        self.model, self.floats, self.examples, self.tokens = model, floats, examples, tokens
        self.image_shape, self._input_shape = fit_input(model, image_shape)
        self.channels_first = channels_first(self._input_shape) and self._input_shape != self.image_shape
        self._auto, self.assumption = given == AUTO, ""
        self.preprocessing: Preprocessing = UNIT if self._auto else preprocessing(given, self.image_shape[2])
        self.inference_only = str(getattr(model, "inference_only", ""))
        self.engine = Engine()
        self.forward: ForwardPasses | None = None
        self._weights: tuple[tf.Variable, ...] = ()  # in place of the model's own; empty for those
        self.scores, self.rectified, self.impassable, self.uneven = ScoreReading(model), False, "", ""
        self.keras_layers: dict[str, Any] = {}
        self._inside = Inside({}, FeatureLayers(), Attention())
        self.classes = self._look()
        values = sum(int(np.prod([size or 1 for size in layer.shape])) for layer in self.layers.values())
        if any(isinstance(layer, keras.Model) for layer in self.keras_layers.values()):
            values = max(values, UNSEEN * int(np.prod(self.image_shape)))
        self.values = max(values, 1)
        self.max_rows = int(np.clip(2**28 // self.values, 1, 256))

    def with_weights(self, weights: Sequence[tf.Variable]) -> Self:
        """Return a probe of the same model that walks it with other weights; neither this one nor the model changes.

        Args:
            weights: in the order of `model.weights`; what is compiled follows them when they are assigned to.
        """
        other = copy.copy(self)
        other.engine, other.forward, other._weights = Engine(), None, tuple(weights)
        return other

    def _look(self) -> int:
        """Trace the model once: names, shapes, K, what kind of output it has, and what it does to its input."""
        shown: list[Preprocessing | None] = []
        tokens = None if self.tokens is None else read_tokens(self.tokens)

        def first(images: Tensor) -> tuple[Tensor, list[Tensor]]:
            graph = tf.compat.v1.get_default_graph()
            before = len(graph.get_operations())
            try:
                given = self._given(images)
                steps = walk(self.model, given)
            except WorkbenchError:
                raise
            except UNRUNNABLE as error:
                said = printable(str(error).split("Exception encountered when calling")[-1])[:300]
                raise WorkbenchError(
                    f"The model cannot be run on images of shape {self.image_shape}: {said}"
                ) from error
            head = head_of(steps)
            made = graph.get_operations()[before:]
            scores = self.scores.see(head, steps)
            refuse_huge(graph, images)
            flow = DataFlow(graph, images, steps, head.logits)
            size = self.image_shape[:2]
            self._inside = look_inside(steps, made, flow, head.logits, image_size=size, given=tokens)
            self.keras_layers = {step.name: step.layer for step in steps}
            if self._auto:
                with tf.init_scope():
                    shown.append(shown_scaling(self.model, graph, images, flow.first, self.keras_layers.values()))
            self.rectified = any(each.type in RECTIFIERS for each in graph.get_operations())
            self.impassable, self.uneven = refusals(steps, head, given, flow)
            return scores, slopes_of(self._inside, steps, made, lambda each: felt(head.logits, each))

        images = trial_images(self.image_shape, self._input_shape).astype(self.floats)
        with self.engine.lock, failure_told(self.model, alone=True):
            scores, slopes = tf.function(first, autograph=False)(tf.constant(images))
        output = np.asarray(scores)
        self._inside = self._inside.settled([np.asarray(each) for each in slopes])
        if self._auto:
            self.preprocessing = shown[0] or UNIT
            self.assumption = "" if shown[0] else ASSUMED
        if output.ndim != 2 and (self.one_unit or output.size == len(images) * output.shape[-1]):
            output = output.reshape(len(output), -1)
        self.scores.judge(output, self._outputs, examples=self.examples is not None)
        return 2 if self.one_unit else self.units

    @property
    def units(self) -> int:
        """Scores that the model itself gives for an image: K, or one, which is read as two classes."""
        return self.scores.units

    @property
    def one_unit(self) -> bool:
        """Whether it gives one; then logits are (0, z), and class 0 is explained by -z."""
        return self.scores.one_unit

    @property
    def sigmoid(self) -> bool:
        """Whether the model ends in one sigmoid a class."""
        return self.scores.sigmoid

    @property
    def reading(self) -> str:
        """How the outputs are read, where that is assumed, a sentence that belongs beside every number; else empty."""
        return self.scores.assumed

    def _outputs(self) -> Array:
        """`(n, K)` outputs, as they are: of noise, black and white, and of the examples."""
        noise = np.random.default_rng(0).random((16, *self.image_shape), np.float32)
        images = [noise, np.zeros_like(noise[:1]), np.ones_like(noise[:1])]
        if self.examples is not None:
            images.append(self.examples())
        function = tf.function(lambda batch: head_of(self._steps(batch)).logits, autograph=False, reduce_retracing=True)
        with self.engine.lock, failure_told(self.model, alone=True):
            parts = [part[n : n + 16] for part in images for n in range(0, len(part), 16)]
            found = [np.asarray(function(tf.constant(part.astype(self.floats)))) for part in parts]
            return np.concatenate([each.reshape(len(each), -1).astype(self.floats) for each in found])

    @property
    def note(self) -> str:
        """Sentences about what it is given, what of that is assumed, and where its scores were found."""
        said = [self.scores.note]
        if self.inference_only:
            said.insert(0, f"It is {self.inference_only}: it gives predictions but no gradients.")
        if not self._auto:
            said.append(f"Images are {self.preprocessing.words}.")
        elif self.preprocessing is PIXELS:
            said.append("The model scales its input itself, so it is given pixels of 0…255.")
        return " ".join(filter(None, [*said, self.assumption, self.tokens_note])).strip()

    def _given(self, images: Tensor) -> Tensor:
        return as_input(self.preprocessing.change(images), self._input_shape, channels_first=self.channels_first)

    def _steps(self, images: Tensor, known: Mapping[str, Tensor] | None = None) -> list[Step]:
        return walk(self.model, self._given(images), known)

    def at_pixels(self, given: Tensor) -> Tensor:
        """Lay a value for each number that the model is given where its pixel is, `(B, H, W, C)`."""
        values = as_pixels(given, self.image_shape, channels_first=self.channels_first)
        return values[..., ::-1] if self.preprocessing.bgr else values

    def trace(self, images: Tensor, known: Mapping[str, Tensor] | None = None) -> Trace:
        """Walk through the model inside a compiled function; what is not used costs nothing.

        Args:
            images: `(B, H, W, C)` float32 tensor in [0, 1].
            known: outputs of layers that are taken as given, by name.
        """
        with self.weights_in_place():
            return self._trace(images, known)

    def weights_in_place(self) -> AbstractContextManager[Any]:
        """See that layers that are asked for their weights have those of this probe."""
        if not self._weights:
            return contextlib.nullcontext()
        pairs = [(mine, tf.convert_to_tensor(own)) for mine, own in zip(self.model.weights, self._weights, strict=True)]
        return keras.StatelessScope(state_mapping=pairs)

    def _trace(self, images: Tensor, known: Mapping[str, Tensor] | None) -> Trace:
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations()) if self.attention.numbers else 0
        given = self._given(images)
        steps = walk(self.model, given, known)
        made = graph.get_operations()[before:] if self.attention.numbers and not known else []
        for step in steps:
            if None in step.output.shape[1:] and step.name in self.layers:  # as many tokens as ever
                step.output.set_shape((None, *self.layers[step.name].shape))
        head = head_of(steps)
        logits, derived = self.scores.logits(head, self.floats)
        inside = logits if head.embeddings is head.logits else tf.cast(head.embeddings, self.floats)
        flat = tf.reshape(inside, (tf.shape(logits)[0], int(np.prod(inside.shape[1:]))))
        return Trace(
            outputs={step.name: step.output for step in steps},
            logits=logits,
            embeddings=flat,
            given=given,
            head=head,
            steps=tuple(steps),
            logarithm=derived,
            one_unit=self.one_unit,
            odds=self.scores.odds or (self.one_unit and self.scores.logarithm),
            resolution=self.scores.resolution,
            grids=self._inside.features.grids,
            attention=tuple(self.attention.of(made)) if made else (),
        )

    def pass_forward_by(self, engine: str, kept: Path | None = None) -> None:
        """Let an engine pass images forward where nothing is differentiated; the model must not change from here on.

        Args:
            engine: "auto", "tensorflow" or "onnxruntime".
            kept: file of the choice and of the converted model, in the cache; None to keep nothing.

        Raises:
            WorkbenchError: if there is no such engine, or it cannot compute this model.
            Unavailable: if what it needs is not installed.
        """
        # Other files are run outside of TensorFlow already, and nothing but float32 is compared.
        if not self.inference_only and self.floats == "float32":
            self.forward = ForwardPasses(TracedModel(self), engine, kept)

    def expect(self, rows: int) -> None:
        """Say how many images are about to be passed forward: for many it is worth it to choose the engine first."""
        if self.forward is not None:
            self.forward.expect(rows)

    def scored(self, images: Tensor) -> Scored:
        """Pass images forward inside a compiled function, where no gradient goes through.

        Args:
            images: `(B, H, W, C)` float32 tensor in [0, 1].
        """
        session = None if self.forward is None else self.forward.session
        if session is None:
            return self.trace(images)
        logits = session.inside(images)
        return Scored(logits=tf.ensure_shape(logits, (None, self.classes)), one_unit=self.one_unit)

    def logits(self, images: Array) -> Array:
        """`(B, H, W, C)` images in [0, 1] to `(B, K)` float32 scores before the softmax."""
        if (found := self._forward(images)) is not None:
            return found[0]
        return self.run("logits", lambda batch: self.trace(batch).logits, images)

    def embeddings(self, images: Array) -> Array:
        """`(B, H, W, C)` images in [0, 1] to `(B, D)` float32, what the last linear layer receives."""
        if (found := self._forward(images)) is not None:
            return found[1]
        return self.run("embeddings", lambda batch: self.trace(batch).embeddings, images)

    def logits_and_embeddings(self, images: Array) -> tuple[Array, Array]:
        """Both at the cost of one."""
        if (found := self._forward(images)) is not None:
            return found[0], found[1]

        def both(batch: Tensor) -> Tensor:
            trace = self.trace(batch)
            return tf.concat([trace.logits, trace.embeddings], axis=1)

        values = self.run("logits and embeddings", both, images)
        return values[:, : self.classes], values[:, self.classes :]

    def _forward(self, images: Array, outputs: str = SCORES) -> list[Array] | None:
        return None if self.forward is None else self.forward.run(images, outputs)

    def feature_maps(self, images: Array, layer: str) -> Array:
        """`(B, H, W, C)` images to the outputs of `layer`, `(B, h, w, F)` float32 (or `(B, D)` of a flat layer).

        Of tokens those that have a place.
        """
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        if (found := self._forward(images, layer)) is not None:
            return found[0]
        return self.run(("maps", layer), lambda batch: tf.cast(self.trace(batch).maps(layer), self.floats), images)

    def gradient(
        self, images: Array, target: Array, *, score: ScoreKind = "logit", against: Array | None = None
    ) -> Array:
        """Gradient of the score of `target` by the pixels: `(B, H, W, C)` float32, score per unit of [0, 1]."""

        def gradient(batch: Tensor, target: Tensor, against: Tensor) -> Tensor:
            return Scorer(self, target, against, score).gradient(batch)

        return self.run(("gradient", score), gradient, images, target, against)

    def feature_maps_and_gradients(self, images: Array, target: Array, layer: str) -> tuple[Array, Array]:
        """Outputs of `layer` and gradient of the logit of `target` by them: two `(B, h, w, F)` float32."""
        layer = self.spatial_layer(layer)

        def both(batch: Tensor, target: Tensor, against: Tensor) -> Tensor:
            return tf.stack(Scorer(self, target, against, "logit").feature_maps_and_gradients(batch, layer), axis=1)

        values = self.run(("maps and gradients", layer), both, images, target, None)
        return values[:, 0], values[:, 1]

    def run(self, key: Hashable, function: Callable[..., Tensor], images: Array, *classes: Array | None) -> Array:
        """Run a compiled function over `images` in batches.

        Args:
            key: names `function`; equal keys share one trace.
            function: `(B, H, W, C)` float32 tensor, and one `(B,)` int64 tensor for each of `classes`, to a tensor with
                a row for each image, which depends on no other.
            images: `(N, H, W, C)` float32.
            classes: `(N,)` int each, or None for zeros.
        """
        given = [np.zeros(len(images), np.int64) if each is None else np.asarray(each, np.int64) for each in classes]
        compiled = self.compile((key, len(given)), function, (self.images, *[CLASSES] * len(given)), by_row=True)
        starts = range(0, max(len(images), 1), self.max_rows)
        return np.concatenate([compiled(*(a[i : i + self.max_rows] for a in (images, *given))) for i in starts])

    @property
    def images(self) -> Any:
        """Signature of `(B, H, W, C)` images, for `compile`."""
        return tf.TensorSpec((None, *self.image_shape), self.floats)

    def compile(
        self, key: Hashable, function: Callable[..., Any], signature: Sequence[Any], *, by_row: bool = False
    ) -> Callable[..., Any]:
        """Return `function` compiled once for every batch size; see `Engine.compile`."""
        session = None if self.forward is None else self.forward.session
        if session is not None:
            key = (key, session)  # what was compiled before passes forward by TensorFlow
        with failure_told(self.model):
            compiled = self.engine.compile(key, function, signature, by_row=by_row)

        def run(*arrays: Array) -> Any:
            with failure_told(self.model), failure_told(session):
                return compiled(*arrays)

        return run
