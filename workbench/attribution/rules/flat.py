"""The flat rule."""

from __future__ import annotations

import tensorflow as tf

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class Flat(Rule):
    """To all inputs that an output sees alike, whatever they are: for the first layer, where it does not pick pixels.

    Source: Lapuschkin et al. 2019, arXiv:1902.10178; as the first layer's rule: Kohlbrenner et al. 2019,
    arXiv:1910.09840.
    """

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        seen = linear.forward(tf.ones_like(linear.received), "even")
        return linear.back(quotient(arriving, seen), "even")
