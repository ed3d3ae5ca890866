"""Layer-wise relevance propagation: what arrives at the scores, handed back step by step to the pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

import tensorflow as tf

from workbench.models.graph import Step, Tensor
from workbench.models.linear_maps import LinearMap, attending_map, linear_maps, mixing_map, quotient
from workbench.models.passable_steps import Passable
from workbench.models.pull_back import pull_back


class Rule(Protocol):
    """How one linear map hands relevance back."""

    def back(self, linear: LinearMap, arriving: Tensor) -> Tensor:
        """Relevance of z, `(B, …)`, to relevance of x; linear in it."""


Rules = Callable[[LinearMap], Rule]
"""Which rule a linear map is given."""


class Arrivals:
    """What has arrived at each tensor from all the steps that received it.

    Args:
        pull: hands what arrived at a tensor to one that it was handed on from, as `pull_back`.
    """

    def __init__(self, pull: Callable[[Tensor, Sequence[Tensor], Tensor], list[Tensor]] = pull_back) -> None:
        self._found, self._pull = dict[str, Tensor](), pull

    def add(self, tensor: Tensor, giver: Tensor, arriving: Tensor) -> None:
        """Add what arrives at a tensor that was handed on from `giver`."""
        if tensor is not giver:
            arriving = self._pull(tensor, [giver], arriving)[0]
        before = self._found.get(giver.name)
        self._found[giver.name] = arriving if before is None else before + arriving

    def take(self, tensor: Tensor) -> Tensor | None:
        """Return all that has arrived at a tensor, once; None for nothing."""
        return self._found.pop(tensor.name, None)


class RelevancePass:
    """One pass from the scores back to what the model was given.

    Activations, and scalings of each value by itself, hand on what they get; so does what moves or chooses values, and
    a normalisation over several of them (Achtibat et al. 2024, arXiv:2402.05602).
    What adds or averages hands back in the shares of a sum, x_i w_ij / z_j, as the rule of Bach et al. 2015,
    doi:10.1371/journal.pone.0130140, equation 56. Batch normalisation is a part of the linear layer before it where it
    alone follows that one, else it hands on what it gets. The layer of the scores itself has that same rule, in the
    limit exactly: a share of a score is x_i w_ij times the slope of what is explained. All other linear layers, and
    means of values before the first weights, have the rule that they are given. Of a product of a signal and a gate the
    signal takes all (Arras et al. 2017, arXiv:1706.07206). Self-attention is a linear map of its tokens: who attends to
    whom is taken as it is (Ali et al. 2022, arXiv:2202.07304).

    Args:
        steps: of the walk, from the image to the scores.
        rules: for the others.
        floats: precision to compute in.
        ends: walks the model on one black and one white image; asked only where a rule wants to know.
    """

    def __init__(
        self, steps: Sequence[Passable], rules: Rules, floats: str, ends: Callable[[], Sequence[Step]]
    ) -> None:
        self._steps, self._rules, self._floats, self._ends = steps, rules, floats, cache(ends)

    def run(self, given: Tensor, start: Tensor, relevance: Tensor, slope: Tensor | None) -> Tensor:
        """Hand relevance back.

        Args:
            given: where it ends: what the model was given, or the output of a step, `(B, …)`.
            start: the tensor at which the pass begins.
            relevance: of its values, of its shape.
            slope: of what is explained by these values, where they are the scores themselves.

        Returns:
            The relevance of `given`, of its shape.
        """
        arrivals = Arrivals()
        arrivals.add(start, start, relevance)
        for each in reversed(self._steps):
            if each.step.output.name == given.name:
                break
            arriving = arrivals.take(each.step.output)
            if arriving is None:
                continue
            handed = self._handed(each, arriving, slope if each.scores else None)
            for tensor, giver, part in zip(each.received, each.givers, handed, strict=True):
                arrivals.add(tensor, giver, part)
        found = arrivals.take(given)
        return tf.zeros(tf.shape(given), self._floats) if found is None else found

    def _handed(self, each: Passable, arriving: Tensor, slope: Tensor | None) -> list[Tensor]:
        """Relevance of each tensor that a step received."""
        match each.kind:
            case "weighted":
                return [self._through_weights(each, arriving, slope)]
            case "elementwise" | "normalising":
                return [arriving]
            case "attending":
                linear = attending_map(each, self._floats)
                return [self._rules(linear).back(linear, arriving)]
            case "mixing":
                return self._shared(each, arriving)
            case "gating":
                return [arriving, tf.zeros_like(each.received[1], arriving.dtype)]
        return pull_back(each.step.output, each.received, arriving)

    def _through_weights(self, each: Passable, arriving: Tensor, slope: Tensor | None) -> Tensor:
        for linear in reversed(linear_maps(each, self._floats, lambda: self._box(each))):
            if slope is not None:
                arriving = linear.received * linear.back(slope)
                slope = None
            else:
                arriving = self._rules(linear).back(linear, arriving)
        return arriving

    def _shared(self, each: Passable, arriving: Tensor) -> list[Tensor]:
        if each.first and len(each.received) == 1:
            linear = mixing_map(each, self._floats, lambda: self._box(each))
            return [self._rules(linear).back(linear, arriving)]
        z = tf.cast(each.step.output, self._floats)
        parts = pull_back(each.step.output, each.received, quotient(arriving, z))
        return [tf.cast(x, self._floats) * part for x, part in zip(each.received, parts, strict=True)]

    def _box(self, each: Passable) -> tuple[Tensor, Tensor]:
        """What a step that no weights lie before receives for a black and for a white image, the lower values first."""
        received = next(step.received for step in self._ends() if step.name == each.step.name)
        both = tf.cast(received, self._floats)
        return tf.minimum(both[:1], both[1:]), tf.maximum(both[:1], both[1:])
