"""Prose on stdout. All text from outside stays text, whatever is in it."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import IO, TextIO, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.app.cli.program import plain
from workbench.app.cli.progress_bars import live

ENDLESS = 1_000_000
"""Columns of a line that is not wrapped."""


def console() -> Console:
    """Return a console of the terminal's width.

    Where the output goes to a file or a pipe, nothing is padded, wrapped or cut: programs read it.
    """
    if live and sys.stdout.isatty():
        return live[-1]
    made = Console(highlight=False, markup=False, emoji=False)
    if made.is_terminal or "COLUMNS" in made._environ:
        return made
    out = cast("IO[str]", _Unpadded(sys.stdout))
    return Console(file=out, highlight=False, markup=False, emoji=False, width=ENDLESS)


def piped() -> bool:
    """Whether what is written goes to another program, or to a file."""
    return console().width == ENDLESS


class _Unpadded(io.TextIOBase):
    """Takes the blanks at the ends of lines away, with which rich fills columns."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """Write lines without blanks at their ends."""
        *lines, rest = text.split("\n")  # an expression for blanks before an end would take time by their square
        self._out.writelines(line.rstrip(" \t") + "\n" for line in lines)
        self._out.write(rest)
        return len(text)

    def flush(self) -> None:
        """Flush what is behind it."""
        self._out.flush()


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
