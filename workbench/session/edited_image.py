"""An image that somebody changed, and what the model says of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.kept import Kept
from workbench.core.notebook import facts_html, pictures_html
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.edits import Edit, Swap, edited, pixels_changed, words_of
from workbench.data.lazy_images import Some
from workbench.data.sampling import evenly
from workbench.data.thumbnails import comparable, pixel_rows
from workbench.statistics.nearest import nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.study import Study

COMPARED = 10_000
"""Images among which the nearest one of another class is looked for, at most; of more, evenly drawn ones."""
OFF_THE_DATA = (
    "A changed image is no image of the data: what the model says of it shows what the model reacts to, and no more."
)
_vectors: Kept[str, Array] = Kept(4)


@dataclass(frozen=True, eq=False, kw_only=True)
class EditedImage:
    """An image of a data set before and after some edits.

    Attributes:
        name: of the image.
        class_names: K names.
        label: its class.
        edits: what was done; a swap names the image that it took its region from.
        original: `(H, W, C)` uint8.
        pixels: `(H, W, C)` uint8, changed.
        before: `(K,)` float64 probabilities of the original.
        after: `(K,)` float64 probabilities of the changed image.
    """

    name: str
    class_names: tuple[str, ...]
    label: int
    edits: tuple[Edit, ...]
    original: Array
    pixels: Array
    before: Array
    after: Array

    @property
    def predicted_before(self) -> int:
        """Class of the original that is the most probable."""
        return int(self.before.argmax())

    @property
    def predicted(self) -> int:
        """Class of the changed image that is the most probable."""
        return int(self.after.argmax())

    @property
    def flipped(self) -> bool:
        """Whether another class is predicted than before."""
        return self.predicted != self.predicted_before

    @property
    def pixels_changed(self) -> int:
        """How many pixels differ from the original."""
        return pixels_changed(self.original, self.pixels)

    @property
    def table(self) -> pd.DataFrame:
        """The probability of each class before and after, the most probable before first."""
        import pandas as pd

        order = np.argsort(-self.before, kind="stable")
        return pd.DataFrame(
            {
                "class": [self.class_names[k] for k in order],
                "before": self.before[order],
                "after": self.after[order],
                "change": (self.after - self.before)[order],
            }
        )

    @property
    def words(self) -> str:
        """What became of the prediction, in a few words."""
        return " → ".join(self._said)

    @property
    def _said(self) -> list[str]:
        """What was predicted before, and what is after."""
        both = (self.predicted_before, self.before), (self.predicted, self.after)
        return [f"{self.class_names[k]} {percent(float(values[k]))}" for k, values in both]

    def __repr__(self) -> str:
        of = self.original.shape[0] * self.original.shape[1]
        return f"EditedImage({self.name!r}, {self.pixels_changed:,} of {plural(of, 'pixel')} changed: {self.words})"

    def _repr_html_(self) -> str:
        pictures = pictures_html([self.original, self.pixels], [self.name, words_of(self.edits)], self._said)
        return facts_html(repr(self), {"label": self.class_names[self.label], "note": OFF_THE_DATA}) + pictures


def edit_image(study: Study, row: int, edits: Sequence[Edit], others: Iterable[Study] = ()) -> EditedImage:
    """Change an image and ask the model.

    Args:
        study: the model and the data that the image is of.
        row: of the image.
        edits: what is done; swaps without a source take the nearest image of another class.
        others: more studies whose images a region may be taken from.

    Raises:
        WorkbenchError: if an edit does not fit the image, or a region's image is not there.
    """
    edits = with_sources(edits, study, row)
    donors = donors_of(edits, chain([study], others))
    original = np.array(study.dataset.images[row])
    pixels = edited(original, edits, donors)
    asked = [pixels] if study.has_predictions else [pixels, original]
    probabilities = probabilities_of(study, np.stack(asked))
    return EditedImage(
        name=str(study.dataset.names[row]),
        class_names=study.class_names,
        label=int(study.dataset.labels[row]),
        edits=edits,
        original=original,
        pixels=pixels,
        before=study.predictions.probabilities[row] if study.has_predictions else probabilities[1],
        after=probabilities[0],
    )


def probabilities_of(study: Study, images: Array) -> Array:
    """Ask the model about `(n, H, W, C)` uint8 images: `(n, K)` float64."""
    from scipy.special import softmax

    return np.asarray(softmax(study.probe.logits(as_floats(images)).astype(np.float64), axis=1))


def with_sources(edits: Iterable[Edit], study: Study, row: int) -> tuple[Edit, ...]:
    """Name the image that each swap takes its region from, where none is named."""
    found = ""
    made = list[Edit]()
    for each in edits:
        if isinstance(each, Swap) and not each.source:
            found = found or str(study.dataset.keys[nearest_other(study, row)])
            each = each.model_copy(update={"source": found})  # noqa: PLW2901
        made.append(each)
    return tuple(made)


def donors_of(edits: Iterable[Edit], studies: Iterable[Study]) -> dict[str, Array]:
    """Find the images that swaps take regions from, by their keys; those that no study has are left out."""
    wanted = {each.source for each in edits if isinstance(each, Swap)}
    found: dict[str, Array] = {}
    for study in studies if wanted else ():
        for key in wanted - found.keys():
            rows = np.flatnonzero(study.dataset.keys == key)
            if len(rows):
                found[key] = np.asarray(study.dataset.images[int(rows[0])])
        if wanted <= found.keys():
            break
    return found


def nearest_other(study: Study, row: int, of: int | None = None) -> int:
    """Return the row of the image of another class that is nearest to one, by pixels: there a region fits the best.

    Of all images that are recognised, and whose label is not the class that the image is taken for. At most `COMPARED`
    are compared.

    Args:
        study: whose images they are.
        row: of the image.
        of: the class to take one of; any other, if not given.

    Raises:
        WorkbenchError: if there is no such image.
    """
    data = study.dataset
    rows = evenly(len(data), COMPARED)
    if (vectors := _vectors.get(data.fingerprint)) is None:
        vectors = _vectors.put(
            data.fingerprint, pixel_rows(data.images if len(rows) == len(data) else Some(data, rows), comparable)
        )
    if of is None:
        taken = (
            study.predictions.predicted[row]
            if study.has_predictions
            else probabilities_of(study, np.asarray(data.images[row])[None]).argmax()
        )
        fits = data.labels[rows] != taken
    else:
        fits = data.labels[rows] == of
    fits &= rows != row
    if study.has_predictions and (recognised := fits & study.predictions.correct[rows]).any():
        fits = recognised
    if not fits.any():
        raise WorkbenchError("There is no image of another class here to take a region from.")
    own = pixel_rows(Some(data, np.array([row])), comparable)
    return int(rows[fits][nearest(own, vectors[fits], 1)[1][0, 0]])
