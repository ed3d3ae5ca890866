"""`workbench train`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.correction_options import again_name, corrected_job, with_corrections
from workbench.app.cli.mlflow_option import log_session, mlflow_option, store_of
from workbench.app.cli.options import FOLDER, Choice, as_json, data_dir, data_params, typed_values, with_reading
from workbench.app.cli.program import plain
from workbench.app.cli.recipe_options import RecipeCommand, architecture, check_weights, usual_recipe, weights
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report

if TYPE_CHECKING:
    from workbench.app.mlflow_store import Store
    from workbench.training.recipes import TrainingJob
    from workbench.training.runs import Run
    from workbench.training.several_trainings import Told


def _strategies() -> Iterator[str]:
    from workbench.training.distribution import KINDS

    return iter(KINDS)


TITLE = "epoch     loss  accuracy  val loss  val accuracy     rate  seconds     left"


@click.command(
    params=data_params("Instead of Fashion-MNIST, your own data", metadata=False),
    cls=RecipeCommand,
    examples=[
        ("train", "the tuned baseline, as run `baseline-tuned-0`"),
        ("train mine --recipe report --seed 1", "the report's recipe, under a name of your own"),
        ("train quick --epochs 2 --batch-size 128", "a first look"),
        ("train --recipe augmented --show-recipe", "print a recipe as TOML, ready to edit"),
        ("train mine --data my.npz --rotation 10 --patience 3", "your own data, with early stopping"),
        ("train mine --checkpoints 5", "keep the weights after five of its epochs, for `analyze influence`"),
        ("train mine --resume", "resume an interrupted training"),
        ("train mine-2 --from mine --corrections", "the same recipe and seed on data that was corrected on the page"),
        ("train mine-2 --from mine --corrections my.csv --copies exact", "corrections of a table; copies left out"),
        ("train mine --architecture resnet50 --weights FILE.h5", "a pretrained network with a new classifier"),
    ],
)
@click.argument("name", required=False, metavar="[NAME]")
@architecture
@weights
@click.option(
    "--recipe",
    metavar="RECIPE",
    help="Settings to start from: a name (`tuned`, `augmented`, `transfer`, `report`), a .toml file, or a run's "
    "run.json.  [default: tuned, or the network's own]",
)
@click.option("--from", "again", metavar="RUN", help="Train as this run was: its data, recipe, network and seed.")
@with_corrections
@click.option("--show-recipe", is_flag=True, help="Print the recipe as TOML and exit.")
@click.option(
    "--augmentation-samples",
    type=FOLDER,
    metavar="FOLDER",
    help="First write examples of augmented images to this folder.",
)
@click.option(
    "--seed", type=int, metavar="N", help="Random seed for weights, order, augmentation and dropout.  [default: 0]"
)
@click.option(
    "--checkpoints",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Keep the weights after N epochs, evenly spaced: `influence` then adds up over them.  [default: 0]",
)
@click.option("--resume", is_flag=True, help="Resume an interrupted training at its last complete epoch.")
@click.option(
    "--deterministic/--no-deterministic", default=None, help="Reproducible bit for bit: single-threaded, slower."
)
@click.option(
    "--strategy",
    type=Choice("strategy", _strategies, "auto|none|mirrored|multi-worker"),
    help="Train on all GPUs (mirrored), or on the machines that TF_CONFIG names (multi-worker).  [default: auto]",
)
@mlflow_option
@with_reading
@data_dir
@as_json
def train(
    *,
    name: str | None,
    architecture: str | None,
    weights: str | None,
    recipe: str | None,
    again: str | None,
    corrections: str | None,
    copies: str | None,
    show_recipe: bool,
    augmentation_samples: Path | None,
    seed: int | None,
    checkpoints: int | None,
    resume: bool,
    deterministic: bool | None,
    strategy: str | None,
    data: str | None,
    reading: dict[str, Any],
    data_dir: Path | None,
    mlflow: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a network and save it as run NAME.

    A checkpoint is written after each epoch; --resume continues from it. An existing run of the same name is replaced
    only when the new one is complete. NAME defaults to ARCHITECTURE-RECIPE-SEED; with --from, to RUN-corrected where
    something is corrected, else to RUN-again.

    With --corrections, images of the training part get the labels that they were given on the page or in a table, or
    are left out; test images stay as they are. What was changed stands in run.json, the list in corrections.csv beside.
    """
    from workbench.training.distribution import is_chief, using
    from workbench.training.recipe_files import as_toml

    said = {
        "architecture": architecture,
        "weights": weights,
        "seed": seed,
        "checkpoints": checkpoints,
        "deterministic": deterministic,
        "dataset": data,
        "reading": reading or None,
        "data_dir": data_dir,
    }
    fields = {key: str(value) if isinstance(value, Path) else value for key, value in said.items() if value is not None}
    check_weights(architecture, weights)
    job = _planned(recipe, again, architecture, typed_values(settings), fields, corrected=corrections is not None)
    if show_recipe:
        click.echo(as_toml(job.recipe), nl=False)
        return
    changes = corrections is not None or copies is not None
    fresh = f"{job.architecture}-{job.recipe_name}-{job.seed}"
    name = name or (f"{again_name(again)}-{'corrected' if changes else 'again'}" if again else fresh)
    begun = _resume(name, typed_values(settings), fields) if resume and recipe is None else None
    job = begun or job
    if changes and (begun is None or begun.corrections is None):
        job = corrected_job(job, corrections, copies)
    if augmentation_samples is not None:
        _draw_samples(job, augmentation_samples, quiet=as_json)
    store = store_of(mlflow)
    with using(strategy or "auto"):
        run = fit(name, job, resume=resume, quiet=as_json)
        path = run.path if is_chief() else None
    if path is not None and store is not None:
        _log(store, run, data_dir)
    if as_json:
        from workbench.app.cli.json_output import show_json

        show_json({"path": path, **run.manifest.model_dump(mode="json")})


def _log(store: Store, run: Run, data_dir: Path | None) -> None:
    """Log a run that was trained, and what is known of it by then."""
    from workbench.app.cli.progress_bars import progress
    from workbench.diagnosis.opening import open_session

    with progress():
        session = open_session(run.path, data_dir=data_dir)
        log_session(store, "train", session, history=run.history)


def _planned(
    recipe: str | None,
    again: str | None,
    architecture: str | None,
    settings: Mapping[str, Any],
    fields: Mapping[str, Any],
    *,
    corrected: bool,
) -> TrainingJob:
    """Return what is to be trained: as a run was, or by a recipe; changed by what was given."""
    from workbench.core.params import make
    from workbench.training.recipe_files import open_recipe
    from workbench.training.recipes import Recipe, TrainingJob
    from workbench.training.retraining import job_again

    if again is None:
        recipe_name, chosen = open_recipe(recipe or usual_recipe(architecture), settings)
        return make(TrainingJob, {"recipe_name": recipe_name, "recipe": chosen, **fields})
    if recipe is not None:
        raise WorkbenchError(f"Give --from or --recipe, not both. Got {again!r} and {recipe!r}.")
    job = job_again(again, corrected=corrected)
    changed = make(Recipe, {**job.recipe.model_dump(), **settings})
    return make(TrainingJob, {**job.model_dump(), **fields, "recipe": changed})


def _resume(name: str, settings: Mapping[str, Any], fields: Mapping[str, Any]) -> TrainingJob | None:
    """Return the job of an unfinished training, changed by what was given; None where there is none."""
    from workbench.core.params import make
    from workbench.training.checkpoint import Checkpoint
    from workbench.training.recipes import Recipe, TrainingJob
    from workbench.training.runs import runs_folder

    state = Checkpoint(runs_folder(), name).read()
    if state is None:
        return None
    recipe = make(Recipe, {**state.job.recipe.model_dump(), **settings})
    return make(TrainingJob, {**state.job.model_dump(), **fields, "recipe": recipe})


def _draw_samples(job: TrainingJob, folder: Path, *, quiet: bool) -> None:
    """Draw what the trainer will make of some training images."""
    from workbench.app.cli.console import say
    from workbench.app.cli.progress_bars import progress
    from workbench.app.figure_files import write_results, writing_to
    from workbench.data import load_dataset
    from workbench.diagnosis import registry
    from workbench.session.session import Session
    from workbench.training.devices import one_order

    name, settings = "augmentation-samples", job.recipe.model_dump()
    shown = {key: settings[key] for key in registry.analysis(name).Params.model_fields if key in settings}
    with progress(), writing_to(folder):
        if job.deterministic:  # the samples are the first that TensorFlow computes here
            one_order()
        images = load_dataset(job.dataset, split="train", data_dir=job.data_dir, progress=report, **job.reading)
        untrained = Session(None, images, name="not trained yet", cache=False)
        values = {**shown, "flip": "yes" if job.recipe.flip else "no", "seed": job.seed}
        result = registry.compute(untrained, name, values)
        write_results(folder, [result], {})
    if not quiet:
        say(f"Augmented images: {folder / 'augmentation-samples.png'}")
        for finding in result.findings:
            say(f"  {finding.claim}", "dim")


def fit(name: str, job: TrainingJob | None, *, resume: bool = False, quiet: bool = False) -> Run:
    """Train with a line for each epoch and bars for its batches and for all; `quiet` keeps stdout free."""
    from workbench.app.cli.console import say
    from workbench.app.cli.progress_bars import progress
    from workbench.training.distribution import is_chief
    from workbench.training.trainer import train as train_run

    told = EpochLines(name, quiet=quiet)
    with progress():
        run = train_run(
            name, job=job, resume=resume, progress=report, on_epoch=told.epoch, on_start=told.start, say=told.sentence
        )
    if not quiet:
        say()
        measured = ", ".join(
            f"{split} {100 * values['accuracy']:.2f} %" for split, values in run.manifest.metrics.items()
        )
        say(f"Accuracy: {measured}, after {run.manifest.seconds / 60:.1f} minutes.")
        saved = f"Saved in {run.path}. View it with `workbench page {name}`."
        say(saved if is_chief() else "The chief worker saves the run.", "dim")
    return run


class EpochLines:
    """What a training tells, as lines.

    Args:
        name: of the run.
        quiet: whether stdout stays free.
    """

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._quiet = quiet
        self._failed: dict[str, str] = {}
        self.begin(name)

    def begin(self, name: str, trains: bool = True) -> None:
        """Tell of another run from here on, and whether it has to be trained."""
        from workbench.app.cli.console import say

        self._name, self._epochs = name, 0
        self._seconds: list[float] = []
        if not trains and not self._quiet:
            say(f"{name}: already trained.", "dim")

    @property
    def told(self) -> Told:
        """What several trainings are to be told."""
        return {
            "progress": report,
            "say": self.sentence,
            "on_run": self.begin,
            "on_start": self.start,
            "on_epoch": self.epoch,
            "on_failure": self.fail,
        }

    @property
    def failed(self) -> dict[str, dict[str, str]]:
        """Why some runs could not be trained, by name, as it stands in an answer for programs; empty where all were."""
        return {"failed": self._failed} if self._failed else {}

    def fail(self, name: str, why: str) -> None:
        """Say on stderr that a run could not be trained."""
        self._failed[name] = why
        self.sentence(f"{name} could not be trained: {why}")

    def start(self, epochs: int, device: str) -> None:
        """Say what is trained on what."""
        from workbench.app.cli.console import headline

        self._epochs = epochs
        if not self._quiet:
            headline(f"Training {self._name} on {device}")

    def sentence(self, sentence: str) -> None:
        """Say what is worth a sentence, on stderr."""
        click.echo(plain(sentence), err=True)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Write the line of an epoch, with the time that the others will take if they take as long."""
        from workbench.app.cli.console import say

        if self._quiet:
            return
        if not self._seconds:
            say(TITLE, "dim")
        self._seconds.append(row["seconds"])
        left = (self._epochs - int(row["epoch"])) * sum(self._seconds) / len(self._seconds)
        say(f"{_line(row)}  {_clock(left):>7}")


def _line(row: Mapping[str, float]) -> str:
    validation = ("–", "–") if math.isnan(row["val_loss"]) else (f"{row['val_loss']:.4f}", f"{row['val_accuracy']:.4f}")
    return (
        f"{int(row['epoch']):>5}  {row['loss']:>7.4f}  {row['accuracy']:>8.4f}  {validation[0]:>8}  {validation[1]:>12}"
        f"  {row['learning_rate']:>7.1e}  {row['seconds']:>7.1f}"
    )


def _clock(seconds: float) -> str:
    """Write a time as h:mm:ss or m:ss; none where nothing is left."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not whole:
        return "–"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
