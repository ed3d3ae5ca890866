"""The γ rule."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class Gamma(Rule):
    """To inputs in the shares of their contributions, those with the sign of the output counted 1 + γ times.

    Source: Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10, section 10.2.1, for inputs and outputs that are not
    negative; for any: Andéol et al. 2021, arXiv:2106.04923. What the bias takes is lost, which counts alike.
    """

    gamma: Annotated[float, Field(ge=0, le=100, description="γ, by which contributions with the output's sign win")] = (
        0.25
    )

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        above, below = linear.sums("positive") + linear.biases("positive"), linear.sums("negative")
        below += linear.biases("negative")
        is_above, more = above + below >= 0, 1 + self.gamma
        arriving = quotient(arriving, tf.where(is_above, more * above + below, above + more * below))
        favoured, other = more * arriving, arriving
        return linear.shares(tf.where(is_above, favoured, other), "positive") + linear.shares(
            tf.where(is_above, other, favoured), "negative"
        )
