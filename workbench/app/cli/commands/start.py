"""`workbench start`, the main job, and `workbench page`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import source_params, with_source
from workbench.app.cli.program import command
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.session.session import Session
    from workbench.training.runs import Run

port = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    metavar="N",
    help="Port of the page; 0 for any free one.",
)
limit_seconds = click.option(
    "--limit-seconds",
    type=click.FloatRange(0, 86400),
    default=120.0,
    show_default=True,
    metavar="N",
    help="Seconds that a program's call to the page may take; 0 for any time.",
)
no_browser = click.option("--no-browser", is_flag=True, help="Do not open a browser.")


@command(
    params=source_params(),
    examples=[
        ("start", "data, baseline, page, browser"),
        ("start --model my.keras --data photos/", "your own model, and a folder with one sub-folder per class"),
        ("start mine", "your own run"),
        ("start --port 7861 --no-browser", "another port, and no browser"),
        ("start --retrain", "retrain the baseline first (about 15 minutes)"),
    ],
)
@with_source
@port
@limit_seconds
@no_browser
@click.option("--retrain", is_flag=True, help="Retrain the baseline even if there is one.")
def start(source: Source, port: int, limit_seconds: float, no_browser: bool, retrain: bool) -> None:
    """Prepare data and model, and serve the page.

    Downloads Fashion-MNIST and trains the baseline if they are missing. With a run, or with --model and --data, uses
    those instead.
    """
    from workbench.app.cli.progress_bars import progress
    from workbench.app.page.server import bind

    if retrain and source.own:
        raise WorkbenchError("`--retrain` applies to the baseline only: leave out the run, `--model` and `--data`.")
    bind("127.0.0.1", port).close()  # before anything that takes long
    own = source.own
    if not own:
        source = _with_baseline(source, retrain)
    with progress():
        session = source.open()
        if own:
            _step(
                "data",
                f"{session.dataset.name}, {plural(len(session.dataset), 'image')} of "
                f"{plural(len(session.class_names), 'class')}",
            )
        session.predictions  # noqa: B018 - computed now, with a bar, where they are missing
    _serve(session, port, limit_seconds, no_browser)


@command(
    params=source_params(),
    examples=[
        ("page", "the baseline"),
        ("page mine", "your own run"),
        ("page --model my.keras --data my.npz", "your own model and data"),
    ],
)
@with_source
@port
@limit_seconds
@no_browser
def page(source: Source, port: int, limit_seconds: float, no_browser: bool) -> None:
    """Serve the page for a run (no data download or training).

    Other programs can use the page over HTTP: POST /api/predict, /api/explain and /api/analyze, each with its
    parameters as a JSON object. "API" in the page's upper right corner documents them.
    """
    from workbench.app.cli.progress_bars import progress

    with progress():
        session = source.open()
    _serve(session, port, limit_seconds, no_browser)


def _with_baseline(source: Source, retrain: bool) -> Source:
    """Find Fashion-MNIST and the baseline, or get them."""
    from workbench.app.cli.progress_bars import progress
    from workbench.data.sources.fashion_mnist import locate

    with progress():
        located = locate(source.data_dir, progress=report)
    _step("data", f"Fashion-MNIST, verified; from {located.source}")
    return replace(source, run=str(_baseline(retrain, source.data_dir).path))


def _baseline(retrain: bool, data_dir: Path | None) -> Run:
    """Open the run `baseline`; train it where there is none, or where it is wished."""
    from workbench.app.cli.commands.train import fit
    from workbench.training.checkpoint import Checkpoint
    from workbench.training.recipes import TrainingJob
    from workbench.training.runs import list_runs, open_run, runs_folder

    there = (runs_folder() / "baseline").exists() or any(run.name == "baseline" for run in list_runs())
    if there and not retrain:
        run = open_run("baseline")
        accuracy = run.manifest.metrics.get("test", {}).get("accuracy")
        _step("run", f"{run.path}" + (f", test accuracy {100 * accuracy:.2f} %" if accuracy else ""))
        return run
    cut_off = not retrain and Checkpoint(runs_folder(), "baseline").read() is not None
    _step("run", "training the baseline; if interrupted, the next start resumes at its last epoch")
    job = None if cut_off else TrainingJob.plan(data_dir=None if data_dir is None else str(data_dir))
    return fit("baseline", job, resume=cut_off)


def _serve(session: Session, port: int, limit_seconds: float, no_browser: bool) -> None:
    from workbench.app.cli.console import say
    from workbench.app.page.server import serve

    if session.has_predictions:
        images = plural(len(session.predictions), "image")
        _step(
            "predictions",
            f"{session.dataset.name}, {images}, {plural(int((~session.predictions.correct).sum()), 'error')}",
        )
    else:
        _step("predictions", "not computed yet; the page shows the progress")
    serve(session, port=port, limit=limit_seconds, open_browser=not no_browser, tell=_tell)
    say()
    say("Stopped.", "dim")


def _tell(url: str) -> None:
    from workbench.app.cli.console import say

    say()
    say(f"  {url}", "bold")
    say()
    say("Press Ctrl-C to stop.", "dim")


def _step(what: str, how: str) -> None:
    from workbench.app.cli.console import facts

    facts({f"{what:<12}": how})
