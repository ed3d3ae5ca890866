"""`workbench compare`: two models on the same images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.formats import CSV, JSON, with_format
from workbench.app.cli.options import FOLDER, Choice, data_params, tell_notes, with_reading
from workbench.app.cli.program import command, plain
from workbench.core.spreadsheet import as_csv
from workbench.core.wording import percent, plural

if TYPE_CHECKING:
    import pandas as pd

    from workbench.core.estimate import Estimate
    from workbench.diagnosis.comparison import Comparison

SHOWN = 10
"""Confused pairs that are shown; JSON has all."""


def _outcomes() -> Iterator[str]:
    from workbench.diagnosis.comparison import OUTCOMES

    yield from OUTCOMES


@command(
    params=data_params("Their data, if it is not that of a run; your own data"),
    examples=[
        ("compare baseline residual", "what the second fixes and breaks on the test set"),
        ("compare baseline mine.keras", "a run and a model file, on the run's data"),
        ("compare old.npz new.npz", "predictions that were saved elsewhere"),
        ("compare baseline residual --only broken --format csv", "which images broke, by name"),
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
    form: str,
) -> None:
    """Compare two models on the same images: what the second one fixes and breaks, and what is beyond chance.

    FIRST and SECOND are runs, model files (.keras, .h5, .onnx, .tflite, SavedModel), or saved predictions (.npz, .csv).
    Images are paired by what they hold, so data that was sorted or renamed in between is compared too.
    """
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.diagnosis.comparison import compare as ask
    from workbench.diagnosis.opening import open_both

    with progress():
        both = open_both(first, second, split=split, data=data, data_dir=data_dir, **reading)
        found = ask(*both)
        tell_notes(both[0].dataset)
        table = found.table if only is None else found.table[found.table["outcome"] == only]
    for note in found.notes:
        click.echo(plain(note), err=True)
    if form == CSV:
        click.echo(as_csv(table), nl=False)
        return
    if form == JSON:
        show_json({**_record(found), "images": records(table) if only else None})
        return
    _show(found)


def _record(found: Comparison) -> dict[str, Any]:
    from workbench.app.cli.json_output import records

    one, other = found.names
    agreement, kappa = found.agreement
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
        "confidence": records(found.confidence),
        "assumed": [each.assumed for each in (found.first, found.second) if each.assumed],
        "notes": list(found.notes),
    }


def _show(found: Comparison) -> None:
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
            "difference": _points(found.difference),
            **{name.replace("_", " "): f"{count:,}" for name, count in found.counts.items()},
            "same prediction": agreement,
            "Cohen's κ": kappa,
            **{f"assumed of {each.name}": each.assumed for each in (found.first, found.second) if each.assumed},
        }
    )
    say()
    show_table(_classes(found.classes))
    if len(found.pairs):
        say()
        show_table(_pairs(found.pairs.head(SHOWN)), rest="--json has all")


def _points(gap: Estimate) -> str:
    value, low, high = (100 * each for each in gap)
    return f"{value:.2g} points (95 % interval {low:.2g} to {high:.2g})"


def _classes(table: pd.DataFrame) -> pd.DataFrame:
    """Write the classes as a person reads them."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "class": row["class"],
                "images": row["images"],
                "recall first": percent(row["recall_first"]),
                "second": percent(row["recall_second"]),
                "fixed": row["fixed"],
                "broken": row["broken"],
                "p (Holm)": _chance(row["p_adjusted"]),
            }
            for _, row in table.iterrows()
        ]
    )


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "true": row["true"],
                "predicted": row["predicted"],
                "errors first": row["errors_first"],
                "second": row["errors_second"],
                "p (Holm)": _chance(row["p_adjusted"]),
            }
            for _, row in table.iterrows()
        ]
    )


def _chance(p: float) -> str:
    return "–" if math.isnan(p) else "< 0.0001" if p < 1e-4 else f"{p:.2g}"
