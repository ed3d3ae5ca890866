"""`workbench prove`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from workbench.app.cli.cluster_options import crew_of, divide_by, with_cluster
from workbench.app.cli.correction_options import with_corrections
from workbench.app.cli.options import FOLDER, as_json, data_dir
from workbench.app.cli.program import command
from workbench.core.home import home
from workbench.core.jsonable import jsonable


@command(
    examples=[
        ("prove mine --corrections", "did the corrections of the page help? Six training runs"),
        ("prove mine --corrections my.csv --seeds 5 --control", "those of a table, beside as many at random"),
        ("prove mine --corrections --copies exact", "and without copies of images"),
        ("prove mine --corrections --workers 2", "two trainings at a time"),
    ]
)
@click.argument("run")
@with_corrections
@click.option(
    "--seeds",
    type=click.IntRange(2, 100),
    default=3,
    show_default=True,
    help="Training runs before, and as many after.",
)
@click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--control", is_flag=True, help="Also train with as many corrections of images drawn at random.")
@click.option("--deterministic", is_flag=True, help="Reproducible bit for bit: single-threaded, slower.")
@click.option("--out", type=FOLDER, help="Folder for the figure.  [default: figures]")
@with_cluster
@data_dir
@as_json
def prove(
    *,
    run: str,
    corrections: str | None,
    copies: str | None,
    seeds: int,
    first_seed: int,
    control: bool,
    deterministic: bool,
    out: Path | None,
    cluster: str | None,
    workers: int | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Train a run with and without corrections, with several seeds, and say whether they helped.

    All are measured on the test images with the labels that these have, which nobody corrects here. The answer counts
    only if it is beyond chance both over seeds and over test images. Each training is saved as a run; finished ones are
    reused and interrupted ones resumed, so the same command goes on where it was killed. A training that fails is
    named, and its seed is left out.
    """
    from workbench.app.cli.commands.train import EpochLines
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.figure_files import write_figure
    from workbench.training.corrected_data import Copies
    from workbench.training.proof import QUESTION
    from workbench.training.proof import prove as ask
    from workbench.training.recipe_comparison_figure import draw_comparison

    lines = EpochLines("", quiet=as_json)

    with progress(), crew_of(cluster, workers) as crew:
        proof = ask(
            run,
            corrections=corrections or None,
            copies=cast("Copies", copies or ""),
            seeds=seeds,
            first_seed=first_seed,
            control=control,
            deterministic=deterministic,
            data_dir=None if data_dir is None else str(data_dir),
            divide=divide_by(crew),
            **lines.told,
        )
        made = {"seeds": seeds, "first_seed": first_seed, "corrections": proof.corrections.sentence}
        context = {"run": proof.run, "images": len(proof.trained[0].correct)}
        figure = draw_comparison(proof.table, proof.trained, context, made, question=QUESTION)
        picture = write_figure(out or home() / "figures", f"prove-{proof.run}", figure, jsonable(proof.record))
    if as_json:
        show_json({**proof.record, **lines.failed, "figure": picture})
        return
    say()
    headline(QUESTION, f"{proof.run} · {proof.corrections.sentence}, as {proof.corrections.source} says")
    say()
    say(proof.sentence)
    if proof.control_sentence:
        say(proof.control_sentence)
    say(f"Runs: {', '.join(name for names in proof.runs.values() for name in names)}.", "dim")
    say(f"Figure: {picture}", "dim")
