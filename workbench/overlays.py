"""Attributions as files: for each image and method a picture, and beside it a .json with what made it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.errors import Unavailable
from workbench.plotting import INK, Tile, colour_bar, colours_for, new_figure, text, tiles, tiles_height
from workbench.provenance import versions
from workbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from workbench.contracts import Array, Attribution

CELL = 2.6  # inches


@dataclass(frozen=True, eq=False)
class Explained:
    """One image and what is known about it.

    Attributes:
        image: `(H, W, C)` uint8.
        name: "image 12", or the file's name.
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
    out: Path, name: str, said: Explained, maps: Attribution, row: int, *, title: str, unit: str,
    context: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Write `name.png` and `name.json` for row `row` of an attribution.

    Args:
        out: folder, made if it is not there.
        name: of the files, without ending.
        said: the image.
        maps: the attribution.
        row: which of its maps.
        title: the method's name as its paper writes it.
        unit: of the map's values.
        context: run, dataset and fingerprints.

    Returns:
        What was written to the `.json`, and where the picture is.

    Raises:
        Unavailable: if the files cannot be written.
    """
    values, upsampled = maps.values[row], maps.at_pixels()[row]
    scale = scale_of(upsampled, maps.signed)
    made = {
        "image": said.name, "true": said.true, "predicted": said.predicted, "confidence": round(said.confidence, 6),
        "method": maps.method, "params": dict(maps.params), "layer": maps.layer, "target": said.target,
        "score": maps.score, "unit": unit, "signed": maps.signed, "map_size": list(values.shape),
        "smallest": float(values.min()), "largest": float(values.max()), "colour_scale": scale,
        "context": dict(context), "versions": versions(),
    }  # fmt: skip
    caption = {"method": title, "layer": maps.layer, **{k: v for k, v in maps.params.items() if k != "layer"}}
    result = Result(context=context, params={key: value for key, value in caption.items() if value is not None})
    figure = _draw(result, said, upsampled, maps, scale=scale, unit=unit)
    png = out / f"{name}.png"
    try:
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(png, dpi=110)
        png.with_suffix(".json").write_text(
            json.dumps(made, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise Unavailable(f"{png} cannot be written: {error.strerror or error}.") from None
    return {**made, "file": str(png)}


def _draw(result: Result, said: Explained, upsampled: Array, maps: Attribution, *, scale: float, unit: str) -> Figure:
    """Draw the image beside itself under the map, with the map's colour bar."""
    sure = f"{said.confidence:.1%}"
    above = [(f"predicted {text(said.predicted)}, {sure}", PREDICTED_COLOUR)]
    if said.true is not None:
        above.insert(0, (f"true {text(said.true)}", TRUE_COLOUR))
    height, width = maps.values.shape[1:]
    size = f"{height}×{width} map" + ("" if maps.values.shape[1:] == maps.image_size else ", upsampled bilinearly")
    pictures = [
        Tile(said.image, above=above),
        Tile(said.image, above=[(f"evidence for {text(said.target)}", INK), (size, INK)],
             overlay=upsampled, signed=maps.signed, scale=scale),
    ]  # fmt: skip
    how = "Orange speaks for the class, blue against it." if maps.signed else "The brighter, the more it speaks for it."
    figure = new_figure(
        result,
        f"Why {said.target}? {said.name}",
        width=2 * CELL + 1.0,
        height=tiles_height(pictures, 2, CELL),
        said=how,
    )
    axes = figure.subplots()
    tiles(axes, pictures, columns=2, cell=CELL)
    colour_bar(figure, axes, colours_for(signed=maps.signed, scale=scale, overlay=True), unit, shrink=0.8)
    return figure
