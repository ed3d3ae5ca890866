"""What a training learns from its validation losses: which epoch was best, when to slow down, and when to stop."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from workbench.training.recipes import Recipe


class Watch(BaseModel):
    """What is remembered from epoch to epoch; it is part of a checkpoint, so that a resumed training decides alike.

    Attributes:
        best: lowest validation loss so far, in nats; None before the first epoch.
        best_epoch: the epoch that it was reached in, counted from 1; 0 before the first.
        since_best: epochs since then.
        since_slower: epochs since the best one or since the step size was last made smaller.
        factor: what the step size is multiplied by.
        stopped: whether the training ends here.
    """

    model_config = ConfigDict(frozen=True)

    best: float | None = None
    best_epoch: int = 0
    since_best: int = 0
    since_slower: int = 0
    factor: float = 1.0
    stopped: bool = False

    def after(self, epoch: int, loss: float, recipe: Recipe) -> Watch:
        """Return what is known after one more epoch.

        A loss counts as lower if it is lower by more than `min_delta`; NaN never is.

        Source: Prechelt 1998, doi:10.1007/3-540-49430-8_3, for stopping (the criterion UP with strips of one epoch,
        counted from the lowest loss); Keras's `EarlyStopping` and `ReduceLROnPlateau` count alike.

        Args:
            epoch: the one that is done, counted from 1.
            loss: validation loss after it, in nats.
            recipe: with `patience`, `min_delta`, `schedule` and what belongs to it.
        """
        if not math.isnan(loss) and (self.best is None or loss < self.best - recipe.min_delta):
            return Watch(best=loss, best_epoch=epoch, factor=self.factor)
        since_best, since_slower, factor = self.since_best + 1, self.since_slower + 1, self.factor
        if recipe.schedule == "reduce-on-plateau" and since_slower >= recipe.plateau_patience:
            since_slower, factor = 0, factor * recipe.plateau_factor
        stopped = 0 < recipe.patience <= since_best
        return Watch(
            best=self.best,
            best_epoch=self.best_epoch,
            since_best=since_best,
            since_slower=since_slower,
            factor=factor,
            stopped=stopped,
        )

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best one."""
        return self.best is not None and self.since_best == 0
