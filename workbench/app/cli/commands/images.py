"""`workbench images`: choose images by a query, look at them, mark them, write them to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.commands.workspace import PAGE
from workbench.app.cli.options import Choice, source_params, with_source
from workbench.app.cli.program import command, plain
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.cli.options import Source
    from workbench.core.image_set import Part
    from workbench.session.images import Images
    from workbench.session.images.near import By

FORMATS = ("table", "csv", "tsv", "json", "jsonl", "paths", "npz")
FIRST = ("name", "label", "predicted", "confidence")
"""Columns of the table, before what the query asks about."""


@command(
    params=source_params(),
    examples=[
        ("images --where 'label:Coat predicted:Pullover confidence>0.9'", "which they are, as a table"),
        ("images --where correct:no --sort -confidence --format csv", "errors, the most confident first"),
        ("images --part train --where 'label_issue>0.5' --compute --tag check", "tag likely wrong training labels"),
        ("images --where 'tag:check' --part train --relabel Shirt", "note that their label should be another"),
        ("images --data photos/ --where 'camera:north' --format paths", "names of files, by a column of the metadata"),
        ("images --nearest test/4143 --part train --limit 12", "training images that the model finds most alike"),
        ("images --fields", "what can be asked about"),
    ],
)
@with_source
@click.option("--where", "query", default="", metavar="QUERY", help="Which images; see below.  [default: all]")
@click.option(
    "--part",
    type=Choice("part", ("train", "validation", "test")),
    help="Images of this part, with what the analyses of the evaluated part know of them.  [default: --split]",
)
@click.option("--nearest", metavar="IMAGE", help="The images nearest to this one, the nearest first.")
@click.option(
    "--by",
    type=Choice("sense", ("embedding", "pixels")),
    default="embedding",
    show_default=True,
    help="What --nearest compares: the model's embeddings, or pixels.",
)
@click.option("--sort", metavar="[-]FIELD", help="Sort by a field, with - the largest first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N of them.")
@click.option(
    "--format", "form", type=Choice("format", FORMATS), help="Format.  [default: by the ending of --out, else table]"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]")
@click.option("--compute", is_flag=True, help="Run the analyses that know what is asked about.")
@click.option("--fields", is_flag=True, help="List what images can be chosen by, instead of images.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Give them a tag; repeatable.")
@click.option("--untag", "untags", multiple=True, metavar="TAG", help="Take a tag from them; repeatable.")
@click.option("--note", metavar="TEXT", help='Write a note to each; "" removes it.')
@click.option("--relabel", metavar="CLASS", help="Note that their label should be CLASS; the data stays as it is.")
@click.option("--drop", is_flag=True, help="Note that they should not be used; the data stays as it is.")
@click.option("--keep", is_flag=True, help="Note that they are right as they are.")
@click.option("--clear", is_flag=True, help="Take back --relabel, --drop or --keep.")
@click.option(
    "--workspace",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of what is said about images.  [default: that of the data]",
)
def images(
    *,
    source: Source,
    query: str,
    part: str | None,
    nearest: str | None,
    by: By,
    sort: str | None,
    limit: int | None,
    form: str | None,
    out: Path | None,
    compute: bool,
    fields: bool,
    workspace: Path | None,
    **said: Any,
) -> None:
    """Choose images by a query; look at them, tag and correct them, export them.

    A query is terms that must all hold: label:Coat, predicted:"Ankle boot", confidence>0.9, loss:1..2, correct:no,
    tag:check, note:blurred, name:*/coat/*, a column of the metadata, or a word of the name. A minus before a term turns
    it round, commas join values, and `or` and brackets join terms. `--fields` lists what can be asked about.
    """
    from workbench.app.cli.progress_bars import progress

    if form is None:
        form = "table" if out is None else out.suffix.lower().removeprefix(".")
    if form == "npz" and out is None:
        raise WorkbenchError("Images and labels as .npz are no text: give the file with `--out FILE.npz`.")
    if sum([said["relabel"] is not None, said["drop"], said["keep"], said["clear"]]) > 1:
        raise WorkbenchError("Give one of --relabel, --drop, --keep and --clear: an image has one correction.")
    with progress():
        found = _part(replace(source, workspace=workspace), part, nearest, by)
        if fields:
            _show_fields(found)
            return
        found = found.where(query, compute=compute)
        if sort is not None:
            found = found.sort(sort, compute=compute)
        found = found[:limit] if limit is not None else found
    with found.session.workspace:  # closed, it is one file
        with progress():
            report("marking images", 0, 1)
            _mark(found, **said)
        _give(found, query, sort, form, out)


def _part(source: Source, part: str | None, nearest: str | None, by: By) -> Images:
    """Open the session and return all images of a part, or those of it nearest to one of either part."""
    from workbench.core.image_names import exact_image

    trained = part == "train" and source.split != "train"
    session = (source if part is None or trained else replace(source, split=part)).open()
    session.workspace = session.workspace.acting(page=PAGE)
    among: Part = "train" if trained else "data"
    found = session.images_of(among)
    if nearest is None:
        return found
    whose: Part = "data"
    if (train := session.training) is not None and exact_image(session.dataset.names, nearest) is None:
        whose = "train" if exact_image(train.dataset.names, nearest) is not None else "data"
    return session.nearest(nearest, part=whose, among=among, by=by, most=len(found))


def _mark(
    found: Images,
    *,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    note: str | None,
    relabel: str | None,
    drop: bool,
    keep: bool,
    clear: bool,
) -> None:
    """Say what is to be said about the images, and that it was said."""
    done = list[str]()
    for tag in tags:
        found.tag(tag)
        done.append(f"tagged {tag}")
    for tag in untags:
        found.untag(tag)
        done.append(f"no longer tagged {tag}")
    if note is not None:
        found.note(note)
        done.append("noted" if note else "no longer noted")
    if relabel is not None:
        found.relabel(relabel)
        done.append(f"to be relabelled {found.session.class_names[found.session.class_index(relabel)]}")
    for asked, act, words in (
        (drop, found.drop, "to be dropped"),
        (keep, found.keep, "to be kept"),
        (clear, found.clear, "no longer corrected"),
    ):
        if asked:
            act()
            done.append(words)
    if done:
        click.echo(plain(f"{plural(len(found), 'image')} {', '.join(done)}; undo: workbench workspace undo"), err=True)


def _give(found: Images, query: str, sort: str | None, form: str, out: Path | None) -> None:
    """Write the images to the terminal or to a file."""
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.tables import show_table

    if out is not None:
        if form == "table":
            raise WorkbenchError(
                "A table is for the terminal. A file is csv, tsv, json, jsonl, paths or npz: give --format."
            )
        written = found.export(out.with_suffix(out.suffix or f".{form}"), form=form)
        click.echo(plain(f"{plural(len(found), 'image')} in {written}"), err=True)
        return
    if form != "table":
        click.echo(found.text(form), nl=False)
        return
    headline(plural(len(found), "image"), f"{found.session.dataset.name} · {found.session.name}")
    if len(found):
        say()
        show_table(_table(found, query, sort), rest="--format csv writes all")


def _table(found: Images, query: str, sort: str | None) -> pd.DataFrame:
    """Return the columns that the query asks about, and what was said."""
    from workbench.session.images.grammar import parse
    from workbench.session.images.query import fields_in

    table = found.table
    asked = [*fields_in(parse(query)), *([sort.removeprefix("-")] if sort else [])]
    named = {str(column).casefold(): column for column in table.columns}
    wanted = [*FIRST, *(named.get(name.casefold(), name) for name in asked), "tag", "note", "correction"]
    return table[[name for name in dict.fromkeys(wanted) if name in table]]


def _show_fields(found: Images) -> None:
    """List what images can be chosen by."""
    import pandas as pd

    from workbench.app.cli.tables import show_table

    lines = []
    for name, field in found.fields.items():
        there = field.ready()
        options = list(found.known.column(name).options) if there and field.kind in ("category", "tags") else []
        lines.append(
            {
                "field": name,
                "what": field.title,
                "kind": {"truth": "yes or no", "tags": "text", "words": "text"}.get(field.kind, field.kind),
                "values": ", ".join(option for option in options if option) or field.unit,
                "from": field.group if there else f"{field.group} (not computed yet)",
            }
        )
    show_table(pd.DataFrame(lines), all_rows=True)
