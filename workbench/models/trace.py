"""One walk through a model as tensors, and what a scorer asks of whatever walks it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.core.predictions import scores_of
from workbench.models.attention import Attention
from workbench.models.graph import Head, Step, Tensor
from workbench.models.tokens import TokenGrid


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a forward pass comes to, whoever computes it: no gradient goes through it.

    Attributes:
        logits: `(B, K)`.
        one_unit: whether they are (0, z).
    """

    logits: Tensor
    one_unit: bool = False

    @property
    def scores(self) -> Tensor:
        """`(B, K)`, what is explained of each class as its "logit"."""
        return scores_of(self.logits, one_unit=self.one_unit)


@dataclass(frozen=True, kw_only=True)
class Trace(Scored):
    """Tensors of one walk through the model: every step's output by name, `(B, K)` logits, `(B, D)` embeddings.

    Attributes:
        given: what the model was given, the images as it takes them.
        steps: the walk itself.
        head: how it ends.
        logarithm: whether logits are the logarithm of `head.logits`; of one unit, whether z is its log odds.
        odds: whether the logits, or z, are log odds of `head.logits`.
        resolution: of `head.logits`, as `one_unit.log_odds` takes it.
        grids: how the tokens of a layer lie on the image, by its name.
        attention: `(B, heads, T, T)` of each layer that lets tokens attend to each other, first to last.
    """

    outputs: dict[str, Tensor]
    embeddings: Tensor
    given: Tensor
    head: Head
    steps: tuple[Step, ...] = ()
    logarithm: bool = False
    odds: bool = False
    resolution: float = 0.0
    grids: Mapping[str, TokenGrid] = field(default_factory=dict)
    attention: tuple[Tensor, ...] = ()

    def maps(self, layer: str) -> Tensor:
        """Return the output of a layer; of tokens those that have a place, `(B, h, w, F)`."""
        return self.places(layer, self.outputs[layer])

    def places(self, layer: str, values: Tensor) -> Tensor:
        """Lay values of the shape of a layer's output out as its places."""
        return self.grids[layer].places(values) if layer in self.grids else values


class Tracer(Protocol):
    """What a scorer needs of a probe."""

    max_rows: int
    floats: str

    @property
    def sigmoid(self) -> bool:
        """Whether the model ends in one sigmoid a class."""

    @property
    def one_unit(self) -> bool:
        """Whether the model has one output unit."""

    @property
    def spatial_layers(self) -> list[str]:
        """Names of the layers with feature maps of the image."""

    @property
    def attention(self) -> Attention:
        """Where its tokens attend to each other."""

    def trace(self, images: Tensor, known: Mapping[str, Tensor] | None = None) -> Trace:
        """Walk through the model; what is `known` is not computed."""

    def scored(self, images: Tensor) -> Scored:
        """Pass images forward, by whatever engine; nothing is differentiated."""

    def weights_in_place(self) -> AbstractContextManager[Any]:
        """See that layers that are asked for their weights have those of the probe."""

    def at_pixels(self, given: Tensor) -> Tensor:
        """Lay a value for each number that the model is given, as `Trace.given`, where its pixel is."""
