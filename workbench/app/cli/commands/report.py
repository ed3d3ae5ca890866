"""`workbench report`: what was found, as one file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import Choice, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import command
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.cli.options import Source

HTML, MARKDOWN = "html", "md"


@command(
    params=source_params(),
    examples=[
        ("report --out report.html", "the baseline, everything asked; opens in any browser, prints to A4"),
        ("report mine --compare baseline --out report.html", "and what your run fixes and breaks"),
        ("report mine --fast --format md", "as Markdown for a pull request, on stdout"),
        ("report --image test/12 --image test/23 --out report.html", "maps of images of your choice"),
    ],
)
@with_source
@click.option("--compare", metavar="B", help="Compare with another run, model file or saved predictions.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write to.  [default: report.html; Markdown: stdout]",
)
@click.option(
    "--format",
    "form",
    type=Choice("format", (HTML, MARKDOWN)),
    help="A page, or Markdown.  [default: by --out, or html]",
)
@click.option("--fast", is_flag=True, help="Ask only the analyses that take seconds.")
@click.option(
    "--image", "images", multiple=True, metavar="NAME", help="Image to explain, by name; repeatable.  [default: errors]"
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="METHOD",
    help="Attribution method; repeatable.  [default: those that `workbench advise` named, else integrated-gradients "
    "and grad-cam, if they apply]",
)
@as_json
def report(
    *,
    source: Source,
    compare: str | None,
    out: Path | None,
    form: str | None,
    fast: bool,
    images: tuple[str, ...],
    methods: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write what was found as one file that needs nothing else: HTML to read and print, or Markdown.

    Numbers with intervals, problems with their images by name, chosen maps with their verdicts, figures, methods and
    limits, and how to make it again. If interrupted, run the same command again to continue.
    """
    from workbench.app.cli.beside import open_other, typed
    from workbench.app.cli.console import say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.report.document import as_html
    from workbench.app.report.gathering import gather
    from workbench.app.report.paths import without_folders
    from workbench.app.report.text import as_markdown
    from workbench.app.report.writing import reserved, write_report

    form = form or (MARKDOWN if out is not None and out.suffix.lower() in (".md", ".markdown") else HTML)
    if out is None and (form == HTML or as_json):
        out = Path(f"report.{form}")
    with progress(), nullcontext() if out is None else reserved(out):
        session = source.open()
        against = None if compare is None else open_other(source, session, compare)
        given = [*typed(source, elsewhere=True)]
        made = gather(session, quick=fast, against=against, images=images, methods=methods, source=given)
        hidden = without_folders(session, *([] if against is None else [against]))
        content = (as_html if form == HTML else as_markdown)(made, hidden)
        if out is not None:
            write_report(out, content)
    tell_assumption(session, as_json=as_json or out is None)
    if as_json:
        show_json({"file": out, "format": form, "bytes": len(content.encode()), "problems": len(made.problems)})
    elif out is None:
        click.echo(content, nl=False)
    else:
        size = len(content.encode()) / 2**20
        say(f"{out}: {plural(len(made.problems), 'problem')}, {plural(len(made.charts), 'figure')}, {size:.1f} MB")
