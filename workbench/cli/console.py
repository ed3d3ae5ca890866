"""What the commands write: results on stdout, how far it is on stderr. All text from outside stays text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.cli.program import plain
from workbench.progress import reporting

if TYPE_CHECKING:
    import pandas as pd

    from workbench.contracts import Finding
    from workbench.result import Result

MOST_ROWS, MOST_EVIDENCE = 20, 8
MARKS = {"info": ("•", "cyan"), "mild": ("▲", "yellow"), "serious": ("▲", "red"), "critical": ("✖", "bold red")}


def console(stderr: bool = False) -> Console:
    """Return a console of the terminal's width; 120 columns where the output goes to a file or a pipe."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in made._environ:  # rich would cut tables at 80
        made.width = 120
    return made


def say(message: str = "", style: str = "") -> None:
    """Write a line of prose."""
    console().print(Text(plain(message), style=style))


def headline(title: str, where: str = "") -> None:
    """Write what follows, and quietly what it is about."""
    console().print(Text.assemble((plain(title), "bold"), "\n" if where else "", (plain(where), "dim")))


def facts(rows: Mapping[str, object]) -> None:
    """Write names and values in two columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(plain(name), Text(plain(value)))
    console().print(grid)


def show_json(value: object) -> None:
    """Write JSON, NaN as null; Unicode stays readable, control characters are escaped."""
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False))


def jsonable(value: Any) -> Any:
    """Turn dataclasses, numpy's numbers, paths and NaN into what JSON has."""
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON has it: one object a row."""
    return [{str(name): jsonable(value) for name, value in row.items()} for row in frame.to_dict("records")]


def show_result(result: Result, question: str) -> None:
    """Write findings and tables of an analysis."""
    context = result.context
    where = [str(context[key]) for key in ("run", "dataset") if context.get(key)]
    if context.get("images"):
        where.append(f"{int(context['images']):,} images")
    headline(question, " · ".join(where))
    if result.findings:
        say()
    for finding in result.findings:
        show_finding(finding)
    for name, frame in result.tables.items():
        say()
        show_table(frame, name.replace("_", " "))


def show_finding(finding: Finding) -> None:
    """Write one sentence, what to do about it, and the images that show it."""
    mark, colour = MARKS[finding.severity]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column()
    grid.add_row(Text(mark, style=colour), Text(plain(finding.claim)))
    if finding.advice:
        grid.add_row("", Text(plain(finding.advice), style="italic"))
    if finding.evidence:
        shown = ", ".join(str(row) for row in finding.evidence[:MOST_EVIDENCE])
        more = len(finding.evidence) - MOST_EVIDENCE
        grid.add_row("", Text(f"images {shown}{f' and {more:,} more' if more > 0 else ''}", style="dim"))
    console().print(grid)


def show_table(frame: pd.DataFrame, title: str = "") -> None:
    """Write a table; columns that do not fit stand in a second table below, long tables are cut and say so."""
    out, shown = console(), frame.head(MOST_ROWS)
    if title:
        out.print(Text(plain(title), style="bold"))
    columns = [
        Column(
            _cut(plain(name).replace("_", " "), out.width // 3),
            tuple(_cut(cell(value), out.width // 3) for value in shown[name]),
            getattr(frame[name].dtype, "kind", "O") in "iuf",
        )
        for name in frame
    ]
    for some in _fitting(columns, out.width):
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for column in some:
            table.add_column(Text(column.name), justify="right" if column.numeric else "left", no_wrap=True)
        for row in zip(*(column.cells for column in some), strict=True):
            table.add_row(*(Text(each) for each in row))
        out.print(table)
    if len(frame) > MOST_ROWS:
        say(f"… {len(frame) - MOST_ROWS:,} more rows; --json prints all of them.", "dim")


@dataclass(frozen=True)
class Column:
    """One column as it is written."""

    name: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def width(self) -> int:
        """Characters on the terminal, with the gap after it."""
        return max(cell_len(text) for text in (self.name, *self.cells)) + 2


def _fitting(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Yield as many columns as fit at a time; each part begins with the first column, which says whose row it is."""
    part: list[Column] = []
    for column in columns:
        if len(part) > 1 and sum(each.width for each in part) + column.width - 2 > width:
            yield part
            part = [columns[0]]
        part.append(column)
    if part:
        yield part


def _cut(text: str, most: int) -> str:
    """Cut the middle out of a long text: names often differ only at their ends."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[len(text) - half :]}"


def cell(value: Any) -> str:
    """Write one value of a table."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}" if 0.0005 <= abs(value) < 1000 or value == 0 else f"{value:.2g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(each) for each in value)
    return plain(value)


@contextmanager
def progress() -> Iterator[None]:
    """Show what is reported inside as bars on stderr, on a terminal; elsewhere nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(plain(what), total=total)
            bars.update(tasks[what], completed=done, total=total, visible=done < total)

        with reporting(listen):
            yield
