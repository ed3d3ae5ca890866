"""The α1β0 rule."""

from __future__ import annotations

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class Alpha1Beta0(Rule):
    """To inputs that contribute something positive, in their shares of the positive part of the output, z_j⁺ + b_j⁺.

    What a positive bias takes is lost, which is all that tells it from the z⁺ rule.
    Source: Bach et al. 2015, doi:10.1371/journal.pone.0130140, equation 60, with α = 1 and β = 0.
    """

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        positive = linear.sums("positive") + linear.biases("positive")
        return linear.shares(quotient(arriving, positive), "positive")
