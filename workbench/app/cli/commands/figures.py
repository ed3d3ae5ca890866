"""`workbench figures`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.cluster_options import crew_of, lent_by, with_cluster
from workbench.app.cli.options import FOLDER, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import BUG, command
from workbench.core.home import home
from workbench.core.progress import report

if TYPE_CHECKING:
    from workbench.app.cli.options import Source


@command(
    params=source_params(),
    examples=[
        ("figures", "every analysis of the baseline, under figures/baseline/"),
        ("figures mine --only most-confused,top-losses", "two analyses of your own run"),
        ("figures --limit 1000 --out quick/", "a first look: only the first 1,000 images"),
        ("figures --model my.keras --data photos/ --workers 4", "four processes on this machine"),
    ],
)
@with_source
@click.option("--only", metavar="A,B", default="", help="Only these analyses, comma-separated.  [default: all]")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N images.")
@click.option("--out", type=FOLDER, help="Folder to write to.  [default: figures/RUN]")
@with_cluster
@as_json
def figures(
    *,
    source: Source,
    only: str,
    limit: int | None,
    out: Path | None,
    cluster: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Draw every analysis: a figure and a .json with its numbers each, and a gallery, index.md.

    Analyses that do not apply to the model or the data are skipped; the gallery says why.
    """
    import pandas as pd

    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_table
    from workbench.app.figure_files import write_figures

    wanted = tuple(name.strip() for name in only.split(",") if name.strip())
    with progress(), crew_of(cluster, workers) as crew, ExitStack() as lending:
        session = lending.enter_context(lent_by(crew, source, source.open(), limit))
        folder = out or home() / "figures" / session.name
        written = write_figures(session, folder, only=wanted, limit=limit, progress=report)
    tell_assumption(session, as_json=as_json)
    failed = any(each.failed for each in written)
    if as_json:
        show_json(written)
        click.get_current_context().exit(BUG if failed else 0)
    headline(f"Figures of {session.name} in {folder}", f"{session.dataset.name} · the gallery is {folder / 'index.md'}")
    say()
    show_table(
        pd.DataFrame(
            [
                {
                    "analysis": each.name,
                    "figure": each.png.name if each.png else "–",
                    "seconds": f"{each.seconds:.1f}" if each.png else "–",
                    "note": each.skipped or each.failed,
                }
                for each in written
            ]
        )
    )
    click.get_current_context().exit(BUG if failed else 0)
