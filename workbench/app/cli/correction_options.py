"""The options that say by what data is corrected, for the commands that train or measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from workbench.app.cli.options import Choice
from workbench.core.progress import report

if TYPE_CHECKING:
    from workbench.training.corrected_data import Copies
    from workbench.training.recipes import TrainingJob


def _copies() -> Iterator[str]:
    from typing import get_args

    from workbench.training.corrected_data import Copies

    yield from (each for each in get_args(Copies) if each)


corrections_option = click.option(
    "--corrections",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[WORKSPACE|FILE.csv]",
    help="Correct the data as a workspace says, or a table of names and labels; without a value, the data's workspace.",
)


def with_corrections(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--corrections` and `--copies`."""
    copies = click.option(
        "--copies",
        type=Choice("kind of copies", _copies, "exact|near"),
        help="Leave copies of training images out, and training images that the validation or test part has too: those "
        "of the same pixels, or near, mirrored, turned and shifted ones too.  [default: copies stay]",
    )
    return corrections_option(copies(function))


def corrected_job(job: TrainingJob, corrections: str | None, copies: str | None) -> TrainingJob:
    """Return the job on the corrected data, with a bar while that is read.

    Args:
        job: on the data as it is.
        corrections: as typed; "" for the data's workspace, None for none.
        copies: as typed.
    """
    from workbench.app.cli.progress_bars import progress
    from workbench.training.retraining import with_corrections as corrected

    kind = cast("Copies", copies or "")
    with progress():
        return corrected(job, corrections or None, copies=kind, only_copies=corrections is None, progress=report)


def again_name(run: str) -> str:
    """Return the name of a run that is given by its name or folder."""
    return Path(run).name
