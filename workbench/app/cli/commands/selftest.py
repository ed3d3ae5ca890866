"""`workbench selftest`: does the workbench find what was planted?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import FOLDER, Choice, as_json
from workbench.app.cli.program import command
from workbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.diagnosis.selftest import Score


def _names() -> Iterator[str]:
    from workbench.diagnosis.faults import faults

    yield from faults()


@command(
    examples=[
        ("selftest --quick", "every fault once, in three minutes"),
        ("selftest --only watermark --repeats 5", "one fault, five seeds in every world"),
        ("selftest --seed 100 --out selftest/", "everything with other seeds; the scorecard as files"),
    ]
)
@click.option("--quick", is_flag=True, help="Plant every fault once, on the smallest images.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--only", type=Choice("fault", _names, "FAULT"), multiple=True, help="This fault only; repeatable.")
@click.option("--repeats", type=click.IntRange(1, 100), default=3, show_default=True, help="Seeds per case.")
@click.option("--whole", is_flag=True, help="Run every analysis, the slow ones too.")
@click.option("--out", type=FOLDER, help="Write scorecard.md and scorecard.json to this folder.")
@as_json
def selftest(
    *, quick: bool, seed: int, only: tuple[str, ...], repeats: int, whole: bool, out: Path | None, as_json: bool
) -> None:
    """Plant known faults in generated data and networks, and report how many the diagnosis finds.

    A fault counts as found if it is among the first three findings. Controls have no fault, or a harmless one; a
    finding above "mild" is a false alarm there. Each seed draws new places and weights. If interrupted, run the same
    command again to continue. Exit code 1 if fewer than 90 % pass.
    """
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.figure_files import write_results, writing_to
    from workbench.app.markdown import markdown_table
    from workbench.diagnosis.selftest import cases, scorecard
    from workbench.diagnosis.selftest import selftest as run

    if quick and repeats != 3:
        raise WorkbenchError("`--quick` plants every fault once: leave out `--repeats`.")
    with progress(), writing_to(out):
        scores = run(list(cases(quick=quick, seed=seed, only=only, repeats=repeats)), quick=not whole, cache=True)
        card = scorecard(scores)
        passed = sum(each.passed for each in scores)
        record = {
            "seed": seed,
            "passed": passed,
            "cases": len(scores),
            "scorecard": records(card),
            "scores": [asdict(each) for each in scores],
        }
        if out is not None:
            text = f"# Scorecard of the self-test\n\n{_sentence(scores)}\n\n{markdown_table(card)}\n"
            write_results(out, [], {"scorecard.json": record, "scorecard.md": text})
    if as_json:
        show_json(record)
    else:
        from workbench.app.cli.console import headline, say
        from workbench.app.cli.tables import show_table

        headline("Does the workbench find what was planted?", _sentence(scores))
        say()
        show_table(card.drop(columns="first_findings"))
        for each in scores:
            if not each.passed:
                what = ", ".join(each.alarms) if each.alarms else f"first: {' > '.join(each.first) or 'nothing'}"
                say(f"Not passed: {each.world}, {each.fault}, seed {each.seed}: {what}", "dim")
    click.get_current_context().exit(0 if passed >= 0.9 * len(scores) else 1)


def _sentence(scores: list[Score]) -> str:
    from workbench.statistics.rates import rate

    parts = []
    for said, own in (
        ("faults are among the first three findings", [each for each in scores if each.expected]),
        ("controls have no false alarm", [each for each in scores if not each.expected]),
    ):
        if own:
            passed = sum(each.passed for each in own)
            parts.append(f"{passed} of {len(own)} {said}, {rate(passed, len(own))}")
    return "; ".join(parts) + "."
