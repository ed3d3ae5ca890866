"""`workbench runs` and `workbench evaluate`: what there is, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.cluster_options import crew_of, tell_left_out, with_cluster
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
        ("evaluate mine --hierarchy tree.json", "how far errors go in a tree of the classes, too"),
        ("evaluate --model my.keras --data photos/ --workers 4", "four processes on this machine"),
    ],
)
@corrections_option
@with_source
@with_cluster
@with_format("the table of classes")
def evaluate(*, source: Source, corrections: str | None, cluster: str | None, workers: int | None, form: str) -> None:
    """Accuracy and loss with their intervals, and precision, recall and F1 of each class.

    From 20 classes on there is the top-5 accuracy too; with --hierarchy the accuracy by its groups, and how far errors
    go in it: how many levels up the group lies that holds the label and the prediction.

    With --corrections there is a second accuracy, by the corrected labels; everything else is by those of the data.
    """
    from workbench.app.cli.console import facts, headline, say
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import MOST_ROWS, show_table
    from workbench.session.corrected_labels import corrected_accuracy

    left_out: dict[str, str] = {}
    with progress(), crew_of(cluster, workers) as crew:
        session = source.open()
        if crew is not None:
            from workbench.shards.predictions import predict

            names = session.dataset.names
            session, without = predict(session, source.opener, crew)
            left_out = {str(names[row]): why for row, why in sorted(without.items())}
        overall, classes = _measure(session)
        corrected = None if corrections is None else corrected_accuracy(session, corrections or None)
    tell_left_out(left_out)
    if form == CSV:
        click.echo(as_csv(classes), nl=False)
        return
    if form == JSON:
        given = {
            **({"left_out": left_out} if left_out else {}),
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
            **_of_many(overall),
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
    if len(classes) <= MOST_ROWS:
        show_table(classes)
    else:
        show_table(classes.sort_values("f1", kind="stable"), rest="the lowest F1 came first; --json prints all")


def _of_many(overall: dict[str, Any]) -> dict[str, str]:
    """Say what is measured of many classes, or of a tree of them."""
    said = {}
    if "top5_accuracy" in overall:
        low, high = overall["top5_interval"]
        said["top-5"] = f"{overall['top5_accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})"
    for level, groups in enumerate(overall.get("group_accuracy", ()), 1):
        (low, high), which = groups["interval"], "group" if len(overall["group_accuracy"]) == 1 else f"level {level}"
        of = plural(groups["groups"], "group")
        said[which] = f"{groups['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f}; {of})"
    if (far := overall.get("error_distance")) is not None:
        ends = f"95 % interval {far['interval'][0]:.2f} to {far['interval'][1]:.2f}; " if far["interval"] else ""
        said["error distance"] = (
            f"{far['levels']:.2f} levels of {far['most']}  ({ends}{far['by_chance']:.2f} by chance)"
        )
    return said


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
        **_measure_many(session),
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


def _measure_many(session: Session) -> dict[str, Any]:

    from workbench.statistics.top_five import top_five
    from workbench.statistics.tree_errors import distance_by_chance, error_distance, group_accuracy

    said, tree, found = session.predictions, session.hierarchy, dict[str, Any]()
    if (share := top_five(said)) is not None:
        found |= {"top5_accuracy": share.value, "top5_interval": share.interval}
    if tree is None:
        return found
    found["group_accuracy"] = [
        {
            "level": level,
            "groups": len(set(tree.at_level(level).tolist())),
            "accuracy": of.value,
            "interval": of.interval,
        }
        for level in range(1, tree.levels + 1)
        for of in [group_accuracy(tree, said.labels, said.predicted, level)]
    ]
    far = error_distance(tree, said.labels, said.predicted)
    found["error_distance"] = far and {
        "levels": far.value,
        "interval": far.interval,
        "most": int(tree.heights[tree.root]),
        "by_chance": distance_by_chance(tree, said.labels, said.predicted),
    }
    return found
