"""`workbench explain`: attribution maps of some images, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from workbench.app.cli.options import FOLDER, Choice, as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import Command
from workbench.attribution.methods import METHODS
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.home import home
from workbench.core.wording import percent, plural

if TYPE_CHECKING:
    from workbench.app.cli.commands.explained_images import ExplainedImages
    from workbench.app.cli.options import Source
    from workbench.attribution.explainer import Explainer
    from workbench.core.attribution import Attribution
    from workbench.core.types import Score
    from workbench.data.edits import Edit


MOST_EDITS = 2**22
"""Bytes of a file of edits."""


class _Explain(Command):
    """Lists the methods below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Methods"):
            formatter.write_dl(list(METHODS.summaries().items()))
        super().format_epilog(ctx, formatter)


@click.command(
    params=source_params(run_option=True),
    cls=_Explain,
    examples=[
        ("explain test/12", "Grad-CAM of one test image; its row alone, 12, will do"),
        ("explain coat/IMG_0412.jpg --data photos", "an image of your own folder, by its name or the end of it"),
        ("explain 12 2043 --method saliency --method occlusion", "two images, two methods"),
        ("explain 12 --target Shirt --layer conv2", "evidence for Shirt, read at one layer"),
        ("explain photo.png --out maps/", "your own image file"),
        ("explain 12 --contrast label predicted", "for an error: the true class against the predicted one"),
        ("explain 12 --method occlusion --set size=7", "with a parameter of the method changed"),
        ("explain 12 --method rise --check", "verified by re-computing it in float64"),
        ("""explain 12 --edit '[{"op": "blur", "box": [4, 4, 9, 9]}]'""", "the image with a part of it blurred"),
    ],
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE…")
@with_source
@click.option(
    "--method",
    "methods",
    type=Choice("attribution method", METHODS.names, "METHOD"),
    multiple=True,
    default=("grad-cam",),
    help="Attribution method; repeatable.  [default: grad-cam]",
)
@click.option(
    "--target",
    default="predicted",
    show_default=True,
    metavar="predicted|label|CLASS",
    help="Class to explain: the predicted one, the label, or a class name or number.",
)
@click.option(
    "--contrast",
    nargs=2,
    metavar="CLASS CLASS",
    help="Explain the difference of two logits, first minus second; replaces --target.",
)
@click.option(
    "--score",
    type=Choice("score", ("logit", "probability")),
    default="logit",
    show_default=True,
    help="Explain the score before or after the softmax.",
)
@click.option("--layer", metavar="LAYER", help="Layer to read, for methods that read one.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Parameter of the method; repeatable.")
@click.option("--invert", is_flag=True, help="Invert image files (for dark-on-white drawings).")
@click.option(
    "--edit", metavar="JSON|FILE", help="Change each image first, by a JSON list of edits as notes of the page hold it."
)
@click.option(
    "--verdict/--no-verdict",
    default=True,
    show_default=True,
    help="Say of each map whether it lies on the evidence, and test each method once with random weights.",
)
@click.option("--check", is_flag=True, help="Re-compute each map in float64 and print the largest difference.")
@click.option("--out", type=FOLDER, help="Folder to write to.  [default: figures/RUN/explain]")
@as_json
def explain(
    *,
    images: tuple[str, ...],
    source: Source,
    methods: tuple[str, ...],
    target: str,
    contrast: tuple[str, str] | None,
    score: str,
    layer: str | None,
    settings: tuple[str, ...],
    invert: bool,
    edit: str | None,
    verdict: bool,
    check: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write attribution maps as pictures, each with a verdict on whether to believe it.

    IMAGE is the name of an image of the split or the end of its path, its row, or an image file. A .json beside each
    picture records how it was made. The verdict says whether the map lies where hiding a part of the image lowers
    the score most, how many of such maps show the evidence on networks where it is known, and whether the method's
    maps change when the network's weights are randomised.
    """
    from workbench.app.cli.commands.explained_images import ExplainedImages
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress

    values = dict(setting(each) for each in settings) | ({"layer": layer} if layer is not None else {})
    with progress():
        session, fitting = source.open_for_files()
        folder = out or home() / "figures" / _slug(session.name) / "explain"
        if contrast and target != "predicted":
            raise WorkbenchError("`--contrast` names both classes: leave out `--target`.")
        subjects = ExplainedImages(
            session,
            images,
            contrast or (target,),
            score=cast("Score", score),
            invert=invert,
            fitting=fitting,
            edits=_edits(edit),
        )
        written = []
        for each in _methods(methods, values):
            written += _write(subjects, each, folder, verdict=verdict, check=check)
    tell_assumption(session, as_json=as_json)
    if as_json:
        show_json(written)
        return
    for sentence in subjects.notes:
        say(sentence, "dim")
    headline(f"{plural(len(written), 'picture')} in {folder}", f"{session.name} · {session.dataset.name}")
    say()
    _show(written)
    if check:
        worst = max(each["float64_difference"] for each in written)
        say(f"Largest difference to the float64 re-computation: {worst:.1e} of a map's largest magnitude.")


def _edits(given: str | None) -> Sequence[Edit]:
    """Read `--edit`: a JSON list, or a file that holds one."""
    from workbench.data.edits import read_edits
    from workbench.data.regular_file import read_regular

    if given is None or given.lstrip().startswith("["):
        return () if given is None else read_edits(given)
    try:
        return read_edits(read_regular(given, MOST_EDITS).decode("utf-8-sig"))
    except OSError as error:
        raise WorkbenchError(f"`--edit` takes a JSON list, or a file of one. {given}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise WorkbenchError(f"`--edit` takes a JSON list, or a file of one. {given} is no text.") from None


def _methods(names: Sequence[str], values: Mapping[str, str]) -> list[Explainer]:
    """Make the methods, each with those of the values that it has a parameter for."""
    from workbench.attribution.methods import explainer
    from workbench.core.params import make

    kinds = {name: explainer(name) for name in names}
    known = dict.fromkeys(field for kind in kinds.values() for field in kind.model_fields)
    for name in values:
        if name not in known:
            raise unknown(f"parameter of {' or '.join(kinds)}", name, known)
    return [
        make(kind, {name: value for name, value in values.items() if name in kind.model_fields})
        for kind in kinds.values()
    ]


def _write(
    subjects: ExplainedImages, method: Explainer, folder: Path, *, verdict: bool, check: bool
) -> list[dict[str, Any]]:
    """Explain all images by one method, and write the pictures; where verdicts take long, once before them, too."""
    maps = subjects.attribute(method)
    if verdict:
        if not subjects.judged_at_once(method):
            _write_maps(subjects, method, maps, folder)
            click.echo(
                f"{plural(len(maps), 'map')} of {method.title} in {folder}, without a verdict: the method is tested "
                "with random weights, once for this model.",
                err=True,
            )
        maps = subjects.judged(method, maps)
    written = _write_maps(subjects, method, maps, folder)
    if not check:
        return written
    differences = subjects.differences(method, maps)
    return [{**each, "float64_difference": difference} for each, difference in zip(written, differences, strict=True)]


def _write_maps(subjects: ExplainedImages, method: Explainer, maps: Attribution, folder: Path) -> list[dict[str, Any]]:
    from workbench.app.map_pictures import file_name, write_overlay

    context, kind = subjects.context, type(method)
    written, names = [], set[str]()
    for place, stem in enumerate(subjects.stems):
        name = file_name(stem, method.name, subjects.suffix)
        while name in names:
            name += "-again"
        names.add(name)
        written.append(write_overlay(folder, name, subjects[place], maps, place, method=kind, context=context))
    return written


def _show(written: list[dict[str, Any]]) -> None:
    import pandas as pd

    from workbench.app.cli.tables import show_table

    show_table(
        pd.DataFrame(
            [
                {
                    "image": each["image"],
                    "true": each["true"],
                    "predicted": each["predicted"],
                    "confidence": percent(each["confidence"]),
                    "target": each["target"],
                    "method": each["method"],
                    "largest": max(each["largest"], -each["smallest"] if each["signed"] else 0.0),
                    "unit": each["unit"],
                    **(
                        {"verdict": each["verdict"]["words"], "such maps right": _right(each["verdict"])}
                        if each["verdict"]
                        else {}
                    ),
                    **({"off by": f"{each['float64_difference']:.1e}"} if "float64_difference" in each else {}),
                    "file": Path(each["file"]).name,
                }
                for each in written
            ]
        )
    )


def _right(verdict: dict[str, Any]) -> str:
    from workbench.core.wording import percent

    right = verdict["right"]
    return "" if right is None else percent(right, 0)


def setting(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise WorkbenchError(f"`--set` takes NAME=VALUE, for example `--set steps=100`. Got {text!r}.")
    return name.strip().replace("-", "_"), value.strip()


def _slug(name: str) -> str:
    from workbench.app.map_pictures import file_name

    return file_name(name)
