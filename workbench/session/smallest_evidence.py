"""The smallest evidence of a prediction: the fewest regions that keep it, and the fewest whose removal flips it.

A region that is not shown is replaced with a reference. So what is found holds for that reference: another one may need
other regions, and a prime implicant, which holds whatever the hidden pixels are, may need more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.notebook import facts_html, pictures_html
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attribution.fewest_regions import Fewest
    from workbench.session.study import Study

SIDE, MOST_SIDE = 4, 8
"""Cells along each side of an image, where nothing else is asked for, and at most."""
Filling = Literal["black", "grey", "white", "mean", "blurred"]
Reference = Annotated[
    Filling,
    Field(description="what a hidden region is replaced with: a colour, the image's mean colour, or its blurred copy"),
]
Regions = Annotated[
    Literal["grid", "slic"], Field(description="grid: cells of one size; slic: superpixels, segments of similar colour")
]
Side = Annotated[int, Field(ge=2, le=MOST_SIDE, description="cells along each side; at most side x side superpixels")]
REFERENCES, REGIONS = get_args(Filling), get_args(get_args(Regions)[0])
GREY = 212
"""Grey value of what is hidden, in pictures."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SmallestEvidence:
    """What was found of one image, with its certificate: `kept` and `removed` say why no region can be spared.

    Attributes:
        name: of the image.
        class_names: K names.
        label: its class.
        predicted: the class that the model predicts for it, c.
        original: `(H, W, C)` uint8.
        labels: `(H, W)` int, the region of each pixel; -1 where it looks like the reference and cannot be hidden.
        count: regions that can be hidden, d.
        reference: what a hidden region is replaced with, in a word.
        kept: the fewest regions with which c is predicted still, all others hidden; scores are c's margin, the logit of
            c less the largest other one.
        removed: the fewest regions that are hidden when another class is predicted; scores are the margin with its
            sign turned.
        whole, only, after, nothing: `(K,)` float64 probabilities of the image, with the kept regions only, without the
            removed ones (None where there are none), and with all hidden.
        margin: of c in the image, logits.
        asked: copies of the image that the model was asked about.
    """

    name: str
    class_names: tuple[str, ...]
    label: int
    predicted: int
    original: Array
    labels: Array
    count: int
    reference: str
    kept: Fewest
    removed: Fewest
    whole: Array
    only: Array
    after: Array | None
    nothing: Array
    margin: float
    asked: int

    @property
    def kept_pixels(self) -> Array:
        """`(H, W)` bool, the map of what suffices."""
        return np.isin(self.labels, self.kept.regions or ())

    @property
    def removed_pixels(self) -> Array:
        """`(H, W)` bool, the map of what flips the prediction when it is hidden."""
        return np.isin(self.labels, self.removed.regions or ())

    @property
    def pictures(self) -> Array:
        """`(2, H, W, C)` uint8: the image with what suffices, and without what flips it; what is hidden is grey."""
        hidden = (self.labels >= 0) & ~self.kept_pixels, self.removed_pixels
        return np.stack([np.where(each[..., None], np.uint8(GREY), self.original) for each in hidden])

    @property
    def table(self) -> pd.DataFrame:
        """The certificate: c's margin with each set, and with one of its regions less."""
        import pandas as pd

        sides = (("kept", self.kept, 1.0), ("removed", self.removed, -1.0))
        lines = [
            {"set": name, "left_out": left_out, "pixels": pixels, "margin": sign * score}
            for name, found, sign in sides
            for left_out, pixels, score in self._lines(found)
        ]
        return pd.DataFrame(lines, columns=["set", "left_out", "pixels", "margin"])

    def _lines(self, found: Fewest) -> list[tuple[str, int, float]]:
        if found.regions is None:
            return []
        each = [
            (f"region {region}", int((self.labels == region).sum()), score)
            for region, score in zip(found.regions, found.without, strict=True)
        ]
        return [("none", int(np.isin(self.labels, found.regions).sum()), found.score), *each]

    @property
    def kept_words(self) -> str:
        """What suffices, in a sentence."""
        of = f"{self._which(self.kept, 'keep')} {self._names(self.predicted, self.only)}"
        return f"{of}, with the others hidden: {_proof(self.kept)}."

    @property
    def removed_words(self) -> str:
        """What flips the prediction, in a sentence."""
        found = self.removed
        if self.after is None:
            tried = "all sets were tried" if found.proved else f"all sets of less than {found.at_least} were tried"
            return f"No set was found that flips it when it is hidden: {tried}."
        to = self._names(int(self.after.argmax()), self.after)
        return f"{self._which(found, 'flip')} it to {to}, when hidden: {_proof(found)}."

    @property
    def words(self) -> str:
        """What was found, in sentences."""
        return f"{self.kept_words} {self.removed_words} Hidden regions are replaced: {self.reference}."

    def _which(self, found: Fewest, does: str) -> str:
        size = len(found.regions or ())
        return f"{size} of {plural(self.count, 'region')} {verb(size, does)}"

    def _names(self, of: int, probabilities: Array) -> str:
        return f"{self.class_names[of]}, {percent(float(probabilities[of]))}"

    def __repr__(self) -> str:
        return f"SmallestEvidence({self.name!r}: {self.words})"

    def _repr_html_(self) -> str:
        shown = [self.original, *self.pictures]
        said = [self._names(self.predicted, self.whole), self.kept_words, self.removed_words]
        titles = [self.name, "what suffices", "without what flips it"]
        return facts_html(repr(self), {"label": self.class_names[self.label]}) + pictures_html(shown, titles, said)


def smallest_evidence(
    study: Study, row: int, *, reference: str = "black", regions: str = "grid", side: int = SIDE
) -> SmallestEvidence:
    """Find the fewest regions of an image that keep its prediction, and the fewest whose removal flips it.

    Of 14 regions or fewer both are proved: all smaller sets were tried. Of more they are where as many sets suffice for
    that (`fewest_regions.MOST`); else no region can be spared, and how many are needed at least is told.

    Args:
        study: the model and the data that the image is of.
        row: of the image.
        reference: what a hidden region is replaced with: "black", "grey", "white", "mean" or "blurred".
        regions: "grid", or "slic" for segments of like colour.
        side: cells along each side, 2 to 8; at most side x side segments.

    Raises:
        WorkbenchError: if a name or a number is none of these.
    """
    for what, given, known in (("reference", reference, REFERENCES), ("kind of regions", regions, REGIONS)):
        if given not in known:
            raise unknown(what, given, known)
    if not 2 <= side <= MOST_SIDE:
        raise WorkbenchError(f"`side` must be from 2 to {MOST_SIDE}. Got {side}.")
    from workbench.attribution.fewest_regions import fewest
    from workbench.attribution.hidden_copies import HiddenCopies

    data = study.dataset
    pixels = np.asarray(data.images[row])
    copies = HiddenCopies(study.probe, as_floats(pixels), regions=regions, side=side, reference=reference)
    kept, removed = fewest(copies.kept, copies.count), fewest(copies.flipped, copies.count)
    every = np.ones(copies.count, bool)
    ends = np.stack([every, _members(kept, copies.count), ~_members(removed, copies.count), ~every])
    whole, only, after, nothing = copies.probabilities(ends)
    return SmallestEvidence(
        name=str(data.names[row]),
        class_names=study.class_names,
        label=int(data.labels[row]),
        predicted=copies.predicted,
        original=pixels,
        labels=copies.labels,
        count=copies.count,
        reference=reference,
        kept=kept,
        removed=removed,
        whole=whole,
        only=only,
        after=None if removed.regions is None else after,
        nothing=nothing,
        margin=float(copies.kept(every[None])[0]),
        asked=copies.asked,
    )


def _proof(found: Fewest) -> str:
    return "no smaller set does" if found.proved else f"none can be spared, and at least {found.at_least} are needed"


def _members(found: Fewest, count: int) -> Array:
    return np.isin(np.arange(count), found.regions or ())
