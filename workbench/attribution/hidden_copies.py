"""What a model says of one image with some of its regions hidden."""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy.special import softmax

from workbench.attribution.references import reference_images
from workbench.attribution.regions import regions_of
from workbench.attribution.surrogate import UNSEEN
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.probe import Probe
from workbench.models.scorer import Tensor

LOST = float(np.finfo(np.float64).tiny)
"""How far below 0 the margin of a class is put that another one has the same logit as, and is named in its place."""


class HiddenCopies:
    """One image, of which any regions can be hidden; the model is asked about each set of them once.

    A region that looks like the reference cannot be hidden: it is none of the d.

    Attributes:
        labels: `(H, W)` int, number of each pixel's region, 0 … d - 1; -1 where it cannot be hidden.
        count: regions that can be hidden, d.
        away: `(H, W, C)` float32 in [0, 1], what a hidden region is replaced with.
        predicted: class with the highest logit where all regions are shown, c.

    Args:
        probe: the model.
        image: `(H, W, C)` float32 in [0, 1].
        regions: kind of regions, see `regions.Kind`.
        side: regions along each side, see `regions.Side`.
        reference: what a hidden region is replaced with, see `references.Reference`.
    """

    def __init__(self, probe: Probe, image: Array, *, regions: str, side: int, reference: str) -> None:
        def numbers(images: Tensor) -> Tensor:
            found = regions_of(regions, images, side).labels
            return ops.broadcast_to(found, (ops.shape(images)[0], *found.shape[-2:]))

        self._probe, self._image = probe, image
        self.away = probe.run(
            ("reference", reference), lambda images: reference_images(reference, images), image[None]
        )[0]
        labels = probe.run(("region numbers", regions, side), numbers, image[None])[0]
        seen = np.abs(image - self.away).max(axis=-1) > UNSEEN
        present = np.unique(labels[seen])
        self.count = len(present)
        self.labels = np.where(np.isin(labels, present), np.searchsorted(present, labels), -1)
        self._known: dict[bytes, int] = {}
        self._logits = np.empty((0, probe.classes))
        self.predicted = int(self.logits(np.ones((1, self.count), bool))[0].argmax())

    @property
    def asked(self) -> int:
        """Copies of the image that the model was asked about."""
        return len(self._logits)

    def shown(self, shown: Array) -> Array:
        """Show some regions, `(S, d)` bool, and hide the others: `(S, H, W, C)` float32."""
        every = np.concatenate([shown, np.ones((len(shown), 1), bool)], axis=1)  # what cannot be hidden is shown
        return np.where(every[:, self.labels][..., None], self._image, self.away)

    def logits(self, shown: Array) -> Array:
        """Score copies that show some regions, `(S, d)` bool: `(S, K)` float64."""
        keys = [each.tobytes() for each in np.packbits(shown, axis=1)]
        fresh = {key: place for place, key in enumerate(keys) if key not in self._known}
        places, step = np.array([*fresh.values()], np.int64), self._probe.max_rows
        for first in range(0, len(places), step):
            report("Hiding regions", first, len(places))
            found = self._probe.logits(self.shown(shown[places[first : first + step]]))
            self._logits = np.concatenate([self._logits, found.astype(np.float64)])
        self._known |= {key: len(self._known) + place for place, key in enumerate(fresh)}
        return self._logits[[self._known[key] for key in keys]]

    def probabilities(self, shown: Array) -> Array:
        """Return probabilities of copies that show some regions, `(S, d)` bool: `(S, K)` float64."""
        return np.asarray(softmax(self.logits(shown), axis=1))

    def kept(self, shown: Array) -> Array:
        """Margin of the predicted class c, f_c - max f_k over the others: `(S,)`, at least 0 where c is predicted.

        Args:
            shown: `(S, d)` bool, the regions that are shown.
        """
        logits = self.logits(shown)
        margins = logits[:, self.predicted] - np.delete(logits, self.predicted, axis=1).max(axis=1)
        return np.where(logits.argmax(axis=1) == self.predicted, margins, np.minimum(margins, -LOST))

    def flipped(self, hidden: Array) -> Array:
        """Return the margin with its sign turned: `(S,)`, at least 0 where hiding regions makes it another class.

        Args:
            hidden: `(S, d)` bool, the regions that are hidden.
        """
        margins = self.kept(~hidden)
        return np.where(margins < 0, -margins, np.minimum(-margins, -LOST))
