"""Step sizes over the course of training. Imports Keras: import it where a model is being trained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="workbench")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
    """Rise linearly to `peak` over the first steps, then fall to zero along half a cosine.

    Source: the shape of Smith and Topin 2017, arXiv 1708.07120, with Loshchilov and Hutter's cosine
    (arXiv 1608.03983, equation 5) as its falling side.

    Args:
        peak: the highest rate.
        steps: steps of the optimizer in all.
        warm_up: share of the steps in [0, 1) that the rise takes.
    """

    def __init__(self, peak: float, steps: int, warm_up: float) -> None:
        self.peak, self.steps, self.warm_up = peak, steps, warm_up

    def __call__(self, step: Any) -> Any:
        """Return the rate for the step after `step` others, a scalar tensor."""
        done = keras.ops.cast(step, "float32")
        rising = self.warm_up * self.steps
        fallen = keras.ops.clip((done - rising) / max(self.steps - rising, 1), 0.0, 1.0)
        falling = self.peak * 0.5 * (1 + keras.ops.cos(np.pi * fallen))
        return keras.ops.where(done < rising, self.peak * (done + 1) / (rising + 1), falling)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, so that a checkpoint can be opened again."""
        return {"peak": self.peak, "steps": self.steps, "warm_up": self.warm_up}


@keras.saving.register_keras_serializable(package="workbench")
class Cosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
    """Fall from `peak` to zero along half a cosine, and start again from `peak` as often as there are cycles.

    Source: Loshchilov and Hutter 2016, arXiv 1608.03983, equation 5, with a lowest rate of 0 and cycles of one length.

    Args:
        peak: the highest rate.
        steps: steps of the optimizer in all.
        cycles: how often the rate falls.
    """

    def __init__(self, peak: float, steps: int, cycles: int = 1) -> None:
        self.peak, self.steps, self.cycles = peak, steps, cycles

    def __call__(self, step: Any) -> Any:
        """Return the rate for the step after `step` others, a scalar tensor."""
        done = keras.ops.cast(step, "float32") * (self.cycles / self.steps)
        within = keras.ops.where(done < self.cycles, done - keras.ops.floor(done), 1.0)
        return self.peak * 0.5 * (1 + keras.ops.cos(np.pi * within))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, so that a checkpoint can be opened again."""
        return {"peak": self.peak, "steps": self.steps, "cycles": self.cycles}
