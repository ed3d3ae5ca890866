"""By example: what another class looks like here, which cells decide between both, and what would still be the same.

The counterfactual example of an image is the nearest image of another class, by pixels, and the few cells of its
feature maps that, in place of cells of the image, make the network predict that class (`feature_swaps`, greedily).
The semifactual example is an image between both by embedding that is predicted as the image is, the nearest to the
other class: even if it looked like this, the prediction would be the same. Source of the latter: Cummins & Bridge 2006,
KLEOR, Computing and Informatics 25, "Global-Sim".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.notebook import facts_html, pictures_html
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.session.edited_image import nearest_other
from workbench.session.neighbours import unit

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attribution.feature_swaps import FeatureSwaps, From, Swap
    from workbench.session.study import Study

FADED = 0.7
"""How far pixels outside of the cells are whitened in pictures."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Counterfactual:
    """An image, one of another class, and what lies between them.

    Attributes:
        name: of the image.
        other_name: of the other image.
        class_names: K names.
        row: of the image.
        other_row: of the other image.
        label: class of the image.
        predicted: class that the model predicts for it.
        target: class of the other image, which is predicted for that.
        original: `(H, W, C)` uint8.
        other: `(H, W, C)` uint8, the other image.
        layer: whose feature maps are exchanged.
        grid: rows and columns of cells.
        edges: where rows and columns begin and end, as shares of the image.
        swaps: what was exchanged, in its order.
        before: `(K,)` float64 probabilities of the image.
        after: `(K,)` float64 after all swaps.
        semifactual: row of the semifactual example; None where no image lies between.
        semifactual_name: its name; empty for none.
        semifactual_pixels: `(H, W, C)` uint8; None for none.
    """

    name: str
    other_name: str
    class_names: tuple[str, ...]
    row: int
    other_row: int
    label: int
    predicted: int
    target: int
    original: Array
    other: Array
    layer: str
    grid: tuple[int, int]
    edges: tuple[Array, Array]
    swaps: tuple[Swap, ...]
    before: Array
    after: Array
    semifactual: int | None
    semifactual_name: str
    semifactual_pixels: Array | None

    @property
    def flipped(self) -> bool:
        """Whether the other class is predicted after the swaps."""
        return int(self.after.argmax()) == self.target

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self.grid[0] * self.grid[1]

    @property
    def pictures(self) -> Array:
        """`(2, H, W, C)` uint8: the image and the other one, whitened but for the cells that were exchanged."""
        return np.stack(
            [
                only_cells(image, self.edges, [getattr(each, which) for each in self.swaps])
                for image, which in ((self.original, "cell"), (self.other, "other"))
            ]
        )

    @property
    def table(self) -> pd.DataFrame:
        """A line for each swap: cells as line and column, from 1, and the probability of the other class after it."""
        import pandas as pd

        lines = [
            {
                "swap": number,
                "cell": self.place(each.cell),
                "taken_from": self.place(each.other),
                "probability": float(np.exp(each.log_probability)),
                "predicted": self.class_names[each.predicted],
            }
            for number, each in enumerate(self.swaps, 1)
        ]
        return pd.DataFrame(lines, columns=["swap", "cell", "taken_from", "probability", "predicted"])

    def place(self, cell: int) -> str:
        """Write where a cell is: "line 2, column 3"."""
        row, column = divmod(cell, self.grid[1])
        return f"line {row + 1}, column {column + 1}"

    @property
    def words(self) -> str:
        """What was found, in sentences."""
        target = self.class_names[self.target]
        share = f"{percent(float(self.before[self.target]))} → {percent(float(self.after[self.target]))}"
        count = len(self.swaps)
        done = f"{plural(count, 'cell')} of {self.cells} of {self.other_name} in {self.layer}"
        if not self.flipped:
            said = f"Even {done} {verb(count, 'do')} not make it {target} ({share})."
        else:
            said = f"{done} {verb(count, 'make')} it {target} ({share})."
        if self.semifactual is None:
            return f"{said} No image lies between both that is predicted as it is."
        return f"{said} Even if it looked like {self.semifactual_name}, it would be {self.class_names[self.predicted]}."

    def __repr__(self) -> str:
        return f"Counterfactual({self.name!r}: {self.words})"

    def _repr_html_(self) -> str:
        shown = [self.original, *self.pictures, self.other]
        names = [self.name, self.name, self.other_name, self.other_name]
        before, after = self.class_names[self.predicted], self.class_names[self.target]
        said = [before, "what is exchanged", "for this", after]
        if self.semifactual_pixels is not None:
            shown, names = [*shown, self.semifactual_pixels], [*names, self.semifactual_name]
            said.append(f"even if it looked like this: {before}")
        return facts_html(repr(self), {"label": self.class_names[self.label]}) + pictures_html(shown, names, said)


def counterfactual(
    study: Study,
    row: int,
    *,
    to: int | None = None,
    layer: str | None = None,
    side: int | None = None,
    taken_from: From = "anywhere",
) -> Counterfactual:
    """Find the counterfactual and the semifactual example of an image.

    Args:
        study: the model and the images, among which both are looked for.
        row: of the image.
        to: the other class; its label for an error, else the most probable other one of which an image is recognised.
        layer: whose feature maps are exchanged; the last with at least 4 × 4 places, if there is one.
        side: cells along the longer side of the maps, at most.
        taken_from: where cells are taken from in the other image, "anywhere" or "same-place".

    Raises:
        WorkbenchError: if there is no such place, the class is the predicted one, no image of it is recognised, or
            the model has no feature maps.
    """
    from workbench.attribution.feature_swaps import PLACES

    if taken_from not in PLACES:
        raise unknown("place", taken_from, PLACES)
    target = other_class(study, row) if to is None else to
    other = partner(study, row, target)
    data, predictions = study.dataset, study.predictions
    swaps = swaps_of(study, row, other, layer, side)
    done = swaps.greedy(target, taken_from=taken_from)
    ends = swaps.log_probabilities([[], [(each.cell, each.other) for each in done]])
    between = semifactual(study, row, other)
    return Counterfactual(
        name=str(data.names[row]),
        other_name=str(data.names[other]),
        class_names=study.class_names,
        row=row,
        other_row=other,
        label=int(data.labels[row]),
        predicted=int(predictions.predicted[row]),
        target=target,
        original=np.asarray(data.images[row]),
        other=np.asarray(data.images[other]),
        layer=swaps.layer,
        grid=swaps.grid,
        edges=swaps.edges,
        swaps=done,
        before=np.exp(ends[0]),
        after=np.exp(ends[1]),
        semifactual=between,
        semifactual_name="" if between is None else str(data.names[between]),
        semifactual_pixels=None if between is None else np.asarray(data.images[between]),
    )


def swaps_of(study: Study, row: int, other: int, layer: str | None = None, side: int | None = None) -> FeatureSwaps:
    """Lay the feature maps of two images beside each other.

    Raises:
        WorkbenchError: if there is no such layer, or none with places.
    """
    from workbench.attribution.feature_swaps import SIDE, FeatureSwaps, swap_layer

    image, from_other = as_floats(np.asarray(study.dataset.images[np.array([row, other])]))
    return FeatureSwaps(study.probe, image, from_other, swap_layer(study.probe, layer), side=side or SIDE)


def other_class(study: Study, row: int) -> int:
    """Return the class that an image is set against: its label, if it is an error, else the next most probable one.

    Raises:
        WorkbenchError: if no image of another class is recognised.
    """
    predictions = study.predictions
    known = np.unique(predictions.predicted[predictions.correct])
    label, predicted = int(predictions.labels[row]), int(predictions.predicted[row])
    if label != predicted and label in known:
        return label
    order = np.argsort(-predictions.probabilities[row], kind="stable").tolist()
    if found := [int(c) for c in order if c != predicted and c in known]:
        return found[0]
    raise WorkbenchError("No image of another class is recognised here, so there is none to set against this one.")


def partner(study: Study, row: int, target: int) -> int:
    """Return the nearest image of a class, by pixels, among those that the model recognises.

    Raises:
        WorkbenchError: if the class is predicted for the image itself, or no image of it is recognised.
    """
    name, predictions = study.class_names[target], study.predictions
    if target == predictions.predicted[row]:
        raise WorkbenchError(f"{study.dataset.names[row]} is predicted as {name} already: name another class.")
    if not (predictions.correct & (predictions.labels == target)).any():
        raise WorkbenchError(f"No image of the class {name} is recognised here: name another class.")
    found = nearest_other(study, row, of=target)
    if predictions.predicted[found] != target:  # none is among those that are compared
        raise WorkbenchError(f"Too few images of the class {name} are recognised here: name another class.")
    return found


def semifactual(study: Study, row: int, other: int) -> int | None:
    """Return the image nearest to another one, by embedding, that lies between both and is predicted as the first is.

    Between is what is nearer to each of both than they are to each other.

    Args:
        study: whose images they are.
        row: of the first image.
        other: of the other one, which is predicted as another class.

    Returns:
        Its row; None where there is none.
    """
    vectors = unit(study.embeddings)
    apart = float(np.linalg.norm(vectors[row] - vectors[other]))
    from_one, from_other = (np.linalg.norm(vectors - vectors[each], axis=1) for each in (row, other))
    fits = study.predictions.predicted == study.predictions.predicted[row]
    fits &= (from_one < apart) & (from_other < apart)
    fits[[row, other]] = False
    places = np.flatnonzero(fits)
    return int(places[from_other[places].argmin()]) if len(places) else None


def only_cells(image: Array, edges: tuple[Array, Array], cells: list[int]) -> Array:
    """Whiten an image but for some cells: `(H, W, C)` uint8.

    Args:
        image: `(H, W, C)` uint8.
        edges: where rows and columns of cells begin and end, as shares of the image.
        cells: their numbers, row by row.
    """
    below, right = ((size * each).round().astype(np.int64) for size, each in zip(image.shape[:2], edges, strict=True))
    made = (255 - (255 - image.astype(np.float64)) * (1 - FADED)).round().astype(np.uint8)
    for cell in cells:
        at, beside = divmod(cell, len(right) - 1)
        box = slice(below[at], below[at + 1]), slice(right[beside], right[beside + 1])
        made[box] = image[box]
    return made
