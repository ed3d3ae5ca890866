"""`workbench compare`: two models on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.formats import CSV, JSON, with_format
from workbench.app.cli.mlflow_option import log_session, mlflow_option, store_of
from workbench.app.cli.options import FOLDER, Choice, data_params, tell_notes, with_reading
from workbench.app.cli.program import command, plain
from workbench.core.errors import WorkbenchError
from workbench.core.spreadsheet import as_csv
from workbench.core.wording import p_value, percent, plural, points

if TYPE_CHECKING:
    import pandas as pd

    from workbench.diagnosis.comparison import Comparison

SHOWN = 10
"""Confused pairs that are shown; JSON has all."""
Columns = Mapping[str, tuple[str, Callable[[Any], object]]]
"""What is shown of a table: its columns, each with its heading and its writer."""
CHANCE: Columns = {"p_adjusted": ("p (Holm)", p_value)}
CLASSES: Columns = {
    "class": ("class", str),
    "images": ("images", int),
    "recall_first": ("recall first", percent),
    "recall_second": ("second", percent),
}
PAIRS: Columns = {
    "true": ("true", str),
    "predicted": ("predicted", str),
    "errors_first": ("errors first", int),
    "errors_second": ("second", int),
}


def _more(gap: float) -> str:
    return f"{100 * gap:+.2f} points".replace("-", "−")


GROUPS: Columns = {
    "group": ("group", str),
    "tested": ("images", int),
    "accuracy_first": ("accuracy first", percent),
    "accuracy_second": ("second", percent),
    "rest": ("rest", _more),
}


def _outcomes() -> Iterator[str]:
    from workbench.diagnosis.comparison import OUTCOMES

    yield from OUTCOMES


@command(
    params=data_params("Their data, if it is not that of a run; your own data"),
    examples=[
        ("compare baseline residual", "what the second fixes and breaks on the test set"),
        ("compare baseline mine.keras", "a run and a model file, on the run's data"),
        ("compare old.npz new.npz", "predictions that were saved elsewhere"),
        ("compare baseline residual --list broken", "which images broke, by name"),
        ("compare baseline residual --where label:Shirt --findings", "shirts only, and findings that went and came"),
        ("compare baseline residual --maps test/23 --method occlusion", "both models' maps of an image, as a figure"),
        ("compare old-0,old-1,old-2 new-0,new-1,new-2", "several seeds of each"),
    ],
)
@click.argument("first")
@click.argument("second")
@click.option(
    "--split",
    type=Choice("split", ("train", "validation", "test")),
    default="test",
    show_default=True,
    help="Part of the data to compare on.",
)
@click.option("--data-dir", type=FOLDER, help="Folder with the Fashion-MNIST files.")
@click.option(
    "--only", type=Choice("outcome", _outcomes), help="With --format csv or json, only images of this outcome."
)
@click.option("--list", "listed", type=Choice("outcome", _outcomes), help="Print the names of this outcome's images.")
@click.option("--where", metavar="QUERY", help="Compare only the images of the first that a query finds.")
@click.option(
    "--maps", "mapped", metavar="IMAGE", multiple=True, help="Draw both models' maps of an image; repeatable."
)
@click.option("--method", default="grad-cam", show_default=True, help="Attribution method of --maps.")
@click.option("--out", type=FOLDER, help="Folder for the figures of --maps.  [default: figures]")
@click.option("--findings", is_flag=True, help="Diagnose both models where that was not done before; takes minutes.")
@mlflow_option
@with_reading
@with_format("one row an image")
def compare(
    *,
    first: str,
    second: str,
    split: str,
    data: str | None,
    data_dir: Path | None,
    reading: dict[str, Any],
    only: str | None,
    listed: str | None,
    where: str | None,
    findings: bool,
    mapped: tuple[str, ...],
    method: str,
    out: Path | None,
    mlflow: str | None,
    form: str,
) -> None:
    """Compare two models on the same images: what the second one fixes and breaks, and what is beyond chance.

    FIRST and SECOND are runs, model files (.keras, .h5, .onnx, .tflite, SavedModel), or saved predictions (.npz, .csv).
    Images are paired by what they hold, so data that was sorted or renamed in between is compared too. Several runs
    of either side, one for each seed, are joined by commas: differences then have to be beyond chance of seeds, too.
    """
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.diagnosis.comparison import compare as ask
    from workbench.diagnosis.opening import open_both

    given: dict[str, Any] = {"split": split, "data": data, "data_dir": data_dir, **reading}
    sides = _runs_of(first), _runs_of(second)
    if any(len(side) > 1 for side in sides):
        if only or listed or findings or mapped or mlflow:
            raise WorkbenchError(
                "`--only`, `--list`, `--maps`, `--findings` and `--mlflow` are about two models. Got several runs."
            )
        _several(*sides, given, where, form)
        return
    store = store_of(mlflow)
    with progress():
        both = open_both(first, second, **given)
        found = ask(*both, where=where)
        tell_notes(both[0].dataset)
        table = found.table if only is None else found.table[found.table["outcome"] == only]
        written = [_write_maps(found, image, method, out or Path("figures")) for image in mapped]
        record = {} if listed or form == CSV else {**_record(found, ask_findings=findings), "maps": written}
        log_session(store, "compare", both[0], versus=found)
    for note in found.notes:
        click.echo(plain(note), err=True)
    if listed:
        names = [str(name) for name in both[0].dataset.names[found.images(listed).rows]]
        if form == JSON:
            show_json(names)
        else:
            click.echo("".join(f"{plain(name)}\n" for name in names), nl=False)
    elif form == CSV:
        click.echo(as_csv(table), nl=False)
    elif form == JSON:
        show_json({**record, "images": records(table) if only else None})
    else:
        _show(found, record)


def _write_maps(found: Comparison, image: str, method: str, out: Path) -> dict[str, Any]:
    """Draw the maps of an image by both models; its row is taken for a name of digits alone."""
    from workbench.app.figure_files import write_figure
    from workbench.app.map_pictures import file_name

    made = found.maps(int(image) if image.isdecimal() else image, method)
    name = file_name("compare", *found.names, made.image, method)
    return {**made.record, "file": str(write_figure(out, name, made.draw(), made.record))}


def _runs_of(given: str) -> list[str]:
    """Split what names several runs at its commas; a file that has one in its name is one."""
    parts = [part.strip() for part in given.split(",") if part.strip()]
    return [given] if Path(given).exists() or len(parts) < 2 else parts


def _several(firsts: list[str], seconds: list[str], given: dict[str, Any], where: str | None, form: str) -> None:
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_table
    from workbench.diagnosis.opening import open_named
    from workbench.diagnosis.several_runs import compare_several

    with progress():
        sessions = [[open_named(each, **given) for each in side] for side in (firsts, seconds)]
        found = compare_several(*sessions, where=where)
        tell_notes(sessions[0][0].dataset)
    for note in dict.fromkeys(note for pair in found.pairs for note in pair.notes):
        click.echo(plain(note), err=True)
    if form == CSV:
        click.echo(as_csv(found.table), nl=False)
    elif form == JSON:
        pairs = [
            {
                "first": pair.names[0],
                "second": pair.names[1],
                "difference": pair.difference,
                "p": pair.chance,
                **pair.counts,
            }
            for pair in found.pairs
        ]
        names = dict(zip(("first", "second"), found.names, strict=True))
        about = {"dataset": sessions[0][0].dataset.name, "images_compared": len(found), "sentence": found.sentence}
        show_json({**names, **about, **found.overall, "classes": records(found.classes), "pairs_of_runs": pairs})
    else:
        headline(found.sentence, f"{sessions[0][0].dataset.name} · {plural(len(found), 'image')}")
        say()
        rates = [f"mean accuracy of {name}" for name in found.names]
        facts({rates[0]: percent(found.overall["accuracy_first"]), rates[1]: percent(found.overall["accuracy_second"])})
        say()
        show_table(_written(found.classes, {**CLASSES, "difference": ("difference", _more)}))


def _record(found: Comparison, *, ask_findings: bool) -> dict[str, Any]:
    from workbench.app.cli.json_output import records

    one, other = found.names
    agreement, kappa = found.agreement
    changes = found.findings(ask=ask_findings)
    return {
        "first": one,
        "second": other,
        "dataset": found.first.dataset.name,
        "images_compared": len(found),
        "sentence": found.sentence,
        **found.counts,
        "accuracy_first": found.accuracies[0],
        "accuracy_second": found.accuracies[1],
        "difference": found.difference,
        "p": found.chance,
        "agreement": agreement,
        "kappa": kappa,
        "classes": records(found.classes),
        "pairs": records(found.pairs),
        "groups": records(found.groups),
        "findings": None if changes is None else [each.record for each in changes],
        "confidence": records(found.confidence),
        "assumed": [each.assumed for each in (found.first, found.second) if each.assumed],
        "notes": list(found.notes),
    }


def _show(found: Comparison, record: dict[str, Any]) -> None:
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.tables import show_table

    one, other = found.names
    headline(found.sentence, f"{found.first.dataset.name} · {plural(len(found), 'image')}")
    say()
    agreement, kappa = found.agreement
    facts(
        {
            f"accuracy of {one}": found.accuracies[0],
            f"accuracy of {other}": found.accuracies[1],
            "difference": points(*found.difference),
            **{name.replace("_", " "): f"{count:,}" for name, count in found.counts.items()},
            "same prediction": agreement,
            "Cohen's κ": kappa,
            **{f"assumed of {each.name}": each.assumed for each in (found.first, found.second) if each.assumed},
        }
    )
    say()
    show_table(_written(found.classes, {**CLASSES, "fixed": ("fixed", int), "broken": ("broken", int)}))
    if len(found.pairs):
        say()
        show_table(_written(found.pairs.head(SHOWN), PAIRS), rest="--json has all")
    say()
    moved = [each for each in found.moved if each.moved]
    if moved:
        show_table(_written(found.groups[found.groups["moved"]], GROUPS))
    elif found.moved:
        say(f"No group of images changes otherwise than the rest: {plural(len(found.moved), 'group')} tested.")
    else:
        say("No group of images seems to change otherwise than the rest.")
    if record["findings"] is None:
        say("Findings are not compared: one of both was not diagnosed. --findings does that now.", "dim")
    for each in record["maps"]:
        say(f"Maps of {each['image']} by {each['method']} are in {each['file']}.", "dim")
    for each in record["findings"] or ():
        say(
            f"Finding {each['state']}: {each['kind']}, {each['subject']}: {each['claim_second'] or each['claim_first']}"
        )


def _written(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Write a comparison's table as a person reads it; last come the p-values."""
    import pandas as pd

    shown = {**columns, **CHANCE}
    return pd.DataFrame({heading: [*map(write, table[name])] for name, (heading, write) in shown.items()})
