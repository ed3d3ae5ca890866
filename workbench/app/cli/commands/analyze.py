"""`workbench analyze`: one command for each analysis that the registry finds."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.options import (
    json_option,
    param_options,
    source_params,
    tell_assumption,
    typed_values,
    with_source,
)
from workbench.app.cli.program import Command, Group
from workbench.core.plugins import leave_out

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.core.params import Parameter
    from workbench.session.analysis import Analysis

TAKEN = frozenset(
    {str(param.name) for param in source_params()} | {"json", "as_json", "help", "traceback", "name", "source"}
)


class Analyses(Group):
    """The commands are the analyses, made when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every analysis, in alphabetical order."""
        from workbench.diagnosis.registry import analyses

        return list(analyses())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of one analysis from its parameters; None where there is no such analysis."""
        from workbench.diagnosis.registry import ANALYSES, analyses

        kind = analyses().get(cmd_name)
        if kind is None:
            return None
        try:
            return _command(cmd_name, kind)
        except TypeError as error:  # a parameter that no option can be made of
            if (module := ANALYSES.brought().get(cmd_name)) is None:
                raise
            leave_out(module.path, error)
            return None


@click.group(
    cls=Analyses,
    kind="analysis",
    kinds="analyses",
    examples=[
        ("analyze most-confused --top 5", "the baseline, on the test set"),
        ("analyze per-class mine --split train", "your own run, on the training set"),
        ("analyze top-losses --model my.keras --data my.npz", "your own model and data"),
        ("analyze confusion-matrix --json", "as JSON, for other programs"),
        ("analyze most-confused --help", "the parameters of one analysis"),
    ],
)
def analyze() -> None:
    """Run one analysis: findings and tables in the terminal.

    Results are cached, so running an analysis again returns at once.
    """


def _command(name: str, kind: type[Analysis[Any]]) -> Command:
    def run(source: Source, as_json: bool, **values: Any) -> None:
        _answer(name, kind.question(), source, typed_values(values), as_json)

    first, *rest = source_params()
    return Command(
        name,
        callback=with_source(run),
        params=[first, *param_options(kind.Params, TAKEN), *rest, json_option()],
        help=inspect.cleandoc(kind.__doc__ or ""),
        short_help=kind.question(),
        examples=_examples(name, kind),
    )


def _answer(name: str, question: str, source: Source, values: dict[str, Any], as_json: bool) -> None:
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_result
    from workbench.diagnosis.record import answer_record
    from workbench.diagnosis.registry import compute

    with progress():
        session = source.open()
        result = compute(session, name, values)
    tell_assumption(session, as_json=as_json)
    if not as_json:
        show_result(result, question)
        return
    show_json(answer_record(result))


def _examples(name: str, kind: type[Analysis[Any]]) -> list[tuple[str, str]]:
    """Show the analysis bare, with its first parameter that is a number or a choice, and for other programs."""
    from workbench.core.params import describe

    shown = [(f"analyze {name}", "the baseline, on the test set")]
    for parameter in describe(kind.Params):
        if parameter.kind is not bool and not parameter.many and parameter.default is not None:
            flag = parameter.name.replace("_", "-")
            shown.append((f"analyze {name} --{flag} {_other(parameter)}", "with a parameter changed"))
            break
    return [*shown, (f"analyze {name} mine --json", "your own run, as JSON")]


def _other(parameter: Parameter) -> Any:
    """Return an allowed value that is not the default, where that is easy."""
    if parameter.options:
        return next((option for option in parameter.options if option != parameter.default), parameter.default)
    if parameter.kind is int and parameter.default // 2 >= (parameter.low or 1):
        return parameter.default // 2
    return parameter.default
