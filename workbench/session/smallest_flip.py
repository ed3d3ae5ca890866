"""The smallest square of an image whose change makes the model predict another class, among the squares that are tried.

What is done to a square is one of two things: it is blurred, so that what it shows is gone and its brightness stays, or
it is swapped with the same place of the nearest image of another class (`edited_image.nearest_other`; after Goyal et
al. 2019, arXiv:1904.07451, who swap cells of feature maps).

Squares grow in steps of a 28th of the longer side, up to half of the image's area; of each size places lie half a
square apart, or one step where that is more. The first size at which any place and either change flips the prediction
is the answer; of several places the one where the new class is the most probable. So no smaller square *that was
tried* flips it. One in between, or of another shape, may: the number is an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.notebook import facts_html
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.edits import Blur, Edit, Swap
from workbench.data.edits.operations import blurred
from workbench.session.edited_image import EditedImage, edit_image, nearest_other, probabilities_of

if TYPE_CHECKING:
    from workbench.session.study import Study

STEPS = 28
"""Steps of the longer side in which squares grow."""
LARGEST = 0.5
"""Share of the image's area that the largest square has."""
BATCH = 256
Box = tuple[int, int, int, int]
ANYWHERE: Box = (0, 0, 1, 1)
DONE = {"blur": "Blurred", "swap": "Swapped with the nearest image of another class"}


@dataclass(frozen=True, eq=False, kw_only=True)
class SmallestFlip:
    """What the search found.

    Attributes:
        image: the changed image; None where no square flips the prediction.
        side: of the square in pixels; where none flips it, of the largest one that was tried.
        tried: how many changed images the model was asked about.
        area: pixels of the image.
        name: of the image.
        predicted: name of the class that is predicted for the original.
        changes: what was done to squares, "blur" or "swap".
    """

    image: EditedImage | None
    side: int
    tried: int
    area: int
    name: str
    predicted: str
    changes: tuple[str, ...]

    @property
    def edit(self) -> Edit | None:
        """The change; None where none flips the prediction."""
        return None if self.image is None else self.image.edits[0]

    @property
    def words(self) -> str:
        """What was found, in a sentence or two."""
        square = self.side**2
        size = f"{self.side} × {self.side} pixels ({percent(square / self.area)} of the image)"
        if self.image is None:
            done = " or ".join(DONE[each].lower() for each in self.changes)
            tried = f"{plural(self.tried, 'change')} {verb(self.tried, 'were')} tried"
            return f"No square of up to {size} flips it, {done}: {tried}."
        left, top = self.image.edits[0].box[:2]  # type: ignore[attr-defined]
        done = DONE[self.image.edits[0].op]
        return (
            f"{done}, a square of {size} at column {left}, row {top} flips it: {self.image.words}. It is the smallest "
            f"that does, among the {plural(self.tried, 'change')} that {verb(self.tried, 'were')} tried."
        )

    def __repr__(self) -> str:
        return f"SmallestFlip({self.name!r}: {self.words})"

    def _repr_html_(self) -> str:
        return facts_html(repr(self), {}) + ("" if self.image is None else self.image._repr_html_())


def smallest_flip(study: Study, row: int) -> SmallestFlip:
    """Search the smallest square whose change flips the prediction of an image; see above.

    Args:
        study: the model and the data that the image is of.
        row: of the image.
    """
    data = study.dataset
    pixels = np.asarray(data.images[row])
    old = int(probabilities_of(study, pixels[None])[0].argmax())
    changes: list[tuple[Edit, Array]] = [(Blur(box=ANYWHERE), blurred(pixels))]
    try:
        other = nearest_other(study, row)
        changes.append((Swap(box=ANYWHERE, source=str(data.keys[other])), np.asarray(data.images[other])))
    except WorkbenchError:  # images of one class only
        pass
    tried, flips = 0, list[tuple[float, Edit]]()
    sizes = {side: list(boxes_of(pixels.shape[:2], side)) for side in sides(*pixels.shape[:2])}
    most = len(changes) * sum(map(len, sizes.values()))
    side = 0
    for side, boxes in sizes.items():  # noqa: B007  # the last one is told
        for change, changed in changes:
            for first in range(0, len(boxes), BATCH):
                report("Trying changes", tried + first, most)
                some = boxes[first : first + BATCH]
                after = probabilities_of(study, np.stack([_with(pixels, changed, box) for box in some]))
                new = after.argmax(axis=1)
                flips += [
                    (float(after[n, new[n]]), change.model_copy(update={"box": some[n]}))
                    for n in np.flatnonzero(new != old)
                ]
            tried += len(boxes)
        if flips:
            break
    return SmallestFlip(
        image=edit_image(study, row, [max(flips, key=lambda flip: flip[0])[1]]) if flips else None,
        side=side,
        tried=tried,
        area=pixels.shape[0] * pixels.shape[1],
        name=str(data.names[row]),
        predicted=study.class_names[old],
        changes=tuple(change.op for change, _ in changes),
    )


def sides(height: int, width: int) -> Iterator[int]:
    """Yield the sides of squares that are tried, the smallest first."""
    step = max(1, round(max(height, width) / STEPS))
    most = min(height, width, int((LARGEST * height * width) ** 0.5))
    yield from range(step, most + 1, step) if step <= most else [1]


def boxes_of(size: tuple[int, int], side: int) -> Iterator[Box]:
    """Yield the squares of one side that are tried, row by row; the last ones end where the image does."""
    step = max(1, round(max(size) / STEPS), side // 2)
    tops, lefts = (np.unique([*range(0, length - side + 1, step), length - side]).tolist() for length in size)
    yield from ((left, top, side, side) for top in tops for left in lefts)


def _with(pixels: Array, other: Array, box: Box) -> Array:
    left, top, wide, high = box
    made = pixels.copy()
    made[top : top + high, left : left + wide] = other[top : top + high, left : left + wide]
    return made
