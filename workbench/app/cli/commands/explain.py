"""`workbench explain`: attribution maps of some images, as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.options import FOLDER, Choice, as_json, on_source
from workbench.app.cli.program import Command
from workbench.attribution.methods import METHODS
from workbench.core.errors import WorkbenchError, unknown

if TYPE_CHECKING:
    from workbench.app.cli.commands.explained_images import Chosen
    from workbench.app.cli.options import Source


class _Explain(Command):
    """Lists the methods below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Methods"):
            formatter.write_dl(list(METHODS.summaries().items()))
        super().format_epilog(ctx, formatter)


@click.command(
    cls=_Explain,
    examples=[
        ("explain 12", "image 12 of the test split, by Grad-CAM"),
        ("explain 12 2043 --method saliency --method occlusion", "two images, two methods"),
        ("explain 12 --target Shirt --layer conv2", "what speaks for a shirt, as one layer sees it"),
        ("explain photo.png --out maps/", "an image of one's own"),
        ("explain 12 --contrast label predicted", "for an error: what spoke for either class"),
        ("explain 12 --method occlusion --set size=7", "with a parameter of the method"),
        ("explain 12 --method rise --check", "computed again in float64, and compared"),
    ],
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE…")
@on_source(run_option=True)
@click.option(
    "--method",
    "methods",
    type=Choice("attribution method", METHODS.names, "METHOD"),
    multiple=True,
    default=("grad-cam",),
    help="How to explain; repeatable.  [default: grad-cam]",
)
@click.option(
    "--target",
    default="predicted",
    show_default=True,
    metavar="predicted|label|CLASS",
    help="Whose score is explained: the predicted class, the label, or a class by name or number.",
)
@click.option(
    "--contrast",
    nargs=2,
    metavar="CLASS CLASS",
    help="Two classes in the same forms, in place of a target: explains the first's logit less the second's.",
)
@click.option(
    "--score",
    type=Choice("score", ("logit", "probability")),
    default="logit",
    show_default=True,
    help="What is explained: the score before the softmax, or after it.",
)
@click.option("--layer", metavar="LAYER", help="The layer that is read, for methods that read one.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="A parameter of the method; repeatable.")
@click.option("--invert", is_flag=True, help="Turn image files from dark on light to light on dark.")
@click.option(
    "--verdict/--no-verdict",
    default=True,
    show_default=True,
    help="Judge each map against random ones, and each method once against a network with random weights.",
)
@click.option("--check", is_flag=True, help="Compute each map again in float64, and print the largest difference.")
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
    verdict: bool,
    check: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show which pixels speak for a class, as a picture for each image and method, and whether to believe it.

    IMAGE is a number, the position in the split, or an image file. Beside each picture stands a .json with what
    made it. A verdict says whether the pixels that the map ranks first move the prediction more than those of 50
    random maps do, and whether the method's maps change at all when the network's weights are drawn anew.
    """
    from workbench.app.cli.commands.explained_images import Chosen
    from workbench.app.cli.console import headline, say
    from workbench.app.cli.json_output import show_json
    from workbench.app.cli.progress_bars import progress

    values = dict(setting(each) for each in settings) | ({"layer": layer} if layer is not None else {})
    with progress():
        session = source.open()
        folder = out or Path("figures") / _slug(session.name) / "explain"
        if contrast and target != "predicted":
            raise WorkbenchError("`--contrast` names both classes: leave `--target` out.")
        chosen = Chosen(session, images, contrast or (target,), score=score, invert=invert)
        wanted = _Wanted(values, tuple(dict.fromkeys(methods)), verdict=verdict, check=check)
        written = [each for method in wanted.methods for each in _written(chosen, method, wanted, folder)]
    if as_json:
        show_json(written)
        return
    for sentence in chosen.words:
        say(sentence, "dim")
    headline(
        f"{len(written)} picture{'s' if len(written) > 1 else ''} in {folder}",
        f"{session.name} · {session.dataset.name}",
    )
    say()
    _show(written)
    if check:
        worst = max(each["float64_difference"] for each in written)
        say(f"Largest difference to the float64 re-computation: {worst:.1e} of a map's largest magnitude.")


@dataclass(frozen=True)
class _Wanted:
    """What is done for each method."""

    values: dict[str, str]
    methods: tuple[str, ...]
    verdict: bool
    check: bool


def _written(chosen: Chosen, method: str, wanted: _Wanted, folder: Path) -> list[dict[str, Any]]:
    """Explain all images by one method, and write the pictures."""
    from workbench.app.map_pictures import file_name, write_overlay
    from workbench.attribution.methods import explainer

    kind = explainer(method)
    fields = {each: explainer(each).model_fields for each in wanted.methods}
    names = dict.fromkeys(name for known in fields.values() for name in known)
    for name in wanted.values:
        if name not in names:
            raise unknown(f"parameter of {' or '.join(fields)}", name, names)
    own = {name: value for name, value in wanted.values.items() if name in fields[method]}
    maps = chosen.attribute(method, own, verdict=wanted.verdict)
    differences = chosen.differences(maps) if wanted.check else [None] * len(maps)
    written, seen = [], set[str]()
    for place, (stem, difference) in enumerate(zip(chosen.stems, differences, strict=True)):
        name = file_name(stem, method, chosen.suffix)
        while name in seen:
            name += "-again"
        seen.add(name)
        checked = {} if difference is None else {"float64_difference": difference}
        written.append(
            {
                **write_overlay(folder, name, chosen[place], maps, place, method=kind, context=chosen.session.context),
                **checked,
            }
        )
    return written


def _show(written: list[dict[str, Any]]) -> None:
    import pandas as pd

    from workbench.app.cli.tables import show_table
    from workbench.core.wording import percent

    show_table(
        pd.DataFrame(
            [
                {
                    "image": each["image"].removeprefix("image "),
                    "true": each["true"],
                    "predicted": each["predicted"],
                    "confidence": percent(each["confidence"]),
                    "target": each["target"],
                    "method": each["method"],
                    "largest": max(each["largest"], -each["smallest"] if each["signed"] else 0.0),
                    "unit": each["unit"],
                    **(
                        {"verdict": each["verdict"]["words"], "beats": _beaten(each["verdict"])}
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


def _beaten(verdict: dict[str, Any]) -> str:
    return f"{verdict['percentile']:.0f} % of {verdict['controls']}"


def setting(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise WorkbenchError(f"`--set` takes NAME=VALUE, for example `--set steps=100`. Got {text!r}.")
    return name.strip().replace("-", "_"), value.strip()


def _slug(name: str) -> str:
    from workbench.app.map_pictures import file_name

    return file_name(name)
