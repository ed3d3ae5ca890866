"""The contract of an attribution method: score -> how much each place contributed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import tensorflow as tf
from pydantic import Field

from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom, Named, describe
from workbench.core.pixels import as_floats
from workbench.core.progress import Progress, silent
from workbench.core.types import Array, Score
from workbench.core.wording import plural
from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import Scorer, Shared, Tensor

Layer = Annotated[
    str | None,
    Field(description="layer to explain; auto: the last spatial layer that is not a pooling layer"),
    ChooseFrom("layers"),
]
FULL = 1.4
"""How far a batch of changed copies may go beyond `max_rows`: one image of 169 copies would leave a call half empty."""


class Explainer(Named, ABC):
    """Base of all attribution methods; the fields of a subclass are the method's parameters.

    The first line of a subclass's docstring says what its map shows. A subclass states the paper's
    formula in `formula`, on tensors in `keras.ops`; everything else is done here.

    Attributes:
        name: CLI name, the module's name with `-`.
        title: the method's name as its paper writes it.
        paper: arXiv number or place of publication, with the equation.
        signed: whether negative values mean evidence against the class.
        unit: what one unit of the map is; "score" stands for the explained score's own unit.
        use: what the method is good for and what not, in one line.
        of_class: whether the map depends on the class that is explained.
        family: with which methods it is listed: "layer", "gradient", "perturbation", "attention", "control" or a name
            of its own; if not given, "layer" for one that reads a layer, and "gradient" for any other.
        differentiates: whether the formula takes the score's gradient; of no matter where it reads a layer.
        tells_kind: whether the formula looks at `score.kind` or `score.against`, and does not only call the score.
    """

    title: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    signed: ClassVar[bool] = False
    unit: ClassVar[str] = "score"
    use: ClassVar[str] = ""
    of_class: ClassVar[bool] = True
    family: ClassVar[str] = ""
    differentiates: ClassVar[bool] = True
    tells_kind: ClassVar[bool] = False

    @classmethod
    def kin(cls) -> str:
        """Return its family."""
        return cls.family or ("layer" if cls.needs_layer() else "gradient")

    @classmethod
    def needs_layer(cls) -> bool:
        """Whether the map is read from an inner layer."""
        return "layer" in cls.model_fields

    @classmethod
    def missing(cls, probe: Probe) -> str | None:
        """Say in a sentence why the method does not apply to this model, or None."""
        if cls.needs_layer() and not probe.spatial_layers:
            return probe.no_maps(cls.title)
        if cls.differentiates and probe.inference_only:
            return probe.no_gradients(cls.title)
        return None

    def in_units_of(self, score: Score) -> str:
        """Say what one unit of the map is when this score is explained."""
        return self.unit.replace("score", {"contrast": "logit difference"}.get(score, score), 1)

    @property
    def needs_background(self) -> bool:
        """Whether the formula compares with images of the training part."""
        return getattr(self, "reference", None) == "training"

    def copies(self, probe: Probe) -> int:
        """How many changed copies of each image the formula evaluates; 1 where it takes the image itself."""
        return 1

    def at_once(self, probe: Probe) -> int:
        """How many of these lie in memory together: all of them, unless each follows from the one before."""
        return self.copies(probe)

    @abstractmethod
    def formula(self, score: Scorer, images: Tensor) -> Tensor | tuple[Tensor, Mapping[str, Tensor]]:
        """`(B, H, W, C)` float32 images in [0, 1] to `(B, h, w)` values in units of the score.

        An image's values must not depend on the other images of the batch. A second value may name numbers of
        each image, `(B,)`, which become `Attribution.details`.
        """

    def attribute(
        self,
        probe: Probe,
        images: Array,
        target: Array,
        *,
        against: Array | None = None,
        score: Score = "logit",
        background: Array | None = None,
        progress: Progress = silent,
    ) -> Attribution:
        """Attribute the score of class `target[i]` to the places of `images[i]`.

        Args:
            probe: the model.
            images: `(N, H, W, C)`, uint8 or float32 in [0, 1]; an array or what slices like one.
            target: `(N,)` int in [0, K).
            against: `(N,)` int in [0, K), for the score "contrast".
            score: "logit" f_c, "probability" softmax(f)_c, or "contrast" f_c - f_c'.
            background: `(R, H, W, C)` images, as `images`, for methods that compare with some.
            progress: called after each batch.

        Raises:
            WorkbenchError: if shapes or classes do not fit, or the method does not apply to this model.
        """
        parts = list(
            self.batches(probe, images, target, against=against, score=score, background=background, progress=progress)
        )
        params = self.at_layer(probe).model_dump()
        values = [each for each, _ in parts] or [np.zeros((0, *probe.image_shape[:2]), np.float32)]
        details = {name: np.concatenate([each[name] for _, each in parts]) for name in (parts[0][1] if parts else ())}
        return Attribution(
            np.concatenate(values),
            target=np.asarray(target, np.int64),
            score=score,
            signed=self.signed,
            method=self.name,
            params=params,
            layer=params.get("layer"),
            image_size=probe.image_shape[:2],
            against=None if against is None else np.asarray(against, np.int64),
            unit=self.in_units_of("contrast" if probe.one_unit and score == "logit" else score),
            details=details,
        )

    def batches(
        self,
        probe: Probe,
        images: Array,
        target: Array,
        *,
        against: Array | None = None,
        score: Score = "logit",
        background: Array | None = None,
        progress: Progress = silent,
    ) -> Iterator[tuple[Array, dict[str, Array]]]:
        """Yield `(b, h, w)` values and their details batch by batch, so that not all need to lie in memory.

        Arguments and errors are those of `attribute`.
        """
        target, against = self._check(probe, images, target, against, score)
        method = self.at_layer(probe)
        given = method._background(probe, background)
        how = Shared.of(probe, score, target, against, apart=self.tells_kind)

        def values(batch: Tensor, target: Tensor, against: Tensor, background: Tensor) -> tuple[Tensor, Any]:
            found = method.formula(Scorer(probe, target, against, how.kind, background, shared=how.shared), batch)
            return found if isinstance(found, tuple) else (found, {})

        if not self.differentiates:
            probe.expect(len(target) * method.copies(probe))
        signature = (probe.images, CLASSES, CLASSES, tf.TensorSpec(given.shape, probe.floats))
        run = probe.compile((self.name, method.key, how.kind, how.shared, len(given)), values, signature, by_row=True)
        size = method.batch(probe)
        for start in range(0, len(target), size):
            rows = slice(start, start + size)
            yield run(_floats(images[rows]), target[rows], how.against[rows], given)
            progress(self.title, min(start + size, len(target)), len(target))

    def batch(self, probe: Probe) -> int:
        """How many images are explained together; of a method whose layer is named."""
        copies = self.at_once(probe)
        return max(1, int(probe.max_rows * (FULL if copies > 1 else 1)) // copies)

    def _background(self, probe: Probe, background: Array | None) -> Array:
        if not self.needs_background:
            return np.zeros((0, *probe.image_shape), np.float32)
        if background is None or len(background) == 0:
            raise WorkbenchError(
                f"{self.title} with the reference 'training' needs reference images: give `background`, "
                f"(R, {', '.join(map(str, probe.image_shape))}), or use a session, which takes them from the data."
            )
        return _floats(background)

    def at_layer(self, probe: Probe) -> Explainer:
        """Return the method with its layer named, where it has one."""
        if not self.needs_layer():
            return self
        values = self.model_dump()
        lists = [values[each.name] for each in describe(type(self)) if each.choose_from == "layers" and each.many]
        for name in (name for names in lists for name in names):
            probe.spatial_layer(name, method=self.title)
        return self.model_copy(update={"layer": probe.spatial_layer(values["layer"], method=self.title)})

    def _check(
        self, probe: Probe, images: Array, target: Array, against: Array | None, score: Score
    ) -> tuple[Array, Array | None]:
        if reason := self.missing(probe):
            raise WorkbenchError(reason)
        if score == "probability" and probe.sigmoid:
            raise WorkbenchError(
                "The probability cannot be explained: the model ends in one sigmoid per class, so its outputs are not "
                "a distribution over the classes. Explain the logit (the sigmoid's input)."
            )
        if tuple(images.shape[1:]) != probe.image_shape:
            raise WorkbenchError(
                f"`images` must have shape (N, {', '.join(map(str, probe.image_shape))}). Got {images.shape}."
            )
        if (score == "contrast") != (against is not None):
            raise WorkbenchError(
                '`against` names the other class of a contrast: give it with score="contrast", and only then.'
            )
        for name, classes in (("target", target), ("against", against)):
            if classes is None:
                continue
            if np.shape(classes) != (len(images),):
                raise WorkbenchError(
                    f"`{name}` must have one class for each of {plural(len(images), 'image')}. Got shape "
                    f"{np.shape(classes)}."
                )
            if len(classes) and not (np.min(classes) >= 0 and np.max(classes) < probe.classes):
                raise WorkbenchError(
                    f"`{name}` must lie in 0…{probe.classes - 1}. Got {np.min(classes)}…{np.max(classes)}."
                )
        return np.asarray(target, np.int64), None if against is None else np.asarray(against, np.int64)


class Perturbation(Explainer, ABC):
    """Asks the model about changed images, and nothing of what is inside it."""

    family: ClassVar[str] = "perturbation"
    differentiates: ClassVar[bool] = False


def _floats(images: Array) -> Array:
    """Return a batch as float32 in [0, 1]; a little beyond it is let through, as noise and edits give it."""
    floats = as_floats(images)
    if images.dtype != np.uint8 and floats.size and np.abs(floats).max() > 2:
        raise WorkbenchError(
            f"`images` that are not uint8 must lie in [0, 1]. Got {floats.min():.3g}…{floats.max():.3g}: divide by 255."
        )
    return floats
