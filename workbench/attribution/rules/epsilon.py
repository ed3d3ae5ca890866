"""The ε rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workbench.attribution.rule import Rule
from workbench.models.linear_maps import LinearMap, quotient
from workbench.models.scorer import Tensor


class Epsilon(Rule):
    """To each input in the share that its contribution has in the output, x_i w_ij / (z_j ± ε).

    What ε and the bias take is lost. Source: Bach et al. 2015, doi:10.1371/journal.pone.0130140, equation 58; ε as a
    share of the layer's root mean square: Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10, section 10.3.
    """

    epsilon: Annotated[float, Field(ge=0, le=1, description="ε, a share of the root mean square of the outputs")] = 0.0

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        return linear.received * linear.back(quotient(arriving, linear.output, self.epsilon))
