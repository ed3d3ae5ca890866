"""Ablation-CAM."""

from __future__ import annotations

from typing import ClassVar

from workbench.attribution.channels import add_up, channels
from workbench.attribution.explainer import Explainer, Layer
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class AblationCAM(Explainer):
    """Feature maps of one layer, weighted by the drop of the score without each; positive evidence only.

    The paper divides the drops by the score. That is left out: it scales the whole map by one number, and where the
    score is negative it would turn evidence round. Source: Desai and Ramaswamy 2020, WACV, section 3.
    """

    title: ClassVar[str] = "Ablation-CAM"
    paper: ClassVar[str] = "Desai and Ramaswamy 2020, WACV, sec. 3"
    unit: ClassVar[str] = "score × activation"
    use: ClassVar[str] = "Good for models with vanished gradients; not for redundant channels: they replace each other."

    layer: Layer = None

    def copies(self, probe: Probe) -> int:
        return channels(probe, self.layer)

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        drops = score(images)[:, None] - score.without_each_channel(images, self.layer)  # (B, F)
        return add_up(score.feature_maps(images, self.layer), drops)
