"""Score-CAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.channels import Weighting, add_up, channels, masked_by, probabilities_of_copies, varies
from workbench.attribution.explainer import Explainer, Layer
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class ScoreCAM(Explainer):
    """Feature maps of one layer, weighted by the score of the image masked with each of them.

    A map H, enlarged and stretched to 0…1, dims what it does not cover; one without differences is skipped. "paper"
    weighs by a softmax over the maps of s(x ∘ H) - s(black); "official", as the authors' code, by the probability of
    x ∘ H, or the difference of two for a contrast. Source: Wang et al. 2019, arXiv:1910.01279, algorithm 1.
    """

    title: ClassVar[str] = "Score-CAM"
    paper: ClassVar[str] = "arXiv:1910.01279, alg. 1"
    unit: ClassVar[str] = "activation"
    use: ClassVar[str] = "Good for a map without gradients; not for differences between classes: no weight is negative."
    tells_kind: ClassVar[bool] = True

    layer: Layer = None
    weighting: Weighting = "paper"

    def copies(self, probe: Probe) -> int:
        return channels(probe, self.layer)

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps = score.feature_maps(images, self.layer)  # (B, h, w, F)
        seen, used, count = masked_by(maps, images), varies(maps), maps.shape[-1]
        if self.weighting == "official":
            return add_up(maps, used * probabilities_of_copies(score, count, seen))
        scores = ops.where(used > 0, score.of_copies(count, seen), -1e30)  # s(black) is in all: the softmax loses it
        return add_up(maps, used * ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True)))
