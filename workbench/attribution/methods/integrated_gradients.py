"""Integrated gradients."""

from __future__ import annotations

from typing import ClassVar, Self

from keras import ops
from pydantic import model_validator

from workbench.attribution.bisected_steps import USUAL, AutoSteps, Tolerance, integrated, rows_of_a_way
from workbench.attribution.explainer import Explainer
from workbench.attribution.references import BACKGROUND, Rule, RuleOfSteps, Start, path_to, starts
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class IntegratedGradients(Explainer):
    """Each pixel's share of the score's difference to a reference image.

    They sum to it but for the quadrature's error, the completeness gap. Steps are given, or what each image takes for
    gap and error to be within the tolerance, see `integrate`. Source: Sundararajan et al. 2017, arXiv:1703.01365,
    equations 1 and 3; several references: Erion et al. 2019, arXiv:1906.10670, equation 3.
    """

    title: ClassVar[str] = "Integrated gradients"
    paper: ClassVar[str] = "arXiv:1703.01365, eq. 1, 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions that add up; not for pixels equal to the reference: they get 0."

    steps: AutoSteps = None
    reference: Start = "black"
    rule: RuleOfSteps = "trapezoid"
    tolerance: Tolerance = 0.05

    @model_validator(mode="after")
    def _rule_of_steps(self) -> Self:
        if self.steps is None and self.rule != "trapezoid":
            raise WorkbenchError(f"`rule` {self.rule} needs a number of `steps`: auto is the trapezoid rule.")
        return self

    def copies(self, probe: Probe) -> int:
        points = USUAL if self.steps is None else self.steps + (self.rule == "trapezoid")
        return points * (BACKGROUND if self.needs_background else 1)

    def at_once(self, probe: Probe) -> int:
        return self.copies(probe) if self.steps else rows_of_a_way(probe, BACKGROUND if self.needs_background else 1)

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        start = starts(self.reference, score, images)
        if self.steps is None:
            return integrated(score, images, start, self.tolerance)
        return evenly_integrated(score, images, start, self.steps, self.rule)


def evenly_integrated(
    score: Scorer, images: Tensor, start: Tensor, steps: int, rule: Rule = "trapezoid"
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mean maps, `(B, H, W)`, over references, `(B, R, H, W, C)`, by a number of steps; and their gaps."""
    path, weights = path_to(images, start, steps, rule)  # (B, R P, H, W, C), (P,)
    slopes = ops.reshape(score.gradient(path), (-1, start.shape[1], weights.shape[0], *images.shape[1:]))
    shares = (images[:, None] - start) * ops.einsum("m,brmhwc->brhwc", weights, slopes)
    gap = ops.mean(ops.sum(shares, axis=(2, 3, 4)) + score(start), axis=1) - score(images)
    return ops.mean(ops.sum(shares, axis=-1), axis=1), {"completeness gap": gap}
