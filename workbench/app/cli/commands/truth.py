"""`workbench truth`: how often is it true what the workbench says?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import FOLDER, Choice, as_json
from workbench.app.cli.program import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.diagnosis.benchmark import Claim, Measured


def _names() -> Iterator[str]:
    from workbench.diagnosis.truth import BENCHMARKS

    yield from BENCHMARKS.names()


@command(
    examples=[
        ("truth --quick", "every benchmark on fewer worlds, with wider intervals"),
        ("truth --only maps --draws 3", "networks of known evidence, three of each kind"),
        ("truth --only maps --seed 7", "the same networks, drawn otherwise"),
        ("truth --out figures/truth", "everything; tables and the figure as files"),
    ]
)
@click.option("--quick", is_flag=True, help="Fewer worlds and fewer images.")
@click.option("--only", type=Choice("benchmark", _names, "NAME"), multiple=True, help="This one only; repeatable.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--draws", type=click.IntRange(1, 20), default=1, show_default=True, help="How often all is drawn.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Benchmarks at a time, each in a process of its own of 1 to 2 GB.  [default: one a core]",
)
@click.option(
    "--human-labels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of .npz files with `probabilities` (N, K), `labels` (N,) and `wrong`, packed bits.",
)
@click.option("--out", type=FOLDER, help="Write truth.md, the tables as .csv and the figure to this folder.")
@as_json
def truth(
    *,
    quick: bool,
    only: tuple[str, ...],
    seed: int,
    draws: int,
    jobs: int | None,
    human_labels: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Hold what the workbench says against data whose truth it does not see, beside what others say.

    Labels: wrong labels and their share. Maps: attribution methods and verdicts on networks whose evidence is known.
    Slices: groups of images that a network was made to fail on. Faults: faults that are planted, and sound models. Each
    claim stands with how often it was true and its 95 % interval. It trains more than a hundred small networks, which
    takes long: begin with `--only` or `--quick`.
    """
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import records, show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.app.cli.tables import show_table
    from workbench.app.figure_files import writing_to
    from workbench.app.side_by_side import measured
    from workbench.app.truth_files import claims_table, write_truth
    from workbench.core.cores import cores
    from workbench.diagnosis.benchmark import Asked
    from workbench.diagnosis.truth import benchmarks

    asked = Asked(quick=quick, seed=seed, draws=draws, human_labels=human_labels)
    chosen = {name: kind for name, kind in benchmarks().items() if name in (only or benchmarks())}
    found: dict[str, Measured] = {}
    with writing_to(out):
        with progress():
            for name, each in measured(chosen, asked, jobs or cores()):
                found[name] = each
                if not as_json:
                    headline(chosen[name].title, chosen[name].question())
                    for title, table in each.tables.items():
                        say()
                        show_table(table, title)
                    for note in each.notes:
                        say(note, "dim")
                    _show_claims(each.claims)
        found = {name: found[name] for name in chosen}
        if out is not None:
            write_truth(out, {chosen[name].title: each for name, each in found.items()}, asked)
    if as_json:
        show_json(
            {
                name: {
                    "tables": {title: records(table) for title, table in each.tables.items()},
                    "claims": records(claims_table(each.claims)),
                    "notes": list(each.notes),
                }
                for name, each in found.items()
            }
        )


def _show_claims(claims: tuple[Claim, ...]) -> None:
    from workbench.app.cli.console import say
    from workbench.app.cli.tables import show_table
    from workbench.app.truth_files import claims_table

    if claims:
        say()
        show_table(claims_table(claims), "What is said, and how often it is true")
