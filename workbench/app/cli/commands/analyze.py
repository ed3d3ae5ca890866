"""`workbench analyze`: one command for each analysis that the registry finds."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.cluster_options import cluster_options, crew_of, lent_by
from workbench.app.cli.formats import CSV, JSON, TABLE, format_of, format_options
from workbench.app.cli.options import param_options, source_params, tell_assumption, typed_values, with_source
from workbench.app.cli.program import Command, Group
from workbench.core.plugins import leave_out

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.core.params import Parameter
    from workbench.session.analysis import Analysis
    from workbench.shards.crew import Crew

OWN = ("json", "as_json", "format", "form", "table", "help", "traceback", "name", "source")
"""Parameters of the command itself, besides those that say what it works on."""
TAKEN = frozenset({str(param.name) for param in source_params()} | set(OWN))


class Analyses(Group):
    """The commands are the analyses, made when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every analysis, in alphabetical order."""
        from workbench.diagnosis.registry import analyses

        return list(analyses())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the analyses in their groups, each with its title and its question."""
        from workbench.diagnosis.registry import grouped

        for group, kinds in grouped().items():
            with formatter.section(f"{group}"):
                formatter.write_dl([(name, f"{kind.title}. {kind.question()}") for name, kind in kinds.items()])

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
    taken = set(kind.Params.model_fields)
    divides = not taken & {each.name for each in cluster_options()}

    def run(source: Source, as_json: bool, form: str | None, table: str | None, **values: Any) -> None:
        asked = {each.name: values.pop(str(each.name)) for each in cluster_options() if divides}
        with crew_of(asked.get("cluster"), asked.get("workers")) as crew:
            _answer(name, source, typed_values(values), form=format_of(as_json, form), table=table, crew=crew)

    first, *rest = source_params()
    workers = cluster_options() if divides else []
    last = [*format_options("one table"), _table_option()]
    return Command(
        name,
        callback=with_source(run),
        params=[first, *param_options(kind.Params, TAKEN), *rest, *workers, *last],
        help=inspect.cleandoc(kind.__doc__ or ""),
        short_help=kind.question(),
        examples=_examples(name, kind),
    )


def _table_option() -> click.Option:
    return click.Option(["--table"], metavar="NAME", help="Table to write as CSV.  [default: the first]")


def _answer(
    name: str, source: Source, values: dict[str, Any], *, form: str, table: str | None, crew: Crew | None
) -> None:
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_result
    from workbench.core.errors import unknown
    from workbench.core.spreadsheet import as_csv
    from workbench.diagnosis.record import answer_record
    from workbench.diagnosis.registry import analysis, compute

    with progress():
        session = source.open()
        with lent_by(crew, source, session) as session:
            result = compute(session, name, values)
    tell_assumption(session, as_json=form != TABLE)
    if form == JSON:
        show_json(answer_record(result))
    elif form == CSV:
        tables = {each.replace("_", "-"): frame for each, frame in result.named.items()}
        wanted = next(iter(tables), "") if table is None else table.replace("_", "-")
        if wanted not in tables:
            raise unknown("table", table or "", tables, where=name)
        click.echo(as_csv(tables[wanted]), nl=False)
    else:
        show_result(result, analysis(name).question())


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
