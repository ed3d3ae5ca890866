"""`workbench plugin-check`: does what a plug-in folder brings keep the contracts?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import FOLDER, as_json
from workbench.app.cli.program import command, plain
from workbench.core.plugins import folders, naming

if TYPE_CHECKING:
    from workbench.diagnosis.contracts import Outcome

BROKEN = 1
"""Exit code where a contract does not hold."""


@command(
    examples=[
        ("plugin-check my-plugins/", "everything that the folder brings"),
        ("plugin-check my-plugins/ --json", "the same as JSON"),
    ]
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@as_json
def plugin_check(folder: Path, as_json: bool) -> None:
    """Check the plug-ins of a folder against the contracts of the workbench, a line for each check.

    They are the checks that the tests make of the workbench's own analyses, methods, measures and the rest, on a small
    model and made data: class 0, one image, order, every parameter, model unchanged, an absent class, back from disk.
    Exit code 1 where one fails. The plug-ins' code is run.
    """
    from workbench.app.cli.console import headline
    from workbench.app.cli.json_output import show_json

    with naming(folder):
        folders()  # what is wrong with the folder is said before TensorFlow is imported
        outcomes = []
        for each in _outcomes(folder):
            outcomes.append(each)
            if not as_json:
                _show(each)
    broken = sum(bool(each.broken) for each in outcomes)
    if as_json:
        show_json(outcomes)
    else:
        headline(f"{len(outcomes) - broken} of {len(outcomes)} checks hold.")
    click.get_current_context().exit(BROKEN if broken else 0)


def _outcomes(folder: Path) -> Iterator[Outcome]:
    """Every check as it ends; one that no option can be made for is one too."""
    from workbench.app.cli.commands.analyze import TAKEN
    from workbench.app.cli.options import param_options
    from workbench.diagnosis.contracts import LOADS, Outcome, try_plugins
    from workbench.diagnosis.registry import analysis

    for each in try_plugins(folder):
        yield each
        room, _, name = each.what.partition("/")
        if room == "analyses" and each.claim == LOADS and not each.broken:
            broken = ""
            try:
                param_options(analysis(name).Params, TAKEN)
            except TypeError as error:
                broken = str(error)
            yield Outcome(each.what, "its parameters can be options of a command", broken)


def _show(outcome: Outcome) -> None:
    word = click.style("FAIL", fg="red", bold=True) if outcome.broken else click.style("ok  ", fg="green")
    why = f": {outcome.broken}" if outcome.broken else ""
    click.echo(f"{word}  {plain(f'{outcome.what}  {outcome.claim}{why}')}")
