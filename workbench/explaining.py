"""How a session explains its images: the part of `Session` that makes attributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from workbench.attribution import Attribution
from workbench.choosing import Some
from workbench.contracts import Array, Dataset, Predictions, Score
from workbench.errors import WorkbenchError
from workbench.params import make
from workbench.progress import report

if TYPE_CHECKING:
    from workbench.probe import Probe
    from workbench.session import Session

Rows = Sequence[int] | Array | slice
Class = str | int | Array


class Explaining:
    """What a session needs in order to explain, and how it does.

    Attributes:
        dataset: the images under study.
    """

    dataset: Dataset

    if TYPE_CHECKING:

        @property
        def predictions(self) -> Predictions: ...
        @property
        def probe(self) -> Probe: ...
        @property
        def train(self) -> Dataset | None: ...
        def class_index(self, name: str | int) -> int: ...

    def attribute(
        self, method: str, rows: Rows, *, target: Class = "predicted", contrast: tuple[Class, Class] | None = None,
        score: Literal["logit", "probability"] = "logit", verdict: bool = False, **params: Any,
    ) -> Attribution:  # fmt: skip
        """Explain the scores of some images.

        Args:
            method: CLI name of the method, for example "grad-cam".
            rows: rows of the dataset.
            target: "predicted", "label", a class name or number, or `(n,)` int.
            contrast: two classes in the same forms, in place of `target`: explains f_c - f_c'.
            score: "logit" or "probability".
            verdict: whether to judge each map, 0.1 s an image; a method's randomisation test comes once, and longer.
            params: the method's parameters, for example `layer="conv2"`.

        Raises:
            WorkbenchError: if a name or a value is wrong, or the method does not apply to this model.
        """
        chosen = self.dataset.rows(rows)
        if "against" in params:
            raise WorkbenchError("Name both classes of a contrast in one: contrast=(class, other class).")
        plain = isinstance(target, str) and target == "predicted" and score == "logit"
        if contrast is not None and not (plain and len(contrast) == 2):
            raise WorkbenchError("`contrast` takes two classes, and stands in place of `target` and `score`.")
        first, second = (target, None) if contrast is None else contrast
        return self.attribute_images(
            method, Some(self.dataset, chosen), self.classes_of(first, chosen),
            against=None if second is None else self.classes_of(second, chosen), score=score, verdict=verdict, **params,
        )  # fmt: skip

    def attribute_images(
        self, method: str, images: Any, target: Array, *, against: Array | None = None, score: Score = "logit",
        verdict: bool = False, **params: Any,
    ) -> Attribution:  # fmt: skip
        """Explain images that need not belong to the dataset: `(n, H, W, C)`, uint8 or float32 in [0, 1]."""
        from workbench.explainers import explainer
        from workbench.judging import judged

        kind = make(explainer(method), params)
        found = kind.attribute(
            self.probe, images, target, against=against, score=score if against is None else "contrast",
            background=self.background if kind.needs_background else None, progress=report,
        )  # fmt: skip
        return judged(cast("Session", self), found, images) if verdict else found

    @property
    def background(self) -> Array:
        """`(5, H, W, C)` uint8 images that stand for nothing in particular: of the training part, where it is known."""
        known = self.train or self.dataset
        return np.asarray(known.images[np.sort(np.random.default_rng(0).permutation(len(known))[:5])])

    def classes_of(self, wanted: Class, rows: Array) -> Array:
        """Return the class of each of `rows`, `(n,)` int64: predicted, label, one for all, or as they are given."""
        if isinstance(wanted, str) and wanted == "predicted":
            return self.predictions.predicted[rows]
        if isinstance(wanted, str) and wanted == "label":
            return self.dataset.labels[rows]
        if isinstance(wanted, str | int | np.integer):
            return np.full(len(rows), self.class_index(wanted), np.int64)
        return np.asarray(wanted, np.int64)
