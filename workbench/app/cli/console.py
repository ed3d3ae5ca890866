"""Prose on stdout. All text from outside stays text, whatever is in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.app.cli.program import plain
from workbench.app.cli.progress_bars import live


def console() -> Console:
    """Return a console of the terminal's width; 120 columns where the output goes to a file or a pipe."""
    if live and sys.stdout.isatty():
        return live[-1]
    made = Console(highlight=False, markup=False, emoji=False)
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
