"""`workbench advise`: which attribution methods to look at for a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import Choice, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import command
from workbench.attribution.methods import METHODS

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.cli.options import Source
    from workbench.diagnosis.advice.record import Advice, Advised, Number


@command(
    params=source_params(),
    examples=[
        ("advise", "two methods for the baseline; the page then shows them first"),
        ("advise mine --minutes 10", "your own run, with time for the slow methods"),
        ("advise --model my.keras --data photos/ --json", "your own model, as JSON"),
        ("advise mine --seed 1 --out advice-1.json", "on other images, kept in a file and nowhere else"),
    ],
)
@with_source
@click.option(
    "--images",
    type=click.IntRange(12, 1000),
    default=40,
    show_default=True,
    metavar="N",
    help="Images to choose with, and as many others to report on.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, 600),
    default=5.0,
    show_default=True,
    metavar="X",
    help="Time to use; methods that do not fit are left out, and named.",
)
@click.option(
    "--method",
    "methods",
    type=Choice("attribution method", METHODS.names, "METHOD"),
    multiple=True,
    help="Choose from this method; repeatable.  [default: all that apply]",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the advice to this file, and do not keep it for the page.",
)
@as_json
def advise(
    *, source: Source, images: int, seed: int, minutes: float, methods: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    """Name the two attribution methods to look at for a model, and why.

    A network of the model's architecture class is trained where the evidence is known, to see which measures can be
    believed. By these the maps of all methods are compared on held-out images. Advised is the best method whose maps
    are surely better than random ones and do not stay the same when the weights are drawn anew, and the best of
    another family; their parameters are tuned. On other images they are held against random maps once more. The
    answer is kept with the run as advice.json, and the page shows these maps first.
    """
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress
    from workbench.core.errors import Unavailable
    from workbench.diagnosis.advice import advise as ask
    from workbench.diagnosis.advice.record import check_place, place, write

    trouble = None
    with progress():
        session = source.open()
        path = out or place(session)
        check_place(path)
        found = ask(session, images=images, seed=seed, minutes=minutes, methods=methods)
        try:
            write(path, found)
        except Unavailable as error:  # what took minutes is shown at least
            trouble = error
    tell_assumption(session, as_json=as_json)
    if as_json:
        show_json({**found.record, "file": None if trouble else str(path)})
    else:
        _show(found, None if trouble else path, kept=out is None)
    if trouble is not None:
        raise trouble


def _show(found: Advice, path: Path | None, *, kept: bool) -> None:
    import pandas as pd

    from workbench.app.cli.console import headline, say
    from workbench.app.cli.tables import show_table
    from workbench.core.wording import plural

    headline("Which maps to look at for this model?", f"{found.name} · {found.dataset} · seed {found.seed}")
    say()
    for sentence in found.said:
        say(sentence)
    for each in found.advised:
        say()
        _show_advised(each, found)
    say()
    title = f"Methods on {plural(found.images, 'image')} that choose: share of comparisons won with the others"
    title = f"{title}; the known world has one vote" if found.world.images else title
    if found.methods:
        show_table(_methods(found), title)
        say()
    said = "how often the measure picks the better of two maps where the evidence is known"
    show_table(
        pd.DataFrame(
            [
                {"measure": each.title, "picks the better map": _share(each.agreement), "counts": _yes(each.counts)}
                for each in found.measures
            ]
        ),
        f"Measures: {said}",
    )
    say()
    say(found.world.said, "dim")
    for name, reason in found.left.items():
        say(f"Left out: {name}: {reason}", "dim")
    page = "; the page shows these maps first" if kept and found.advised else ""
    say(f"{found.seconds:.0f} s." if path is None else f"{found.seconds:.0f} s. Kept in {path}{page}.", "dim")


def _show_advised(each: Advised, found: Advice) -> None:
    import pandas as pd

    from workbench.app.cli.console import say
    from workbench.app.cli.tables import show_table
    from workbench.core.wording import plural

    settings = ", ".join(f"{name} {value}" for name, value in each.settings.items())
    say(f"{each.title}{f' with {settings}' if settings else ''}", "bold")
    say(each.why)
    say(
        f"On {plural(found.images, 'other image')} its maps are better than random ones by {_share(each.control)} of "
        "the measures."
    )
    if each.weights:
        say(each.weights)
    say(each.tuning.said)
    if each.alike:
        say(f"Not surely better than, on the images that choose: {', '.join(each.alike)}.", "dim")
    titles = {one.name: one.title for one in found.measures}
    rows = [
        {
            "measure": titles[name],
            "mean": each.values[name].value,
            "of random maps": each.controls[name].value,
            "better than a random map": _share(better),
        }
        for name, better in each.better.items()
    ]
    show_table(pd.DataFrame(rows))


def _methods(found: Advice) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "method": each.title,
                "family": each.family,
                "won": _share(each.won),
                "better than random": _share(each.control),
                "known evidence": "" if each.evidence is None else _share(each.evidence),
                "why not": each.reason,
            }
            for each in found.methods
        ]
    )


def _share(value: Number) -> str:
    return "" if value.value is None else str(value.share)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
