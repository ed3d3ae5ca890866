"""What the outputs of a model are, told once, and the same outputs as logits in every trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.class_scores import judge_class_scores, of_regression, read_ending, refuse_class_index
from workbench.models.graph import Head, Step, Tensor
from workbench.models.one_unit import (
    EPSILON,
    TWO_CLASSES,
    Kind,
    Operation,
    judge_regression,
    judge_values,
    log_odds,
    operation_of,
    read_head,
    two_logits,
)
from workbench.models.training_loss import regression_loss

FIXED = 18
"""Outputs of noise, black and white, which stand before those of the examples."""


class ScoreReading:
    """How the outputs of one model are read: by its last layer or operation, else by its values.

    Attributes:
        units: scores that the model itself gives for an image: K, or one, which is read as two classes.
        one_unit: whether it gives one.
        note: how its scores were found, a sentence.
        assumed: what of that belongs beside every number, a sentence; else empty.
        sigmoid: whether the model ends in one sigmoid a class.
        logarithm: whether logits are the logarithm, or the log odds, of its outputs.
        odds: whether they are log odds, of one sigmoid a class.
        squashed: whether the model's one output is a sigmoid, of which the input is read.
        resolution: between the values that an output can have.

    Args:
        model: the model; its `ending` and `resolution` are looked at where a file of another format has them.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.units, self.note, self.assumed = 0, "", ""
        self.one_unit = self.sigmoid = self.logarithm = self.odds = self.squashed = self._linear = False
        self.resolution = 0.0
        self._last, self._told = "", list[tuple[Operation | None, str]]()

    def see(self, head: Head, steps: Sequence[Step]) -> Tensor:
        """Read what the layers and operations of a trace show; return the `(B, units)` outputs to look at.

        Raises:
            WorkbenchError: if they are the number of a class, or one value that is neither a probability nor a logit.
        """
        self._last, self._linear = steps[-1].name, head.ending == "linear"
        self.note, self.sigmoid, self.one_unit = head.note, head.sigmoid, head.one_unit
        ending = getattr(self.model, "ending", None) or operation_of(head.logits)
        refuse_class_index(self.model, steps, head, ending)
        if not head.one_unit:
            self._told = [] if head.note else [(ending, head.logits.dtype.name)]
            return head.logits
        output, kind, self.note = self._read(head)
        self.logarithm = kind == "probability"
        self.squashed = head.ending == "sigmoid" or output is not head.logits
        self._linear = kind == "logit" and not self.squashed
        return output

    def judge(self, output: Array, outputs: Callable[[], Array], *, examples: bool) -> None:
        """Tell by values what the layers do not show.

        Args:
            output: `(n, units)` outputs of a few images.
            outputs: gives `(n, units)` of many: `FIXED` of noise, black and white, then those of examples.
            examples: whether there are any of these.

        Raises:
            WorkbenchError: if there are no scores.
        """
        if output.ndim != 2 or output.shape[1] < 1:
            raise WorkbenchError(
                "The model must give one score for each of K ≥ 2 classes, (N, K), or one for two classes, (N, 1). "
                f"Its output is (N, {', '.join(map(str, output.shape[1:]))})."
            )
        self.units = int(output.shape[1])
        self.resolution = float(getattr(self.model, "resolution", 0.0))  # known to a file's model once it has run
        if self.one_unit:
            self._judge_one_unit(outputs, examples)
        elif self._told:
            self._judge_class_scores(output, outputs, *self._told[-1])
        elif self._linear and (loss := regression_loss(self.model)):
            self.assumed = of_regression(loss)

    @property
    def probability(self) -> bool:
        """Whether the model's one output itself is a probability, and no logit."""
        return self.logarithm or self.squashed

    def logits(self, head: Head, floats: str) -> tuple[Tensor, bool]:
        """`(B, K)` logits of what a trace ended in; and whether they are a function of it rather than itself."""
        found = self._read(head)[0] if self.one_unit else head.logits
        logits = tf.reshape(tf.cast(found, floats), (-1, self.units))
        if self.one_unit:
            logits = two_logits(logits, "probability" if self.logarithm else "logit", self.resolution)
        elif self.odds:
            logits = log_odds(logits, self.resolution)
        elif self.logarithm:  # what rounds to 0 counts as a share of half a step, however many classes there are
            logits = tf.math.log(tf.maximum(logits, max(1e-30, self.resolution / 2 / self.units)))
        return logits, self.logarithm or found is not head.logits

    def as_in(self, other: ScoreReading) -> None:
        """Read as another probe of the same model does, which told it by values or by the loss."""
        self.logarithm, self.odds, self.resolution = other.logarithm, other.odds, other.resolution

    def _read(self, head: Head) -> tuple[Tensor, Kind, str]:
        return read_head(head, self._last, getattr(self.model, "ending", None))

    def _judge_one_unit(self, outputs: Callable[[], Array], examples: bool) -> None:
        """Tell by values what one output is, where the model does not show it; and say how it is read."""
        if not self.note:
            kind, self.note = judge_values(outputs().ravel(), self._last)
            self.logarithm = kind == "probability"
        elif self._linear and (loss := regression_loss(self.model)):
            kind, self.note = judge_regression(outputs().ravel()[FIXED if examples else 0 :], self._last, loss)
            self.logarithm = kind == "probability"
            self.resolution = max(self.resolution, 2 * EPSILON)
        self.assumed = self.note
        self.note += f" {TWO_CLASSES}"

    def _judge_class_scores(
        self, few: Array, outputs: Callable[[], Array], operation: Operation | None, dtype: str
    ) -> None:
        """Tell what K outputs are, by the operation that ends the model, else by the values of many images."""
        found = read_ending(operation, few, self._last) or judge_class_scores(
            outputs(), self._last, step=self.resolution, dtype=dtype
        )
        self.odds = self.sigmoid = found.kind == "sigmoids"
        self.logarithm = found.kind != "score"
        self.note, self.assumed = found.note, found.assumed
