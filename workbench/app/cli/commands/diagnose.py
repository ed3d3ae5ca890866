"""`workbench diagnose`: what is wrong, worst first."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.cluster_options import crew_of, tell_left_out, with_cluster
from workbench.app.cli.formats import CSV, JSON, TABLE, with_format
from workbench.app.cli.mlflow_option import log_session, mlflow_option, store_of
from workbench.app.cli.options import FOLDER, Choice, source_params, tell_assumption, with_source
from workbench.app.cli.program import FOUND, command
from workbench.core.spreadsheet import as_csv
from workbench.core.wording import join_names, plural

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.cli.options import Source
    from workbench.core.image_names import ImageNames
    from workbench.diagnosis.diagnose import Diagnosis
    from workbench.diagnosis.ranking import Diagnosed


@command(
    params=source_params(),
    examples=[
        ("diagnose --fast", "the baseline, quick analyses only"),
        ("diagnose mine --out report/", "your own run, with a figure for each finding"),
        ("diagnose --model my.keras --data my.npz", "your own model and data"),
        ("diagnose mine --json --fail-on serious", "as JSON; exit code 3 if a finding is serious"),
        ("diagnose mine --workers 4", "four processes on this machine"),
    ],
)
@with_source
@click.option("--fast", is_flag=True, help="Run only the analyses that take seconds.")
@click.option("--out", type=FOLDER, help="Write diagnosis.json and a figure for each finding to this folder.")
@click.option(
    "--fail-on",
    type=Choice("severity", ("mild", "serious", "critical")),
    help="Exit with code 3 on a finding of this severity or worse.",
)
@mlflow_option
@with_cluster
@with_format("a line for each problem")
def diagnose(
    *,
    source: Source,
    fast: bool,
    out: Path | None,
    fail_on: str | None,
    mlflow: str | None,
    cluster: str | None,
    workers: int | None,
    form: str,
) -> None:
    """Find the problems of a model and its data, ranked by what they cost.

    Runs every analysis that can find faults: label errors, duplicates, shortcuts, calibration, weak slices and so on.
    Each finding comes with the images that show it, what to do, and how to check it. If interrupted, run the same
    command again to continue.
    """
    from workbench.app.cli.beside import typed
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.figure_files import write_results, writing_to
    from workbench.diagnosis.diagnose import diagnose as ask
    from workbench.diagnosis.record import as_record

    store = store_of(mlflow)
    with progress(), writing_to(out), crew_of(cluster, workers) as crew:
        session, divide = source.open(), None
        if crew is not None:
            from workbench.diagnosis.divided_answers import answers_by
            from workbench.shards.lending import passed

            session, lent, left_out = passed(session, source.opener, crew)
            tell_left_out(left_out)
            divide = answers_by(lent)
        found = ask(session, quick=fast, divide=divide)
        record = as_record(found, session)
        if out is not None:
            write_results(out, [found.asked[name] for name in _analyses_of(found)], {"diagnosis.json": record})
        log_session(store, "diagnose", session, found=found)
    tell_assumption(session, as_json=form != TABLE)
    if form == JSON:
        show_json(record)
    elif form == CSV:
        click.echo(as_csv(_lines(record)), nl=False)
    else:
        _show(found, session.image_names, out, [*typed(source)])
    failed = fail_on and any(each.finding.severity >= fail_on for each in found.findings)
    click.get_current_context().exit(FOUND if failed else 0)


def _lines(record: dict[str, Any]) -> pd.DataFrame:
    """Return one line for each problem, with how many images show it."""
    import pandas as pd

    columns = ("rank", "severity", "kind", "claim", "images_at_stake", "accuracy_at_stake", "advice", "confirm")
    lines = [
        {**{name: each[name] for name in columns}, "shown_by": len(each["indices"]), "analysis": each["analysis"]}
        for each in record["findings"]
    ]
    return pd.DataFrame(lines, columns=[*columns, "shown_by", "analysis"])


def _analyses_of(found: Diagnosis) -> list[str]:
    return list(dict.fromkeys(each.analysis for each in found.findings))


def _show(found: Diagnosis, names: ImageNames, out: Path | None, source: Sequence[str]) -> None:
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.tables import show_finding

    context = found.context
    headline(
        f"Problems of {context['run']!r}, worst first",
        f"{context['dataset']} · {plural(int(context['images']), 'image')} · "
        f"{plural(len(found.asked), 'analysis')} run",
    )
    say()
    if not found.findings:
        say("No problems found.")
    for each in found.findings:
        title = f"{each.rank}. {each.finding.kind}"
        show_finding(each.finding, names=names, title=title, more=_more(each, int(context["images"]), source))
    for name, why in found.left_out.items():
        say(f"Not run: {name}: {why}", "dim")
    if out is not None:
        say(f"Figures and diagnosis.json are in {out}.", "dim")


def _more(each: Diagnosed, images: int, source: Sequence[str]) -> list[str]:
    from workbench.diagnosis.record import affected

    finding = each.finding
    lines = [said] if (said := affected(finding, images)) else []
    if finding.confirm:
        lines.append(f"check: {finding.confirm}")
    if each.also:
        others = dict.fromkeys(f"{other.kind} ({name})" for name, other in each.also)  # several of a kind are said once
        lines.append(f"also explains: {join_names([*others], 4)}")
    lines.append(f"details: workbench analyze {shlex.join([each.analysis, *source])}")
    return lines
