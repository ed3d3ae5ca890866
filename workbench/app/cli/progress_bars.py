"""How far it is, as bars on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from workbench.app.cli.program import plain
from workbench.core.progress import reporting

live: list[Console] = []  # the console whose bars are on the terminal now; lines of text go above them


@contextmanager
def progress() -> Iterator[None]:
    """Show what is reported inside as bars on stderr, on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    # A file descriptor of its own, since the import of TensorFlow is kept from writing to the usual one.
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(30),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(),
        )
        out = Console(file=terminal, highlight=False, markup=False, emoji=False)
        with Progress(*columns, console=out, transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
            tasks: dict[str, TaskID] = {}

            def listen(what: str, done: int, total: int) -> None:
                for name, task in tasks.items():
                    if name != what and bars.tasks[task].total is None:
                        bars.update(task, visible=False)  # a step without a measure, and the next one has begun
                if what not in tasks:
                    tasks[what] = bars.add_task(plain(what), total=None, count="")
                counted = {"count": f"{done:,}/{total:,}"} if total > 1 else {}
                bars.update(tasks[what], total=total if total > 1 else None, completed=done, visible=done < total)
                bars.tasks[tasks[what]].fields.update(counted)

            live.append(out)
            try:
                with reporting(listen):
                    yield
            finally:
                live.pop()
