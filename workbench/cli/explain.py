"""`workbench explain`: attribution maps of some images, as pictures."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import FOLDER, Choice, as_json, on_source
from workbench.cli.program import Command
from workbench.errors import WorkbenchError, unknown

if TYPE_CHECKING:
    from workbench.cli.options import Source
    from workbench.attribution import Attribution
    from workbench.overlays import Explained
    from workbench.session import Session


def method_summaries() -> dict[str, str]:
    """Name -> first line of the docstring of every method, read from the source: importing one imports TensorFlow."""
    import workbench.explainers as package

    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        source = Path(package.__path__[0], f"{module.name}.py").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "Explainer" for base in node.bases):
                found[module.name.replace("_", "-")] = (ast.get_docstring(node) or "").partition("\n")[0]
    return found


class _Explain(Command):
    """Lists the methods below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Methods"):
            formatter.write_dl(list(method_summaries().items()))
        super().format_epilog(ctx, formatter)


def _methods() -> Iterator[str]:
    return iter(method_summaries())


@click.command(
    cls=_Explain,
    examples=[
        ("explain 12", "image 12 of the test split, by Grad-CAM"),
        ("explain 12 2043 --method saliency --method occlusion", "two images, two methods"),
        ("explain 12 --target Shirt --layer conv2", "what speaks for a shirt, as one layer sees it"),
        ("explain photo.png --out maps/", "an image of one's own"),
        ("explain 12 --method occlusion --set size=7", "with a parameter of the method"),
    ],
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE…")
@on_source(run_option=True)
@click.option(
    "--method", "methods", type=Choice("attribution method", _methods, "METHOD"), multiple=True, default=("grad-cam",),
    help="How to explain; repeatable.  [default: grad-cam]",
)  # fmt: skip
@click.option(
    "--target", default="predicted", show_default=True, metavar="predicted|label|CLASS",
    help="Whose score is explained: the predicted class, the label, or a class by name or number.",
)  # fmt: skip
@click.option("--layer", metavar="LAYER", help="The layer that is read, for methods that read one.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="A parameter of the method; repeatable.")
@click.option("--invert", is_flag=True, help="Turn image files from dark on light to light on dark.")
@click.option("--out", type=FOLDER, help="Folder to write to.  [default: figures/RUN/explain]")
@as_json
def explain(
    *, images: tuple[str, ...], source: Source, methods: tuple[str, ...], target: str, layer: str | None,
    settings: tuple[str, ...], invert: bool, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show which pixels speak for a class, as a picture for each image and method.

    IMAGE is a number, the position in the split, or an image file. Beside each picture stands a .json with what
    made it.
    """
    from workbench.cli.bars import progress
    from workbench.cli.console import headline, say
    from workbench.cli.json_output import show_json

    values = dict(_pair(setting) for setting in settings) | ({"layer": layer} if layer is not None else {})
    with progress():
        session = source.open()
        folder = out or Path("figures") / _slug(session.name) / "explain"
        chosen = _Chosen(session, images, target, invert)
        written = [
            each for method in dict.fromkeys(methods) for each in _written(chosen, method, values, methods, folder)
        ]
    if as_json:
        show_json(written)
        return
    for sentence in chosen.words:
        say(sentence, "dim")
    headline(f"{len(written)} picture{'s' if len(written) > 1 else ''} in {folder}",
             f"{session.name} · {session.dataset.name}")  # fmt: skip
    say()
    _show(written)


class _Chosen:
    """The images of one call, those of the split and those from files, with what the model says about them."""

    def __init__(self, session: Session, given: Sequence[str], target: str, invert: bool) -> None:
        import numpy as np

        from workbench.contracts import Predictions
        from workbench.datasets.image_file import read_image

        self.session, self.words = session, list[str]()
        rows = {place: int(each) for place, each in enumerate(given) if each.lstrip("-").isdecimal()}
        for row in rows.values():
            if not 0 <= row < len(session.dataset):
                raise WorkbenchError(
                    f"IMAGE must be 0 to {len(session.dataset) - 1:,} in {session.dataset.name}. Got {row}."
                )
        if target == "label" and len(rows) < len(given):
            raise WorkbenchError("An image file has no label. Give `--target predicted`, or a class by its name.")
        pictures = []
        for place, each in enumerate(given):
            if place in rows:
                pictures.append(np.asarray(session.dataset.images[rows[place]]))
                continue
            picture, words = read_image(each, session.dataset.image_shape, invert=invert)
            pictures.append(picture)
            self.words += [f"{Path(each).name}: {', '.join(words)}."] if words else []
        fixed = None if target in ("predicted", "label") else session.class_index(target)
        self.images = np.stack(pictures)
        self.names = [f"image {rows[place]}" if place in rows else Path(each).name for place, each in enumerate(given)]
        self.stems = [f"{session.split}-{rows[p]}" if p in rows else Path(each).stem for p, each in enumerate(given)]
        self.true = [int(session.dataset.labels[rows[p]]) if p in rows else None for p in range(len(given))]
        logits = session.probe.logits(self.images.astype(np.float32) / 255)
        self.said = Predictions(logits, np.array([each or 0 for each in self.true]))
        self.target = np.full(len(given), fixed) if fixed is not None else (
            self.said.labels if target == "label" else self.said.predicted
        )  # fmt: skip
        self.suffix = "" if target == "predicted" else f"as-{target}"

    def __getitem__(self, place: int) -> Explained:
        from workbench.overlays import Explained

        names, true, predicted = self.session.class_names, self.true[place], int(self.said.predicted[place])
        return Explained(
            self.images[place], self.names[place], None if true is None else names[true], names[predicted],
            float(self.said.confidence[place]), names[int(self.target[place])],
        )  # fmt: skip

    def attribute(self, method: str, values: dict[str, Any]) -> Attribution:
        return self.session.attribute_images(method, self.images, self.target, **values)


def _written(
    chosen: _Chosen, method: str, values: dict[str, str], methods: Sequence[str], folder: Path
) -> list[dict[str, Any]]:
    """Explain all images by one method, and write the pictures."""
    from workbench.explainers import explainer
    from workbench.overlays import file_name, write_overlay

    kind = explainer(method)
    fields = {each: explainer(each).model_fields for each in methods}
    for name in values:
        if not any(name in known for known in fields.values()):
            raise unknown(
                f"parameter of {' or '.join(fields)}",
                name,
                dict.fromkeys(n for known in fields.values() for n in known),
            )
    maps = chosen.attribute(method, {name: value for name, value in values.items() if name in fields[method]})
    written, seen = [], set[str]()
    for place, stem in enumerate(chosen.stems):
        name = file_name(stem, method, chosen.suffix)
        while name in seen:
            name += "-again"
        seen.add(name)
        written.append(write_overlay(
            folder, name, chosen[place], maps, place, method=kind, context=chosen.session.context
        ))  # fmt: skip
    return written


def _show(written: list[dict[str, Any]]) -> None:
    import pandas as pd

    from workbench.cli.tables import show_table
    from workbench.wording import percent

    show_table(pd.DataFrame([
        {
            "image": each["image"].removeprefix("image "), "true": each["true"], "predicted": each["predicted"],
            "confidence": percent(each["confidence"]), "target": each["target"], "method": each["method"],
            "largest": max(each["largest"], -each["smallest"] if each["signed"] else 0.0), "unit": each["unit"],
            "file": Path(each["file"]).name,
        }
        for each in written
    ]))  # fmt: skip


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals:
        raise WorkbenchError(f"`--set` takes NAME=VALUE, for example `--set steps=100`. Got {setting!r}.")
    return name.strip().replace("-", "_"), value.strip()


def _slug(name: str) -> str:
    from workbench.overlays import file_name

    return file_name(name)
