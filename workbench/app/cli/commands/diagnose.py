"""`workbench diagnose`: what is wrong, worst first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import FOLDER, Choice, as_json, source_params, with_source
from workbench.app.cli.program import command
from workbench.core.wording import counted, listed, percent

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.diagnosis.diagnose import Diagnosis
    from workbench.diagnosis.ranking import Diagnosed

FOUND = 3
"""Exit code where `--fail-on` found something."""


@command(
    params=source_params(),
    examples=[
        ("diagnose --fast", "the baseline, in less than a minute"),
        ("diagnose mine --out report/", "a run of one's own, with the figure of each finding"),
        ("diagnose --model my.keras --data my.npz", "a model and data of one's own"),
        ("diagnose mine --json --fail-on serious", "for other programs: exit code 3 if there is a serious fault"),
    ],
)
@with_source
@click.option("--fast", is_flag=True, help="Ask only what takes seconds.")
@click.option("--out", type=FOLDER, help="Write the figure of each finding, and diagnosis.json, into this folder.")
@click.option(
    "--fail-on",
    type=Choice("severity", ("mild", "serious", "critical")),
    help="Exit with 3 if there is a finding of this severity or worse.",
)
@as_json
def diagnose(source: Source, fast: bool, out: Path | None, fail_on: str | None, as_json: bool) -> None:
    """Find what is wrong with a model and its data, and rank it by what it costs.

    Every analysis that can find faults is asked: about labels, duplicates, shortcuts, calibration, groups of images,
    and so on. For each fault: a sentence, the images that show it, what to do, and what would confirm it. Stopped at
    any moment, the same command goes on where it was.
    """
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.diagnosis.diagnose import diagnose as ask
    from workbench.diagnosis.record import as_record

    with progress():
        session = source.open()
        found = ask(session, quick=fast)
        record = as_record(found, session)
        if out is not None:
            from workbench.app.figure_files import write_results

            write_results(out, [found.asked[name] for name in _analyses_of(found)], {"diagnosis.json": record})
    if as_json:
        show_json(record)
    else:
        _show(found, out)
    failed = fail_on and any(each.finding.severity >= fail_on for each in found.findings)
    click.get_current_context().exit(FOUND if failed else 0)


def _analyses_of(found: Diagnosis) -> list[str]:
    return list(dict.fromkeys(each.analysis for each in found.findings))


def _show(found: Diagnosis, out: Path | None) -> None:
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.tables import show_finding

    context = found.context
    headline(
        f"What is wrong with {context['run']}, worst first",
        f"{context['dataset']} · {int(context['images']):,} images · {len(found.asked)} analyses asked",
    )
    say()
    if not found.findings:
        say("Nothing stands out.")
    for each in found.findings:
        show_finding(each.finding, title=f"{each.rank}. {each.finding.kind}", more=_more(each, int(context["images"])))
    for name, why in found.left_out.items():
        say(f"Not asked: {name}: {why}", "dim")
    if out is not None:
        say(f"Figures and diagnosis.json are in {out}.", "dim")


def _more(each: Diagnosed, images: int) -> list[str]:

    finding, lines = each.finding, []
    if finding.cost is not None and finding.cost.value:
        span = finding.cost.interval
        points = f" ({percent(span[0])} to {percent(span[1])})" if span else ""
        about = counted(round(finding.cost.value * images), "image")
        lines.append(f"at stake: {about}, {percent(finding.cost.value)}{points}")
    if finding.confirm:
        lines.append(f"to confirm: {finding.confirm}")
    if each.also:
        lines.append(f"with it: {listed([f'{other.kind} ({name})' for name, other in each.also], 4)}")
    lines.append(f"more: workbench analyze {each.analysis}")
    return lines
