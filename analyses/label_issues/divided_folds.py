"""Models of the folds, each trained by one worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.shards.lending import Lent
from workbench.shards.opening import Opener, known_of, session_of
from workbench.shards.pieces import Pieces, divided
from workbench.shards.store import in_time
from workbench.shards.task import Opened, Task
from workbench.training import distribution

from .folds import FoldModels

if TYPE_CHECKING:
    from workbench.session.session import Session


@dataclass(frozen=True, kw_only=True)
class FoldsTask(Task):
    """Trains the models of folds, whose logits are written where one process would write them.

    Attributes:
        opener: opens the session.
        folds: of the training images.
        seed: of the folds and the trainings.
        wanted: numbers of the folds that are to be trained, from 0 on.
    """

    opener: Opener
    folds: int
    seed: int
    wanted: tuple[int, ...]

    def open(self) -> Opened:
        """See `Task`."""
        session = session_of(self.opener)
        models = FoldModels(**fold_arguments(session, self.folds, self.seed))

        def train(name: str) -> None:
            with distribution.using("none"):
                models.logits(int(name))

        return Pieces(tuple(map(str, self.wanted)), {"task": "folds", **_known_of(session)}, train)


def fold_arguments(session: Session, folds: int, seed: int) -> dict[str, Any]:
    """Return what `fold_probabilities` and `FoldModels` take.

    Raises:
        TypeError: if the session has no training images.
    """
    if session.training is None:
        raise TypeError("The session has no training images.")
    return {
        "training": session.training.dataset,
        "folds": folds,
        "run": session.run,
        "fingerprint": session.model_fingerprint,
        "load": lambda: session.model,
        "given": session.preprocessing,
        "seed": seed,
    }


def train_folds(lent: Lent, folds: int, seed: int) -> None:
    """Have the models of folds trained that are not there.

    Raises:
        Unavailable: if one was trained that is not seen here.
        WorkbenchError: if one cannot be; the others are kept.
    """
    session = lent.session
    models = FoldModels(**fold_arguments(session, folds, seed))
    wanted = tuple(number for number in models.numbers if models.saved(number) is None)
    if not wanted:
        return
    task = FoldsTask(opener=lent.opener, folds=folds, seed=seed, wanted=wanted)
    of = {"task": "folds", "folds": folds, "seed": seed, **_known_of(session)}
    failed = divided(task, lent.crew, "Models of the folds", of, lambda: _known_of(session))
    if failed:
        number, why = next(iter(failed.items()))
        raise WorkbenchError(f"The model of fold {int(number) + 1} of {folds} could not be trained: {why}")
    if not in_time(lambda: all(models.saved(number) is not None for number in wanted)):
        raise Unavailable(
            "Models of the folds were trained by workers whose results are not here: put the run and WORKBENCH_CACHE "
            "on a disk that all workers share."
        )


def _known_of(session: Session) -> dict[str, Any]:
    training = session.training
    return {**known_of(session), "training": "" if training is None else training.dataset.fingerprint}
