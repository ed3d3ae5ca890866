"""The images of one `explain`: those of the split and those from files, and what the model says about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.core.types import Array

if TYPE_CHECKING:
    from workbench.app.map_pictures import Explained
    from workbench.core.attribution import Attribution
    from workbench.session.session import Session

OF_IMAGE = ("predicted", "label")
"""Targets that are another class for each image."""


class Chosen:
    """Images with their names, labels, predictions, and the class that is explained for each.

    Args:
        session: model and data.
        given: rows of the split, as text, and paths of image files.
        target: "predicted", "label" or a class; or two of them, which are contrasted.
        score: "logit" or "probability".
        invert: whether image files are turned from dark on light to light on dark.

    Raises:
        WorkbenchError: if an image, a class or a file is not there, or a file has to have a label.
    """

    def __init__(
        self, session: Session, given: Sequence[str], target: tuple[str, ...], *, score: str, invert: bool
    ) -> None:
        self.session, self.words, self._score = session, list[str](), score
        rows = {place: int(each) for place, each in enumerate(given) if each.lstrip("-").isdecimal()}
        for row in rows.values():
            if not 0 <= row < len(session.dataset):
                raise WorkbenchError(
                    f"IMAGE must be 0 to {len(session.dataset) - 1:,} in {session.dataset.name}. Got {row}."
                )
        if "label" in target and len(rows) < len(given):
            raise WorkbenchError("An image file has no label. Give `--target predicted`, or a class by its name.")
        if len(target) > 1 and score != "logit":
            raise WorkbenchError("A contrast is a difference of two logits: leave `--score` out.")
        self.images = np.stack([self._picture(each, rows.get(place), invert) for place, each in enumerate(given)])
        self.names = [f"image {rows[place]}" if place in rows else Path(each).name for place, each in enumerate(given)]
        self.stems = [f"{session.split}-{rows[p]}" if p in rows else Path(each).stem for p, each in enumerate(given)]
        self.true = [int(session.dataset.labels[rows[p]]) if p in rows else None for p in range(len(given))]
        logits = session.probe.logits(self.images.astype(np.float32) / 255)
        self.said = Predictions(logits, np.array([each or 0 for each in self.true]))
        self.classes = [self._class(each) for each in target]
        if len(target) > 1:
            same = [name for name, one, other in zip(self.names, *self.classes, strict=True) if one == other]
            self.words += [f"{name}: both classes are the same, so there is nothing to contrast." for name in same]
        self.suffix = "" if target == ("predicted",) else f"as-{'-not-'.join(target)}"

    def _picture(self, given: str, row: int | None, invert: bool) -> Array:
        from workbench.data.image_file import read_image

        if row is not None:
            return np.asarray(self.session.dataset.images[row])
        picture, words = read_image(given, self.session.dataset.image_shape, invert=invert)
        self.words += [f"{Path(given).name}: {', '.join(words)}."] if words else []
        return picture

    def _class(self, wanted: str) -> Array:
        if wanted in OF_IMAGE:
            return self.said.labels if wanted == "label" else self.said.predicted
        return np.full(len(self.images), self.session.class_index(wanted))

    def __getitem__(self, place: int) -> Explained:
        from workbench.app.map_pictures import Explained

        names, true, predicted = self.session.class_names, self.true[place], int(self.said.predicted[place])
        return Explained(
            image=self.images[place],
            name=self.names[place],
            true=None if true is None else names[true],
            predicted=names[predicted],
            confidence=float(self.said.confidence[place]),
            target=" rather than ".join(names[int(each[place])] for each in self.classes),
        )

    def attribute(self, method: str, values: dict[str, Any], *, verdict: bool) -> Attribution:
        """Explain all of them."""
        score: dict[str, Any] = {"score": self._score, "verdict": verdict}
        if len(self.classes) > 1:
            score["against"] = self.classes[1]
        return self.session.attribute_images(method, self.images, self.classes[0], **score, **values)

    def differences(self, maps: Attribution) -> list[float]:
        """Largest difference of each map to its float64 re-computation, as a share of the map's largest magnitude."""
        from workbench.attribution.methods import explainer
        from workbench.core.params import make
        from workbench.models.double_precision import double_probe, relative_difference

        method = make(explainer(maps.method), maps.params)
        checked = method.attribute(
            double_probe(self.session.probe),
            self.images,
            maps.target,
            against=maps.against,
            score=maps.score,
            background=self.session.background if method.needs_background else None,
        )
        return [relative_difference(*pair) for pair in zip(maps.values, checked.values, strict=True)]
