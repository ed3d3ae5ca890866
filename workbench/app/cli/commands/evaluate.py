"""`workbench runs` and `workbench evaluate`: what there is, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.correction_options import corrections_option
from workbench.app.cli.formats import CSV, JSON, with_format
from workbench.app.cli.options import source_params, with_source
from workbench.app.cli.program import command, plain
from workbench.core.jsonable import jsonable
from workbench.core.spreadsheet import as_csv
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.cli.options import Source
    from workbench.session.corrected_labels import CorrectedAccuracy
    from workbench.session.session import Session


@command(examples=[("runs", "a table"), ("runs --json", "every manifest, as JSON")])
@with_format("the table")
def runs(form: str) -> None:
    """List the finished runs: those in saved_models/, and the ones that come with the workbench.

    saved_models/ lies in the working folder or in WORKBENCH_HOME. WORKBENCH_RUNS names another folder, whose runs are
    then the only ones.
    """
    import pandas as pd

    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.tables import show_table
    from workbench.diagnosis.advice.record import kept_with
    from workbench.training.runs import damaged_runs, list_runs, runs_folder

    found = list_runs()
    for each in damaged_runs():
        click.echo(plain(f"Left out: {each}"), err=True)
    if form == JSON:
        show_json(
            [
                {
                    "path": run.path,
                    **run.manifest.model_dump(mode="json"),
                    "advised": None if (said := kept_with(run)) is None else [each.name for each in said.advised],
                }
                for run in found
            ]
        )
        return
    if not found:
        say(f"No runs in {runs_folder()} yet. Train one with `workbench train`.")
        return
    rows = []
    for run in found:
        made, test = run.manifest, run.manifest.metrics.get("test", {})
        rows.append(
            {
                "run": run.name,
                "architecture": made.architecture,
                "recipe": made.recipe,
                "seed": made.seed,
                "epochs": made.epochs,
                "test accuracy": test.get("accuracy"),
                "minutes": f"{made.seconds / 60:.0f}",
                "created": made.created[:10],
                **({} if (said := kept_with(run)) is None else {"advised maps": said.short}),
            }
        )
    table = pd.DataFrame(rows)
    if "advised maps" in table:
        table["advised maps"] = table["advised maps"].fillna("")
    if form == CSV:
        click.echo(as_csv(table), nl=False)
        return
    headline(plural(len(found), "run"), f"new ones are saved in {runs_folder()}")
    show_table(table)
    say()
    places = dict.fromkeys(run.path.parent for run in found)
    facts({", ".join(run.name for run in found if run.path.parent == place): place for place in places})


@command(
    params=source_params(),
    examples=[
        ("evaluate", "the baseline, on the test set"),
        ("evaluate mine --split train", "your own run, on its training set"),
        ("evaluate --model my.keras --data my.npz --json", "your own model, as JSON"),
        ("evaluate mine --corrections", "by the labels as they are, and as they were corrected on the page"),
        ("evaluate --model my.keras --data photos/ --preprocessing find", "with preprocessing found by accuracy"),
    ],
)
@corrections_option
@with_source
@with_format("the table of classes")
def evaluate(source: Source, corrections: str | None, form: str) -> None:
    """Accuracy and loss with their intervals, and precision, recall and F1 of each class.

    With --corrections there is a second accuracy, by the corrected labels; everything else is by those of the data.
    """
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_table
    from workbench.session.corrected_labels import corrected_accuracy

    with progress():
        session = source.open()
        overall, classes = _measure(session)
        corrected = None if corrections is None else corrected_accuracy(session, corrections or None)
    if form == CSV:
        click.echo(as_csv(classes), nl=False)
        return
    if form == JSON:
        given = {
            "preprocessing": session.preprocessing,
            **({"found": session.found} if session.found else {}),
            **({"assumed": session.assumed} if session.assumed else {}),
            **({"output": session.reading} if session.reading else {}),
        }
        about = {"run": session.name, "dataset": session.dataset.name, **given}
        both = {} if corrected is None else {"corrections": {**jsonable(corrected), "sentence": corrected.sentence}}
        show_json({**about, **overall, **both, "classes": records(classes)})
        return
    headline(f"How good is {session.name!r}?", f"{session.dataset.name} · {plural(overall['images'], 'image')}")
    say()
    low, high = overall["accuracy_interval"]
    facts(
        {
            "accuracy": f"{overall['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
            **({} if corrected is None else _corrected(corrected)),
            "loss": f"{overall['loss']:.4f} nats  (mean cross-entropy)",
            "errors": f"{overall['errors']:,}",
            **({"preprocessing": known} if (known := _preprocessing(session)) else {}),
            **({"output": session.reading} if session.reading else {}),
            **({"in doubt" if session.scale.doubt else "assumed": session.assumed} if session.assumed else {}),
        }
    )
    say()
    if corrected is not None:
        say(corrected.sentence)
        say()
    show_table(classes)


def _corrected(found: CorrectedAccuracy) -> dict[str, str]:
    """Say the accuracy by the corrected labels, and what they are."""
    share = found.corrected
    changed = f"{found.relabelled:,} relabelled, {found.dropped:,} dropped, as {found.source} says"
    return {
        "as corrected": f"{share.value:.4f}  (95 % interval {share.low:.4f} to {share.high:.4f})",
        "corrections": changed,
    }


def _preprocessing(session: Session) -> str:
    """Say what the model is given, and how that was found; nothing where it shows it by itself."""
    if session.found:
        return f"{session.preprocessing} ({session.found.rstrip('.')})"
    return "" if session.preprocessing == "auto" else session.preprocessing


def _measure(session: Session) -> tuple[dict[str, Any], pd.DataFrame]:
    import pandas as pd

    from workbench.statistics.confusion import confusion_counts, f1, precision, recall
    from workbench.statistics.rates import wilson

    said = session.predictions
    counts = confusion_counts(said.labels, said.predicted, len(session.class_names))
    right, images = int(said.correct.sum()), len(said)
    low, high = wilson(right, images)
    overall = {
        "images": images,
        "errors": images - right,
        "accuracy": right / images,
        "accuracy_interval": (float(low), float(high)),
        "loss": float(said.loss.mean()),
    }
    classes = pd.DataFrame(
        {
            "class": session.class_names,
            "precision": precision(counts),
            "recall": recall(counts),
            "f1": f1(counts),
            "images": counts.sum(axis=1),
        }
    )
    return overall, classes
