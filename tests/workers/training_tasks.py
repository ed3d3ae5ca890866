"""Trainings whose worker is killed."""

from __future__ import annotations

import json
import os
import signal

from workbench.core.progress import reporting
from workbench.shards.trainings import TrainingsTask


class KilledOnce(TrainingsTask):
    """Kills whoever trains a run, once, after its first epoch; that it did is told by a file beside the runs."""

    def _train(self, name: str) -> None:
        begun, killed = self.folder / f".{name}.training" / "state.json", self.folder.with_suffix(".killed")

        def kill(*_: object) -> None:
            if not killed.exists() and begun.is_file() and json.loads(begun.read_text())["epochs"] >= 1:
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        with reporting(kill):
            super()._train(name)
