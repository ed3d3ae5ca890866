"""DeepLIFT."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.layer_by_layer import LayerByLayer
from workbench.attribution.references import BACKGROUND, Start, starts
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class DeepLift(LayerByLayer):
    """Each pixel's share of the score's difference to a reference image, by the secants of all activations.

    They sum to that difference but for rounding, the completeness gap. Channels are summed; of several references it is
    the mean. Source: Shrikumar et al. 2017, arXiv:1704.02685, sections 3.2 and 3.5.2, the rescale rule.
    """

    title: ClassVar[str] = "DeepLIFT"
    paper: ClassVar[str] = "arXiv:1704.02685, sec. 3.5.2"
    use: ClassVar[str] = (
        "Good for contributions that add up, quickly; not for pixels equal to the reference: they get 0."
    )

    reference: Start = "black"

    @classmethod
    def blocked(cls, probe: Probe) -> str:
        return probe.uneven

    def copies(self, probe: Probe) -> int:
        return 2 * (BACKGROUND if self.needs_background else 1)

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        found, differences = score.contributions(images, starts(self.reference, score, images))
        gap = ops.mean(ops.sum(found, axis=(2, 3, 4)) - differences, axis=1)
        return ops.mean(ops.sum(found, axis=-1), axis=1), {"completeness gap": gap}
