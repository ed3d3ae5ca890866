"""Findings and tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from workbench.app.cli.console import console, headline, piped, say
from workbench.app.cli.program import plain
from workbench.core.wording import cell, plural

if TYPE_CHECKING:
    import pandas as pd

    from workbench.core.finding import Finding
    from workbench.core.image_names import ImageNames
    from workbench.core.result import Result

MOST_ROWS, MOST_EVIDENCE = 20, 8
NUMBERS_OF_THINGS = {"index", "label", "seed", "epoch"}  # to be copied, so without separators
MARKS = {"info": ("•", "cyan"), "mild": ("▲", "yellow"), "serious": ("▲", "red"), "critical": ("✖", "bold red")}


def show_result(result: Result, question: str) -> None:
    """Write findings and tables of an analysis."""
    context = result.context
    where = [str(context[key]) for key in ("run", "dataset") if context.get(key)]
    if context.get("images"):
        where.append(plural(int(context["images"]), "image"))
    headline(question, " · ".join(where))
    if result.findings:
        say()
    for finding in result.findings:
        show_finding(finding, names=result.names)
    for name, frame in result.named.items():
        say()
        show_table(frame, name.replace("_", " "))


def show_finding(
    finding: Finding, *, names: ImageNames | None = None, title: str = "", more: Sequence[str] = ()
) -> None:
    """Write one sentence, what to do about it, and the images that show it.

    Args:
        finding: the finding.
        names: of the images; None where there are none to show.
        title: a line before it.
        more: lines after it.
    """
    mark, colour = MARKS[finding.severity]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column()
    if title:
        grid.add_row("", Text.assemble((plain(title), "bold"), (f"  {finding.severity}", colour)))
    grid.add_row(Text(mark, style=colour), Text(plain(finding.claim)))
    if finding.advice:
        grid.add_row("", Text(plain(finding.advice), style="italic"))
    if finding.evidence and names is not None:
        shown = ", ".join(map(plain, names.of_set(finding.evidence[:MOST_EVIDENCE])))
        others = len(finding.evidence) - MOST_EVIDENCE
        whose = "training images" if finding.part == "train" else "images"
        rest = f" and {others:,} more (--json lists all)" if others > 0 else ""
        grid.add_row("", Text(f"{whose}: {shown}{rest}", style="dim"))
    for line in more:
        grid.add_row("", Text(plain(line), style="dim"))
    if title:
        grid.add_row("", "")
    console().print(grid)


def show_table(
    frame: pd.DataFrame, title: str = "", *, rest: str = "--json prints all", all_rows: bool = False
) -> None:
    """Write a table; on a terminal columns that do not fit stand below, and long tables are cut and say so."""
    out, rows = console(), frame if all_rows or piped() else frame.head(MOST_ROWS)
    if title:
        out.print(Text(plain(title), style="bold"))
    columns = [
        Column(
            _clip(plain(name).replace("_", " "), out.width // 3),
            tuple(
                _clip(plain(cell(value, separators=name not in NUMBERS_OF_THINGS)), out.width // 3)
                for value in rows[name]
            ),
            getattr(frame[name].dtype, "kind", "O") in "iuf",
        )
        for name in frame
    ]
    for number, some in enumerate(_fitting(columns, out.width)):
        if number:
            out.print()
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for column in some:
            table.add_column(Text(column.name), justify="right" if column.numeric else "left", no_wrap=True)
        for row in zip(*(column.cells for column in some), strict=True):
            table.add_row(*(Text(each) for each in row))
        out.print(table)
    if len(frame) > len(rows):
        say(f"… {plural(len(frame) - len(rows), 'more row')} ({rest}).", "dim")


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


def _clip(text: str, most: int) -> str:
    """Cut the middle out of a long text: names often differ only at their ends."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[len(text) - half :]}"
