"""The zᴮ rule."""

from __future__ import annotations

import tensorflow as tf

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class Box(Rule):
    """To pixels in the shares of x_i w_ij - l_i w_ij⁺ - h_i w_ij⁻, where l and h are what black and white become.

    None of these is negative, so that black pixels on a bright ground count as much as bright ones; the bias takes
    none. For the first layer only. A pixel outside of l … h, as of an edited image, widens them.
    Source: Montavon et al. 2017, deep Taylor decomposition, arXiv:1512.02479, the rule for pixels in a box.
    """

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        if linear.box is None:
            raise TypeError("The zᴮ rule needs to know what black and white become.")
        x, (low, high) = linear.received, linear.box()
        low, high = tf.minimum(x, low), tf.maximum(x, high)
        z = linear.forward(x) - linear.forward(low, "positive") - linear.forward(high, "negative")
        arriving = quotient(arriving, z)
        return (
            x * linear.back(arriving)
            - low * linear.back(arriving, "positive")
            - high * linear.back(arriving, "negative")
        )
