"""The images of one `explain`: those of the split and those from files, and what the model says about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.map_pictures import ExplainedImage, file_name
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import exact_image, find_image
from workbench.core.pixels import as_floats
from workbench.core.predictions import Predictions
from workbench.core.types import Array, Score
from workbench.data.edits import Edit, as_records, edited
from workbench.data.image_file import read_image
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation
from workbench.session.edited_image import OFF_THE_DATA, donors_of, edit_image

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.core.attribution import Attribution
    from workbench.session.session import Session

OF_IMAGE = ("predicted", "label")
"""Targets that are another class for each image."""


class ExplainedImages:
    """Images with their names, labels, predictions, and the class that is explained for each.

    Args:
        session: model and data.
        given: what is explained: names of images of the split (whole ones, or the ends of paths that no other has),
            their rows, and paths of image files. A file that is there comes before the end of a name.
        target: "predicted", "label" or a class; or two of them, which are contrasted.
        score: "logit" or "probability".
        invert: whether image files are inverted.
        fitting: fit and interpolation of image files, as `read_image` takes them.
        edits: what is changed in each image first.

    Raises:
        WorkbenchError: if an image, a class or a file is not there, or a file has to have a label.
    """

    def __init__(
        self,
        session: Session,
        given: Sequence[str],
        target: tuple[str, ...],
        *,
        score: Score,
        invert: bool,
        fitting: tuple[Fit, Interpolation] = (STRETCH, BILINEAR),
        edits: Sequence[Edit] = (),
    ) -> None:
        self._fitting, self._edits = fitting, tuple(edits)
        self.session, self.notes, self._score = session, list[str](), score
        found = [_row(session.dataset, each) for each in given]
        rows = {place: row for place, row in enumerate(found) if row is not None}
        if "label" in target and len(rows) < len(given):
            raise WorkbenchError("An image file has no label. Give `--target predicted`, or a class by its name.")
        if len(target) > 1 and score != "logit":
            raise WorkbenchError("A contrast is a difference of two logits: leave out `--score`.")
        self.images = np.stack([self._pixels(each, rows.get(place), invert) for place, each in enumerate(given)])
        names = session.image_names
        self.names = [names.one(rows[p]) if p in rows else Path(each).name for p, each in enumerate(given)]
        self.stems = [_stem(self.names[p]) if p in rows else Path(each).stem for p, each in enumerate(given)]
        self.true = [int(session.dataset.labels[rows[p]]) if p in rows else None for p in range(len(given))]
        self.predictions = Predictions(self._logits(rows), np.array([each or 0 for each in self.true]))
        self.classes = [self._class(each) for each in target]
        if len(target) > 1:
            same = [name for name, one, other in zip(self.names, *self.classes, strict=True) if one == other]
            self.notes += [f"{name}: both classes are the same, so there is nothing to contrast." for name in same]
        named = [] if target == ("predicted",) else [f"as-{'-not-'.join(target)}"]
        self.suffix = "-".join([*(["changed"] if self._edits else []), *named])

    @property
    def context(self) -> dict[str, Any]:
        """What the record of a picture says about model and data, and what was changed in the image."""
        changed = {"edits": as_records(self._edits)} if self._edits else {}
        return {**self.session.context, **changed}

    def _pixels(self, given: str, row: int | None, invert: bool) -> Array:
        if row is not None and self._edits:
            made = edit_image(self.session, row, self._edits, self.session.beside_part("data"))
            self.notes.append(f"{made.name}: {made.words}. {OFF_THE_DATA}")
            return made.pixels
        if row is not None:
            return np.asarray(self.session.dataset.images[row])
        fit, interpolation = self._fitting
        shape = self.session.dataset.image_shape
        pixels, changes = read_image(given, shape, invert=invert, fit=fit, interpolation=interpolation)
        self.notes += [f"{Path(given).name}: {', '.join(changes)}."] if changes else []
        if not self._edits:
            return pixels
        studies = chain([self.session], self.session.beside_part("data"))
        return edited(np.asarray(pixels, np.uint8), self._edits, donors_of(self._edits, studies))

    def _logits(self, rows: Mapping[int, int]) -> Array:
        """`(n, K)` float32: of images of the dataset what is known already, of all others what the model answers."""
        known = rows if self.session.has_predictions and not self._edits else {}
        asked = [place for place in range(len(self.images)) if place not in known]
        logits = np.empty((len(self.images), len(self.session.class_names)), np.float32)
        if known:
            logits[list(known)] = self.session.predictions.logits[list(known.values())]
        if asked:
            logits[asked] = self.session.probe.logits(as_floats(self.images[asked]))
        return logits

    def _class(self, wanted: str) -> Array:
        if wanted in OF_IMAGE:
            return self.predictions.labels if wanted == "label" else self.predictions.predicted
        return np.full(len(self.images), self.session.class_index(wanted))

    def __getitem__(self, place: int) -> ExplainedImage:
        names, true, predicted = self.session.class_names, self.true[place], int(self.predictions.predicted[place])
        return ExplainedImage(
            image=self.images[place],
            name=self.names[place],
            true=None if true is None else names[true],
            predicted=names[predicted],
            confidence=float(self.predictions.confidence[place]),
            target=" rather than ".join(names[int(each[place])] for each in self.classes),
        )

    def attribute(self, method: Explainer) -> Attribution:
        """Explain all of them."""
        against = self.classes[1] if len(self.classes) > 1 else None
        return self.session.explain(method, self.images, self.classes[0], against=against, score=self._score)

    def judged_at_once(self, method: Explainer) -> bool:
        """Whether it is known already what random weights make of the method's maps; else `judged` takes longer."""
        from workbench.session.judging import known_randomisation

        return self.session.inference_only or known_randomisation(self.session, method) is not None

    def judged(self, method: Explainer, maps: Attribution) -> Attribution:
        """Return their maps with a verdict on each."""
        from workbench.session.judging import add_verdicts

        return add_verdicts(self.session, method, maps, self.images)

    def differences(self, method: Explainer, maps: Attribution) -> list[float]:
        """Largest difference of each map to its float64 re-computation, as a share of the map's largest magnitude."""
        from workbench.models.double_precision import double_probe, relative_difference

        exact = method.attribute(
            double_probe(self.session.probe),
            self.images,
            maps.target,
            against=maps.against,
            score=maps.score,
            background=self.session.background if method.needs_background else None,
        )
        return [relative_difference(*pair) for pair in zip(maps.values, exact.values, strict=True)]


def _row(dataset: Dataset, given: str) -> int | None:
    """Return the row of an image of the dataset that somebody means; None for the path of an image file."""
    if (row := exact_image(dataset.names, given)) is not None:
        return row
    if given.lstrip("-").isdecimal():
        if not 0 <= int(given) < len(dataset):
            raise WorkbenchError(
                f"IMAGE must be a name, or 0 to {len(dataset) - 1:,} in {dataset.name}. Got {int(given)}."
            )
        return int(given)
    return (
        None
        if Path(given).exists()
        else find_image(dataset.names, given, dataset.name, kind="image, and no image file,")
    )


def _stem(name: str) -> str:
    """Return what the files of an image's maps begin with: its name without ending, all its folders in it."""
    plain = name.removesuffix(PurePosixPath(name).suffix).replace("/", "-")
    whole = file_name(plain) == plain  # else other names may lose the same letters
    return plain if whole else f"{plain[-50:]}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"
