"""`workbench workspace`: what was said about the images of a data set, in and out of its file, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.options import FILE, FOLDER, Choice, Data, as_json, data_params, with_reading
from workbench.app.cli.program import Command, Group, plain
from workbench.core.errors import Unavailable
from workbench.core.progress import report
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.workspace.identities import Identities
    from workbench.workspace.workspace import Workspace

PAGE = "command line"
"""The label under which the command line says something; `undo` takes back what was said under it."""


def _place(*, run_option: bool = False, data: bool = True) -> list[click.Parameter]:
    """The parameters that say which workspace."""
    run = (
        click.Option(["--run"], metavar="RUN", help="Run whose data it is about.  [default: baseline]")
        if run_option
        else click.Argument(["run"], required=False, metavar="[RUN]")
    )
    which = [click.Option(["--data"], type=Data(), metavar="DATA", help="Data that it is about, instead of a run's.")]
    file = click.Option(
        ["--workspace"],
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="File of the workspace.  [default: that of the data, in the user's data folder]",
    )
    return [run, *(which if data else []), file]


@click.group(
    cls=Group,
    examples=[
        ("workspace log", "who said what about the images of the baseline's data, and when"),
        ("workspace export --data photos/ --out marks.csv", "tags, notes and corrections as a table"),
        ("workspace import my.csv --data photos/", "take them back, or those of another tool"),
    ],
)
def workspace() -> None:
    """Tags, notes, corrections and saved sets of a data set: export, import, log, undo.

    There is one file for each data set, below the user's data folder; WORKBENCH_WORKSPACE names another folder,
    and --workspace a file. Every change stands in its journal with who made it, when, and from where.
    """


@workspace.command(
    cls=Command,
    params=_place(),
    examples=[
        ("workspace export", "what holds, as CSV on stdout"),
        ("workspace export --data photos/ --out marks.jsonl", "as JSON lines in a file"),
        ("workspace export --journal --out journal.csv", "every change there ever was, with undo and redo"),
    ],
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]")
@click.option(
    "--format",
    "format_",
    type=Choice("format", ("csv", "jsonl")),
    help="Format.  [default: by the ending of --out, else csv]",
)
@click.option("--journal", is_flag=True, help="The whole journal instead of what holds now.")
def export(
    *, run: str | None, data: str | None, workspace: Path | None, out: Path | None, format_: str | None, journal: bool
) -> None:
    """Write tags, notes, corrections and saved sets: a line for each image.

    Text that a spreadsheet would run as a formula begins with an apostrophe, which import takes away again.
    """
    from workbench.core.files import write_file
    from workbench.workspace.exports import exported

    with _opened(workspace, run, data) as opened:
        by_name = "jsonl" if out is not None and out.suffix.lower() in (".jsonl", ".ndjson") else "csv"
        text = exported(opened, format_ or by_name, journal=journal)
    if out is None:
        click.echo(text, nl=False)
        return
    report(f"writing {out.name}", 0, 1)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, text)
    except OSError as error:
        raise Unavailable(f"{out} cannot be written: {error.strerror or error}.") from None
    click.echo(plain(f"{plural(text.count(chr(10)), 'line')} in {out}."))


@workspace.command(
    "import",
    cls=Command,
    params=[
        click.Argument(["file"], type=FILE),
        *_place(run_option=True, data=False),
        *data_params("Data that it is about, instead of a run's"),
        click.Option(["--data-dir"], type=FOLDER, help="Folder with the Fashion-MNIST files."),
        click.Option(["--who"], metavar="NAME", default="", help="Who says it.  [default: you]"),
    ],
    examples=[
        ("workspace import my.csv --data photos/", "names and labels or tags from another tool, or an export"),
        ("workspace import my.csv --workspace marks.workspace", "an export into a file of your own"),
    ],
)
@with_reading
@as_json
def import_(
    *,
    file: Path,
    run: str | None,
    data: str | None,
    reading: dict[str, Any],
    data_dir: Path | None,
    workspace: Path | None,
    who: str,
    as_json: bool,
) -> None:
    """Take over an export, or a table of another tool: all of it as one change, or nothing.

    FILE is CSV or JSON lines with a column `name` (also `file`, `filename`, `path`, `image`) or `key`, and `label`,
    `tags` (separated by commas) or `note`. A label that differs from the data's becomes a correction.
    """
    from workbench.app.cli.console import say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.workspace.correction_source import images_of
    from workbench.workspace.imports import import_file

    def images() -> Identities:
        return images_of(data or _data_of(run), data_dir=data_dir, progress=report, **reading)()

    with progress(), _opened(workspace, run, data, who=who, create=True) as opened:
        done = import_file(opened, file, images, source=f"workbench workspace import {file.name}")
    if as_json:
        show_json(done)
        return
    changed = "nothing that was not there already" if done.change is None else plural(done.change.images, "image")
    say(f"{plural(done.lines, 'line')} of {file.name}: {'its journal' if done.journal else changed}.")
    for note in done.notes:
        say(note)


@workspace.command(
    cls=Command,
    params=_place(),
    examples=[
        ("workspace log", "the last 20 changes"),
        ("workspace log --data photos/ --limit 1000 --json", "as JSON"),
    ],
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Changes to show."
)
@as_json
def log(*, run: str | None, data: str | None, workspace: Path | None, limit: int, as_json: bool) -> None:
    """Show who said what, when and from where, the newest first."""
    import pandas as pd

    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.tables import show_table

    with _opened(workspace, run, data) as opened:
        path, changes, tags = opened.path, opened.log(limit), opened.tags()
    if as_json:
        show_json({"workspace": path, "tags": tags, "changes": changes})
        return
    headline(plural(changes[0].id if changes else 0, "change"), str(path))
    if not changes:
        return
    say()
    show_table(
        pd.DataFrame(
            [
                {
                    "change": each.id,
                    "when": each.time.replace("T", " ")[:16],
                    "who": f"{each.who} ({each.page})" if each.page else each.who,
                    "what": each.sentence,
                    "from": each.source or "–",
                }
                for each in changes
            ]
        )
    )


@workspace.command(
    cls=Command,
    params=_place(),
    examples=[
        ("workspace undo", "the last change of yours on the command line"),
        ("workspace undo --anyone", "the last change at all, of a page too"),
        ("workspace undo --redo", "do again what was undone"),
    ],
)
@click.option("--anyone", is_flag=True, help="The last change at all, not only yours on the command line.")
@click.option("--redo", is_flag=True, help="Do again what was undone last.")
@as_json
def undo(*, run: str | None, data: str | None, workspace: Path | None, anyone: bool, redo: bool, as_json: bool) -> None:
    """Undo the last change; where its images were changed since, nothing is done.

    An undo is itself an entry of the journal, so nothing is ever lost.
    """
    from workbench.app.cli.console import say
    from workbench.app.cli.json_output import show_json

    with _opened(workspace, run, data) as opened:
        report("undoing", 0, 1)
        done = opened.redo(anyone=anyone) if redo else opened.undo(anyone=anyone)
    if as_json:
        show_json(done)
        return
    say(f"{'Done again' if redo else 'Undone'}: change {done.target}, {done.value}, {plural(done.images, 'image')}.")


def _opened(
    workspace: Path | None, run: str | None, data: str | None, *, who: str = "", create: bool = False
) -> Workspace:
    from workbench.workspace.place import workspace_of
    from workbench.workspace.workspace import Workspace

    return Workspace.open(workspace or workspace_of(data or _data_of(run)), who=who, page=PAGE, create=create)


def _data_of(run: str | None) -> str:
    """Which data a run was trained on."""
    from workbench.training.runs import open_run

    return open_run(run or "baseline").manifest.dataset
