"""`workbench train`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import FILE, Choice, as_json, data_dir
from workbench.cli.program import command, plain

if TYPE_CHECKING:
    from workbench.recipes import TrainingJob
    from workbench.runs import Run


def _architectures() -> Iterator[str]:
    from workbench.architectures import architectures

    return iter(architectures())


def _recipes() -> Iterator[str]:
    from workbench.recipes import RECIPES

    return iter(RECIPES)


@command(
    examples=[
        ("train", "the tuned baseline, as run `baseline-tuned-0`"),
        ("train mine --recipe report --seed 1", "the report's recipe, under a name of one's own"),
        ("train quick --epochs 2 --batch-size 128", "a first look"),
        ("train mine --resume", "go on where it was cut off"),
    ]
)
@click.argument("name", required=False, metavar="[NAME]")
@click.option(
    "--architecture", type=Choice("architecture", _architectures, "NAME"), help="The network.  [default: baseline]"
)
@click.option(
    "--recipe", type=Choice("recipe", _recipes),
    help="The settings to start from: `tuned` is the better one, `report` the literal one.  [default: tuned]",
)  # fmt: skip
@click.option("--epochs", type=int, metavar="N", help="How often the training images are gone through.")
@click.option("--batch-size", type=int, metavar="N", help="Images in one step.")
@click.option("--learning-rate", type=float, metavar="X", help="Step size; the highest one, if it has a schedule.")
@click.option("--validation-split", type=float, metavar="X", help="Share of the training images kept for validation.")
@click.option("--seed", type=int, metavar="N", help="Of weights, order, augmentation and dropout.  [default: 0]")
@click.option("--resume", is_flag=True, help="Go on from the last whole epoch of a training that was cut off.")
@click.option("--data", type=FILE, metavar="FILE.npz", help="Train on data of your own, not on Fashion-MNIST.")
@data_dir
@as_json
def train(
    *, name: str | None, architecture: str | None, recipe: str | None, seed: int | None, resume: bool,
    data: Path | None, data_dir: Path | None, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Train a network and save it as run NAME.

    After each epoch there is a checkpoint; one that was killed goes on with --resume. A run of the same name stays
    until the new one is whole. Without NAME the run is called after what is trained.
    """
    from workbench.recipes import TrainingJob

    given = {"architecture": architecture, "seed": seed, "dataset": data, "data_dir": data_dir}
    fields = {
        key: str(value) if isinstance(value, Path) else value for key, value in given.items() if value is not None
    }
    job = TrainingJob.plan(recipe or "tuned", settings, **fields)
    name = name or f"{job.architecture}-{job.recipe_name}-{job.seed}"
    if resume and recipe is None:
        job = _resumed(name, settings, fields) or job
    run = fit(name, job, resume=resume, quiet=as_json)
    if as_json:
        from workbench.cli.json_output import show_json

        show_json({"path": run.path, **run.manifest.model_dump(mode="json")})


def _resumed(name: str, settings: Mapping[str, Any], fields: Mapping[str, Any]) -> TrainingJob | None:
    """Return the job of an unfinished training, changed by what was given; None where there is none."""
    from workbench.checkpoint import Checkpoint
    from workbench.params import make
    from workbench.recipes import TrainingJob
    from workbench.runs import runs_folder

    state = Checkpoint(runs_folder(), name).read()
    if state is None:
        return None
    changed = {key: value for key, value in settings.items() if value is not None}
    recipe = {**state.job.recipe.model_dump(), **changed}
    return make(TrainingJob, {**state.job.model_dump(), **fields, "recipe": recipe})


def fit(name: str, job: TrainingJob | None, *, resume: bool = False, quiet: bool = False) -> Run:
    """Train with a line for each epoch and a bar for its batches; `quiet` keeps stdout free."""
    from workbench.cli.bars import progress
    from workbench.cli.console import headline, say
    from workbench.progress import report
    from workbench.trainer import train as train_run

    told: list[str] = []

    def announce(what: str, done: int, total: int) -> None:
        if not told and not quiet:  # only now is it known that there is something to train
            headline(f"Training {name}")
        told.append(what)
        report(what, done, total)

    def tell(sentence: str) -> None:
        click.echo(plain(sentence), err=True)

    def on_epoch(row: Mapping[str, float]) -> None:
        if "rows" not in told:
            told.append("rows")
            say("epoch     loss  accuracy  val loss  val accuracy     rate  seconds", "dim")
        say(_line(row))

    with progress():
        run = train_run(name, job=job, resume=resume, progress=announce, on_epoch=None if quiet else on_epoch, say=tell)
    if not quiet:
        say()
        measured = ", ".join(
            f"{split} {100 * values['accuracy']:.2f} %" for split, values in run.manifest.metrics.items()
        )
        say(f"Accuracy: {measured}, after {run.manifest.seconds / 60:.1f} minutes.")
        say(f"Saved in {run.path}. Look at it: workbench page {name}", "dim")
    return run


def _line(row: Mapping[str, float]) -> str:
    validation = ("–", "–") if math.isnan(row["val_loss"]) else (f"{row['val_loss']:.4f}", f"{row['val_accuracy']:.4f}")
    return (
        f"{int(row['epoch']):>5}  {row['loss']:>7.4f}  {row['accuracy']:>8.4f}  {validation[0]:>8}  {validation[1]:>12}"
        f"  {row['learning_rate']:>7.1e}  {row['seconds']:>7.1f}"
    )
