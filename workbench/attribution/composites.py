"""Which layers have which rule in layer-wise relevance propagation: the usual mixtures, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from workbench.attribution.rules import RULES
from workbench.core.params import make
from workbench.models.linear_maps import LinearMap
from workbench.models.relevance import Rule, Rules

Name = Annotated[
    Literal["epsilon", "epsilon-plus", "epsilon-plus-flat", "epsilon-gamma-box", "alpha1-beta0"],
    Field(description="rules of dense layers, convolutions and the first layer; the scores' layer has ε = 0 always"),
]


@dataclass(frozen=True, kw_only=True)
class Composite:
    """A mixture of rules.

    Attributes:
        dense, convolution: names of the rules of such layers.
        first: of what no weights lie before, whatever it is; empty for that of its kind.
    """

    dense: str
    convolution: str
    first: str = ""

    def rules(self, **params: float) -> Rules:
        """Make the rules of a mixture.

        Args:
            params: by name, for the rules that have such a parameter.
        """
        made = {name: _made(name, params) for name in (self.dense, self.convolution, self.first) if name}
        norm, attending = RULES.get("epsilon")(), _made("epsilon", params)  # of means; of weights of both signs

        def rule(linear: LinearMap) -> Rule:
            if linear.first and self.first:
                return made[self.first]
            kinds = {"dense": made[self.dense], "convolution": made[self.convolution], "attending": attending}
            return kinds.get(linear.kind, norm)

        return rule


def _made(name: str, params: Mapping[str, Any]) -> Rule:
    kind = RULES.get(name)
    return make(kind, {key: value for key, value in params.items() if key in kind.model_fields})


COMPOSITES: Mapping[str, Composite] = {
    "epsilon": Composite(dense="epsilon", convolution="epsilon"),
    "epsilon-plus": Composite(dense="epsilon", convolution="z-plus"),
    "epsilon-plus-flat": Composite(dense="epsilon", convolution="z-plus", first="flat"),
    "epsilon-gamma-box": Composite(dense="epsilon", convolution="gamma", first="box"),
    "alpha1-beta0": Composite(dense="alpha1-beta0", convolution="alpha1-beta0"),
}
"""Mixtures by name; those with ε in them as in Anders et al. 2021, arXiv:2106.13200, after Kohlbrenner et al. 2019."""
