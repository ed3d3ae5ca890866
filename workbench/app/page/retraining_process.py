"""The process of a training that the page began: `python -m workbench.app.page.retraining_process FILE`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workbench.app.page.retraining import DONE, FAILED, ONCE, RUNNING, STOPPED, Order, Said, lock_path, log_path, told
from workbench.core.errors import WorkbenchError
from workbench.core.files import write_file
from workbench.core.locks import Taken, holding
from workbench.core.progress import Stop
from workbench.core.wording import percent, plural

if TYPE_CHECKING:
    from workbench.training.corrected_data import Copies

PATIENCE = 5.0
"""Seconds in which a lock that somebody else has may come free."""
PAUSE = 0.3
"""Seconds between two words about how far it is."""


class Teller:
    """Writes how far a training is, a few times a second."""

    def __init__(self, order: Order) -> None:
        self._order, self._runs = order, Path(order.runs)
        self._finished, self._trainings, self._own, self._last = 0, 1, 0.0, 0.0
        self._stopped = False

    def stop(self, *_: object) -> None:
        """End at the next word."""
        self._stopped = True

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take a word of progress; a `Progress`."""
        if self._stopped:
            raise Stop
        if what.endswith("all trainings"):
            self._finished, self._trainings, self._own = done, max(total, 1), 0.0
        elif what.endswith("all epochs"):
            self._own = done / max(total, 1)
        now = time.monotonic()
        if now - self._last < PAUSE:
            return
        self._last = now
        words = what if total <= 1 else f"{what}: {done:,} of {total:,}"
        self.say(Said(state=RUNNING, what=words, share=min((self._finished + self._own) / self._trainings, 1.0)))

    def say(self, said: Said) -> None:
        """Write it."""
        told(self._runs, self._order, said.model_copy(update={"process": os.getpid()}))


def main(path: str) -> int:
    """Train what a file orders, and write there what came out; 0 where it ended well."""
    order = Order.model_validate_json(Path(path).read_text(encoding="utf-8"))
    teller = Teller(order)
    signal.signal(signal.SIGTERM, teller.stop)
    try:
        with _holding(order):
            teller.say(Said(what="Reading the data"))
            try:
                said = _train(order, teller) if order.kind == ONCE else _prove(order, teller)
            except Stop:
                said = Said(state=STOPPED, sentence="Stopped. It can go on from its last epoch.")
            except WorkbenchError as error:
                said = Said(state=FAILED, sentence=str(error))
            except Exception:  # noqa: BLE001 - the last surface: whoever looks at the page has to be told
                log = log_path(Path(order.runs), order.name)
                write_file(log, traceback.format_exc())
                said = Said(state=FAILED, sentence=f"Unexpected error: see {log}.")
            teller.say(said)
    except Taken:  # another process trains this
        return 2
    return 0 if said.state == DONE else 1


@contextlib.contextmanager
def _holding(order: Order) -> Iterator[None]:
    """Hold the lock by which pages see that it is worked on; one that is just looking has it for a moment."""
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(holding(lock_path(Path(order.runs), order.name), f"Training {order.name!r}"))
                break
            except Taken:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield


def _train(order: Order, teller: Teller) -> Said:
    from workbench.training.checkpoint import Checkpoint
    from workbench.training.retraining import retrain
    from workbench.training.runs import open_run
    from workbench.training.trainer import train

    runs = Path(order.runs)
    before = open_run(order.run)
    if Checkpoint(runs, order.name).read() is not None:
        run = train(order.name, folder=runs, resume=True, progress=teller)
    else:
        told: dict[str, Any] = {"corrections": order.workspace, "copies": cast("Copies", order.copies)}
        run = retrain(before, order.name, folder=runs, progress=teller, **told)
    known = run.manifest.corrections
    then, now = (each.manifest.metrics.get("test", {}).get("accuracy") for each in (before, run))
    accuracy = "" if now is None else f" Accuracy on the test images: {percent(now, 2)}"
    accuracy += f", was {percent(then, 2)}." if now is not None and then is not None else "." if accuracy else ""
    changed = 0 if known is None else known.relabelled + known.dropped + known.duplicates + known.leaks
    return Said(
        state=DONE,
        share=1.0,
        run=run.name,
        sentence=f"Run {run.name} is trained, with {plural(changed, 'corrected image')}.{accuracy}",
        others=("One training tells little: how good it is also depends on its seed. A proof trains several.",),
    )


def _prove(order: Order, teller: Teller) -> Said:
    from workbench.training.proof import AFTER, prove

    proof = prove(
        order.run,
        corrections=order.workspace,
        copies=cast("Copies", order.copies),
        seeds=order.seeds,
        control=order.control,
        folder=order.runs,
        progress=teller,
    )
    others = (proof.control_sentence,) if proof.control_sentence else ()
    return Said(state=DONE, share=1.0, run=proof.runs[AFTER][0], sentence=proof.sentence, others=others)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
