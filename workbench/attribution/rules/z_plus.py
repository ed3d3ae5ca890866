"""The z⁺ rule."""

from __future__ import annotations

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class ZPlus(Rule):
    """To inputs that contribute something positive, in the shares of their (x_i w_ij)⁺; the bias takes none.

    Source: Montavon et al. 2017, deep Taylor decomposition, arXiv:1512.02479, the rule for inputs that are not
    negative.
    """

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        return linear.shares(quotient(arriving, linear.sums("positive")), "positive")
