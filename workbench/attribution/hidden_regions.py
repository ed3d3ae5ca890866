"""What the methods share that ask for the score of images with some of their regions hidden."""

from __future__ import annotations

from abc import ABC

from keras import ops

from workbench.attribution.explainer import Perturbation
from workbench.attribution.patches import masked_copies
from workbench.attribution.references import Reference, reference_images
from workbench.attribution.regions import Kind, Regions, Side, most_regions
from workbench.core.types import Array
from workbench.models.engine import held
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class HiddenRegions(Perturbation, ABC):
    """Hides regions, and asks for the score."""

    regions: Kind = "grid"
    side: Side = 7
    reference: Reference = "black"

    def most(self, probe: Probe) -> int:
        """How many regions an image has at most, d."""
        return most_regions(self.regions, probe.image_shape, self.side)

    def scores_of(self, score: Scorer, images: Tensor, regions: Regions, shown: Array) -> Tensor:
        """Score copies of each image: `(S, d)` float32, 1 where a region is shown and 0 where hidden, to `(B, S)`.

        Between 0 and 1 lies a mixture of the region and the reference. The scores are float64, to be computed with.
        """
        choices, away = ops.cast(held(shown), images.dtype), reference_images(self.reference, images)
        masked = masked_copies(lambda numbers: regions.masks(ops.take(choices, numbers, axis=0)), images, away)
        return ops.cast(score.of_copies(len(shown), masked), "float64")
