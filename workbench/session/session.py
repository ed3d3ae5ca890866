"""A session: a study that explains its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from workbench.core.attribution import Attribution
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.finding import Finding
from workbench.core.image_set import CALLED, ImageSet, Part
from workbench.core.notebook import SHOWN, facts_html
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.types import Array, Score
from workbench.data.lazy_images import Some
from workbench.session.judging import add_verdicts
from workbench.session.study import Rows, Study
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.session.counterfactual import Counterfactual
    from workbench.session.edited_image import EditedImage
    from workbench.session.images import Images
    from workbench.session.images.known import Known
    from workbench.session.influence import ImageInfluence
    from workbench.session.smallest_evidence import SmallestEvidence
    from workbench.session.smallest_flip import SmallestFlip

Class = str | int | Array


class Session(Study):
    """A study that explains its images: attributions, and how far each of them may be believed."""

    _known: Known | None = None

    def attribute(
        self,
        method: str,
        rows: Rows,
        *,
        target: Class = "predicted",
        contrast: tuple[Class, Class] | None = None,
        score: Literal["logit", "probability"] = "logit",
        verdict: bool = False,
        **params: Any,
    ) -> Attribution:
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
            raise WorkbenchError("Name both classes of a contrast together: contrast=(class, other class).")
        plain = isinstance(target, str) and target == "predicted" and score == "logit"
        if contrast is not None and not (plain and len(contrast) == 2):
            raise WorkbenchError("`contrast` takes two classes, and replaces `target` and `score`.")
        first, second = (target, None) if contrast is None else contrast
        return self.attribute_images(
            method,
            Some(self.dataset, chosen),
            self.classes_of(first, chosen),
            against=None if second is None else self.classes_of(second, chosen),
            score=score,
            verdict=verdict,
            **params,
        )

    def attribute_images(
        self,
        method: str,
        images: Any,
        target: Array,
        *,
        against: Array | None = None,
        score: Score = "logit",
        verdict: bool = False,
        **params: Any,
    ) -> Attribution:
        """Explain images that need not belong to the dataset: `(n, H, W, C)`, uint8 or float32 in [0, 1]."""
        from workbench.attribution.methods import explainer

        kind = make(explainer(method), params)
        return self.explain(kind, images, target, against=against, score=score, verdict=verdict)

    def explain(
        self,
        method: Explainer,
        images: Any,
        target: Array,
        *,
        against: Array | None = None,
        score: Score = "logit",
        verdict: bool = False,
    ) -> Attribution:
        """Explain images by a method that was made already; see `attribute_images`.

        Args:
            method: an attribution method with its parameters.
            images: `(n, H, W, C)`, uint8 or float32 in [0, 1].
            target: `(n,)` int, the class whose score is explained.
            against: `(n,)` int, the class whose logit is subtracted; None for the score alone.
            score: "logit" or "probability"; a contrast is always one of logits.
            verdict: whether to judge each map.

        Raises:
            WorkbenchError: if the method does not apply to this model.
        """
        found = method.attribute(
            self.probe,
            images,
            target,
            against=against,
            score=score if against is None else "contrast",
            background=self.background if method.needs_background else None,
            progress=report,
        )
        return add_verdicts(self, method, found, images) if verdict else found

    def edited(self, image: str | int, edits: object, *, part: Part = "data") -> EditedImage:
        """Change an image and ask the model about it: `session.edited("test/12", [{"op": "rotate", "degrees": 20}])`.

        Args:
            image: name of an image, the end of its path that no other has, or its row.
            edits: a list of edits, or their JSON text; see `workbench.data.edits`. A `swap` without a `source` takes
                the nearest image of another class.
            part: "data", the images under study, or another: "train", "validation", "test".

        Raises:
            WorkbenchError: if there is no such image, or an edit is none or does not fit it.
            Unavailable: if the training images are not known.
        """
        from workbench.data.edits import read_edits
        from workbench.session.edited_image import edit_image

        study, row = self._found(image, part)
        return edit_image(study, row, read_edits(edits), self.beside_part(part))

    def smallest_flip(self, image: str | int, *, part: Part = "data") -> SmallestFlip:
        """Search the smallest square whose change makes the model predict another class; see `smallest_flip`.

        Args:
            image: name of an image, the end of its path that no other has, or its row.
            part: "data", the images under study, or another: "train", "validation", "test".
        """
        from workbench.session.smallest_flip import smallest_flip

        return smallest_flip(*self._found(image, part))

    def smallest_evidence(
        self,
        image: str | int,
        *,
        part: Part = "data",
        reference: str = "black",
        regions: Literal["grid", "slic"] = "grid",
        side: int = 4,
    ) -> SmallestEvidence:
        """Find the fewest regions that keep a prediction, and the fewest that flip it; see `smallest_evidence`.

        Args:
            image: name of an image, the end of its path that no other has, or its row.
            part: "data", the images under study, or another: "train", "validation", "test".
            reference: what a hidden region is replaced with: "black", "grey", "white", "mean" or "blurred".
            regions: "grid", or "slic" for segments of like colour.
            side: cells along each side; at most side x side segments.

        Raises:
            WorkbenchError: if there is no such image, reference or kind of regions.
        """
        from workbench.session.smallest_evidence import smallest_evidence

        study, row = self._found(image, part)
        return smallest_evidence(study, row, reference=reference, regions=regions, side=side)

    def counterfactual(
        self,
        image: str | int,
        *,
        to: str | int | None = None,
        layer: str | None = None,
        taken_from: Literal["anywhere", "same-place"] = "anywhere",
        part: Part = "data",
    ) -> Counterfactual:
        """Find the nearest image of another class, and the cells that decide between both; see `counterfactual`.

        Args:
            image: name of an image, the end of its path that no other has, or its row.
            to: the other class; its label for an error, else the most probable other one.
            layer: whose feature maps are exchanged; the last with at least 4 × 4 places, if there is one.
            taken_from: where cells are taken from in the other image: anywhere, or from the same place.
            part: "data", the images under study, or another: "train", "validation", "test".

        Raises:
            WorkbenchError: if there is no such image or class, no image of it is recognised, or the model has no
                feature maps.
        """
        from workbench.session.counterfactual import counterfactual

        study, row = self._found(image, part)
        number = None if to is None else self.class_index(to)
        return counterfactual(study, row, to=number, layer=layer, taken_from=taken_from)

    def influence(self, image: str | int, *, most: int = 8, layers: Literal["last", "all"] = "last") -> ImageInfluence:
        """Find the training images that helped the model the most with an image, and that harmed it; see `influence`.

        Args:
            image: name of an image under study, the end of its path that no other has, or its row.
            most: how many of each.
            layers: whose gradients: of the last layer, or of all weights, which takes passes over the training images.

        Raises:
            Unavailable: if the training images are not known.
            WorkbenchError: if there is no such image, or no dense layer gives the model's scores.
        """
        from workbench.session.influence import image_influence

        return image_influence(self, self._found(image, "data")[1], most, layers)

    def beside_part(self, part: Part) -> Iterator[Self]:
        """Yield the session of the other part, if there is one; training images are not read before they are due."""
        other = self.training if part == "data" else self
        if other is not None:
            yield other

    def _on(self, part: Part) -> Self:
        if (study := self.on(part)) is None:
            raise Unavailable(f"The {CALLED[part]} are not known here.")
        return study

    def _found(self, image: str | int, part: Part) -> tuple[Self, int]:
        from workbench.core.image_names import find_image

        study = self._on(part)
        if isinstance(image, str):
            return study, find_image(study.dataset.names, image, study.dataset.name)
        return study, int(study.dataset.rows([image])[0])

    @property
    def images(self) -> Images:
        """The images under study, to be chosen from: `session.images.where("label:Coat confidence>0.9")`."""
        from workbench.session.images import Images

        return Images(self.known)

    def images_of(self, what: Part | ImageSet | Finding) -> Images:
        """Return the images that a finding shows, or of a set of rows, or of a whole part.

        Args:
            what: "data", the images under study; "train", those that the model was trained on, or another part; or what
                refers to some.

        Raises:
            Unavailable: if the images of the part, or the model's predictions of them, are not known.
        """
        from workbench.session.images import Images

        shown = what.evidence if isinstance(what, Finding) else what
        title = what.claim if isinstance(what, Finding) else what.title if isinstance(what, ImageSet) else ""
        part, rows = (shown.part, shown) if isinstance(shown, ImageSet) else (shown, None)
        known = self.known
        if part != "data":
            other = self._on(part)
            known = other._known = other._known or self._know(other, part)
        return Images(known, rows, part=part, title=title)

    def nearest(
        self,
        image: str | int,
        *,
        part: Part = "data",
        among: Part = "data",
        by: Literal["embedding", "pixels"] = "embedding",
        most: int = 48,
    ) -> Images:
        """Return the images nearest to one, the nearest first, itself left out.

        Args:
            image: name of an image, the end of its path that no other has, or its row.
            part: where it is: "data", the images under study, or another part.
            among: where its neighbours are looked for.
            by: "embedding", what the model makes of an image before its last layer; or "pixels".
            most: how many.

        Raises:
            WorkbenchError: if there is no such image or sense.
            Unavailable: if the training images are not known, or they cannot be compared.
        """
        from workbench.session.images import Images
        from workbench.session.images.near import nearest_rows

        study, row = self._found(image, part)
        base = self.images_of(among)
        rows = nearest_rows(self, (study, part), row, (base.session, among), by=by, k=most)
        return Images(base.known, rows, part=among, title=f"nearest to {study.dataset.names[row]} by {by}")

    @property
    def known(self) -> Known:
        """What is known of every image, and can be asked for by a query."""
        if self._known is None:
            self._known = self._know(self, "data")
        return self._known

    def _know(self, of: Self, part: Part) -> Known:
        from workbench.session.images.known import Known

        return Known(of, {}, lambda *_: None, part)

    def _repr_html_(self) -> str:
        names, count = self.class_names, len(self.dataset)
        facts: dict[str, object] = {"data": repr(self.dataset), "classes": ", ".join(names[:SHOWN])}
        if len(names) > SHOWN:
            facts["classes"] = f"{facts['classes']} and {len(names) - SHOWN:,} more"
        if self.has_predictions:
            right = int(self.predictions.correct.sum())
            facts["accuracy"] = replace(rate(right, count), unit="%")
            facts["errors"] = f"{count - right:,}"
            facts |= {"assumed": self.assumed} if self.assumed else {}
        facts["ask it"] = 'session.analyze("most-confused"), session.images.where("correct:no"), wb.diagnose(session)'
        return facts_html(repr(self), facts)

    def classes_of(self, wanted: Class, rows: Array) -> Array:
        """Return the class of each of `rows`, `(n,)` int64: predicted, label, one for all, or as they are given."""
        if isinstance(wanted, str) and wanted == "predicted":
            return self.predictions.predicted[rows]
        if isinstance(wanted, str) and wanted == "label":
            return self.dataset.labels[rows]
        if isinstance(wanted, str | int | np.integer):
            return np.full(len(rows), self.class_index(wanted), np.int64)
        return np.asarray(wanted, np.int64)
