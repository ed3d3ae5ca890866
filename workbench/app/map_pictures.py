"""Attributions as files: for each image and method a picture, and beside it a .json with what made it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Unavailable
from workbench.core.files import write_file
from workbench.core.locks import sharing
from workbench.core.provenance import versions
from workbench.core.result import Result
from workbench.core.wording import percent, significant
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, VERDICT_COLOURS, scale_of
from workbench.plotting.pieces import INK, colour_bar, colours_for, new_figure, text
from workbench.plotting.rendering import png_of
from workbench.plotting.short_names import distinct_among
from workbench.plotting.tiles import Tile, tiles, tiles_height

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from workbench.attribution.explainer import Explainer
    from workbench.core.attribution import Attribution
    from workbench.core.types import Array

CELL = 2.6  # inches
LONGEST = 40  # characters of a class name in a title


@dataclass(frozen=True, eq=False, kw_only=True)
class ExplainedImage:
    """One image and what is known about it.

    Attributes:
        image: `(H, W, C)` uint8.
        name: what it is called in the dataset, or the file's name.
        true: name of its class; None where nobody knows.
        predicted: name of the class that the model says.
        confidence: probability of `predicted`.
        target: name of the class whose score is explained.
    """

    image: Array
    name: str
    true: str | None
    predicted: str
    confidence: float
    target: str


def file_name(*parts: str) -> str:
    """Make a file name without folder or ending of any text: letters, digits, dots and hyphens."""
    cleaned = (re.sub(r"[^\w.]+", "-", part, flags=re.ASCII).strip("-.") for part in parts)
    return "-".join(part[:60] for part in cleaned if part) or "image"


def write_overlay(
    out: Path,
    name: str,
    subject: ExplainedImage,
    maps: Attribution,
    row: int,
    *,
    method: type[Explainer],
    context: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `name.png` and `name.json` for row `row` of an attribution.

    Args:
        out: folder, made if it is not there.
        name: of the files, without ending.
        subject: the image.
        maps: the attribution.
        row: which of its maps.
        method: what made it.
        context: run, dataset and fingerprints.

    Returns:
        What was written to the `.json`, and `file`, the picture's path.

    Raises:
        Unavailable: if the files cannot be written.
    """
    values = maps.values[row]
    unit = maps.unit
    made = {
        "image": subject.name,
        "true": subject.true,
        "predicted": subject.predicted,
        "confidence": round(subject.confidence, 6),
        "method": maps.method,
        "paper": method.paper,
        "params": dict(maps.params),
        "layer": maps.layer,
        "target": subject.target,
        "score": maps.score,
        "unit": unit,
        "signed": maps.signed,
        "details": {name: float(each[row]) for name, each in maps.details.items()},
        "verdict": _verdict(maps, row),
        "map_size": list(values.shape),
        "smallest": float(values.min()),
        "largest": float(values.max()),
        "context": dict(context),
        "versions": versions(),
    }
    drawn = png_of(_draw(subject, maps, row, method=method, unit=unit, context=context))
    png = out / f"{name}.png"
    text = json.dumps(made, indent=2, ensure_ascii=False, default=str) + "\n"
    try:
        with sharing(png, name):
            out.mkdir(parents=True, exist_ok=True)
            write_file(png, drawn)
            write_file(png.with_suffix(".json"), text)
    except OSError as error:
        raise Unavailable(f"{png} cannot be written: {error.strerror or error}.") from None
    return {**made, "file": str(png)}


def _verdict(maps: Attribution, row: int) -> dict[str, Any] | None:
    """Return the verdict on a map as it is written down."""
    if maps.verdicts is None:
        return None
    verdict = maps.verdicts[row]
    return {"words": verdict.words, "said": verdict.sentence, **verdict.record}


def _words(maps: Attribution, row: int) -> list[tuple[str, str]]:
    if maps.verdicts is None:
        return []
    verdict = maps.verdicts[row]
    return [(verdict.sentence, VERDICT_COLOURS[verdict.words])]


def _draw(
    subject: ExplainedImage,
    maps: Attribution,
    row: int,
    *,
    method: type[Explainer],
    unit: str,
    context: Mapping[str, Any],
) -> Figure:
    """Draw the image beside itself under the map, with the map's colour bar."""
    upsampled = maps.at_pixels()[row]
    scale = scale_of(upsampled, maps.signed)
    size = "×".join(map(str, maps.values.shape[1:]))
    if maps.values.shape[1:] != maps.image_size:
        size += ", upsampled bilinearly"
    size = ", ".join([size, *(f"{name} {significant(float(each[row]))}" for name, each in maps.details.items())])
    with distinct_among([each for each in (subject.true, subject.predicted) if each is not None]):
        above = [(f"predicted {text(subject.predicted)}, {percent(subject.confidence)}", PREDICTED_COLOUR)]
        if subject.true is not None:
            above.insert(0, (f"true {text(subject.true)}", TRUE_COLOUR))
    one_unit = maps.score == "logit" and maps.unit.startswith("logit difference")
    against = ", against the other class" if one_unit else ""
    pictures = [
        Tile(subject.image, above=above),
        Tile(
            subject.image,
            above=[(f"score of {text(subject.target, 44)}{against}", INK), (f"map of {size}", INK), *_words(maps, row)],
            overlay=upsampled,
            signed=maps.signed,
            scale=scale,
        ),
    ]
    params = {key: value for key, value in maps.params.items() if value is not None}
    target = subject.target if len(subject.target) <= LONGEST else f"{subject.target[: LONGEST - 1]}…"
    figure = new_figure(
        Result(context=context, params=params),
        f"Why {target}? {method.title} of {subject.name}",
        width=2 * CELL + 1.0,
        height=tiles_height(pictures, 2, CELL),
        note=method.summary() + (" Orange: evidence for the class; blue: against it." if maps.signed else ""),
    )
    axes = figure.subplots()
    tiles(axes, pictures, columns=2, cell=CELL)
    colour_bar(figure, axes, colours_for(signed=maps.signed, scale=scale, overlay=True), unit, shrink=0.8)
    return figure
