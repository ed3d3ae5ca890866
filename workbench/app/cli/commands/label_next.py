"""`workbench label-next`: which unlabelled images are worth a label first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.formats import CSV, JSON, with_format
from workbench.app.cli.options import FOLDER, source_params, with_source
from workbench.app.cli.program import command, plain
from workbench.core.spreadsheet import as_csv

if TYPE_CHECKING:
    from workbench.app.cli.options import Source

SHOWN = 20
"""Images that are shown; `--out` and the other formats have all."""


@command(
    params=source_params(),
    examples=[
        ("label-next baseline --unlabelled photos/", "the hundred images that would teach the baseline most"),
        ("label-next mine --unlabelled photos/ --count 500 --out next.txt", "as a list of names, the first one first"),
        ("label-next --model my.keras --data my.npz --unlabelled photos/", "of your own model"),
    ],
)
@click.option("--unlabelled", type=FOLDER, required=True, metavar="DIR", help="Folder of images without labels.")
@click.option("--count", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Images to rank.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File for their names, one a line.")
@with_source
@with_format("the list")
def label_next(source: Source, unlabelled: Path, count: int, out: Path | None, form: str) -> None:
    """Rank unlabelled images: those that the model is unsure of, unlike each other, without copies.

    Images that are copies of one another, or of training images, are left out. Names are paths below the folder.
    """
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_table
    from workbench.core.errors import Unavailable
    from workbench.core.files import write_file
    from workbench.core.progress import report
    from workbench.session.next_labels import next_labels

    with progress():
        session = source.open()
        found = next_labels(session, unlabelled, count)
        for note in found.pool.notes:
            click.echo(plain(note), err=True)
        if out is not None:
            report(f"writing {out.name}", 0, 1)
            try:
                out.parent.mkdir(parents=True, exist_ok=True)
                write_file(out, "".join(f"{name}\n" for name in found.names))
            except OSError as error:
                raise Unavailable(f"{out} cannot be written: {error.strerror or error}.") from None
    if form == JSON:
        about = {"run": session.name, "sentence": found.sentence, "copies": found.copies, "known": found.known}
        show_json({**about, "images": records(found.table), "out": out})
        return
    if form == CSV:
        click.echo(as_csv(found.table), nl=False)
        return
    headline(found.sentence, session.name)
    say()
    show_table(found.table.head(SHOWN))
    if out is not None:
        say(f"Names: {out}", "dim")
