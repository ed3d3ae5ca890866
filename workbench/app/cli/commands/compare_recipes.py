"""`workbench compare-recipes`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.cluster_options import crew_of, divide_by, with_cluster
from workbench.app.cli.options import FOLDER, as_json, data_dir, data_params, typed_values, with_reading
from workbench.app.cli.recipe_options import RecipeCommand, architecture, check_weights, weights
from workbench.core.errors import WorkbenchError
from workbench.core.home import home
from workbench.core.jsonable import jsonable, records
from workbench.core.wording import p_value

if TYPE_CHECKING:
    import pandas as pd


@click.command(
    params=data_params("Instead of Fashion-MNIST, your own data", metadata=False),
    cls=RecipeCommand,
    examples=[
        ("compare-recipes report tuned --seeds 3", "does the tuned recipe help? Six training runs"),
        ("compare-recipes tuned mine.toml --data my.npz --epochs 5", "your own recipe and data, fewer epochs"),
        ("compare-recipes report tuned --seeds 5", "two more seeds; finished runs are reused"),
        ("compare-recipes report tuned --workers 2", "two trainings at a time"),
    ],
)
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE RECIPE …")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="Training runs per recipe.")
@click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--name", default="compare", show_default=True, help="Name of the figure, and prefix of the run names.")
@architecture
@weights
@click.option("--deterministic", is_flag=True, help="Reproducible bit for bit: single-threaded, slower.")
@click.option("--out", type=FOLDER, help="Folder for the figure.  [default: figures]")
@with_cluster
@with_reading
@data_dir
@as_json
def compare_recipes(
    *,
    recipes: tuple[str, ...],
    seeds: int,
    first_seed: int,
    name: str,
    architecture: str | None,
    weights: str | None,
    deterministic: bool,
    out: Path | None,
    data: str | None,
    reading: dict[str, Any],
    cluster: str | None,
    workers: int | None,
    data_dir: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train recipes with several seeds, and test which of them beat the first.

    Recipes are names, .toml files, or run.json files. Each training is saved as run NAME-RECIPE-SEED; finished runs
    are reused and interrupted ones resumed. Settings on the command line override those of every recipe. A recipe
    counts as better only if its difference from the first is significant both over seeds and over test images. A
    training that fails is named, and the others are compared.
    """
    from workbench.app.cli.commands.train import EpochLines
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_finding, show_table
    from workbench.app.figure_files import write_figure
    from workbench.core.params import make
    from workbench.training.recipe_comparison import compare, findings, summary
    from workbench.training.recipe_comparison_figure import QUESTION, draw_comparison
    from workbench.training.recipe_files import open_recipe
    from workbench.training.recipes import TrainingJob
    from workbench.training.several_trainings import train_all

    check_weights(architecture, weights)
    opened = [open_recipe(recipe, typed_values(settings)) for recipe in recipes]
    chosen = dict(opened)
    if len(chosen) < len(opened):
        raise WorkbenchError(f"Two recipes have the same name: {', '.join(each for each, _ in opened)}. Rename a file.")
    said = {
        "architecture": architecture,
        "weights": weights,
        "dataset": data,
        "reading": reading or None,
        "data_dir": None if data_dir is None else str(data_dir),
        "deterministic": deterministic,
    }
    job = make(TrainingJob, {key: value for key, value in said.items() if value is not None})
    lines = EpochLines("", quiet=as_json)

    with progress(), crew_of(cluster, workers) as crew:
        trained = train_all(
            chosen, range(first_seed, first_seed + seeds), job=job, prefix=name, divide=divide_by(crew), **lines.told
        )
        table = compare(trained)
        context = {"dataset": job.dataset, "images": len(trained[0].correct)}
        made = {"architecture": job.architecture, "seeds": seeds, "first_seed": first_seed, **typed_values(settings)}
        told = list(findings(table))
        answer = {"question": QUESTION, "context": context, "params": made, "table": records(table), "findings": told}
        record = {**answer, **lines.failed}
        picture = write_figure(
            out or home() / "figures", name, draw_comparison(table, trained, context, made), jsonable(record)
        )
    if as_json:
        show_json({**record, "figure": picture})
        return
    say()
    headline(QUESTION, summary(trained))
    say()
    show_table(_in_words(table))
    say()
    for finding in told:
        show_finding(finding)
    say(f"Figure: {picture}", "dim")


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Write the comparison as a person reads it: per cent and points, each with its interval."""
    import pandas as pd

    rows = []
    for _, row in table.iterrows():
        first = math.isnan(row["difference"])
        rows.append(
            {
                "recipe": row["recipe"],
                "accuracy %": f"{100 * row['accuracy']:.2f}{_span(row, 'accuracy', '')}",
                "points": "–" if first else f"{100 * row['difference']:+.2f}",
                "over seeds": "–" if first else _span(row, "seeds", "+").strip(" ()") or "no interval",
                "over images": "–" if first else _span(row, "images", "+").strip(" ()"),
                "p": p_value(row["chance"]),
                "verdict": row["verdict"],
                "epochs": f"{row['epochs']:g}",
                "minutes": f"{row['minutes']:.1f}",
            }
        )
    return pd.DataFrame(rows)


def _span(row: pd.Series[Any], what: str, sign: str) -> str:
    low, high = row[f"{what}_low"], row[f"{what}_high"]
    return "" if math.isnan(low) else f" ({100 * low:{sign}.2f} to {100 * high:{sign}.2f})"
