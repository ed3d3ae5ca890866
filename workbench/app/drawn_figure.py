"""The figure of an answer as a picture in a theme, with its spots: drawn once, and kept beside the answer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cache import load_arrays, save_arrays
from workbench.core.provenance import digest_of
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.plotting.hot_spots import hot_spots
from workbench.plotting.rendering import DOTS, png_of
from workbench.plotting.themes import Theme, themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session


@dataclass(frozen=True)
class DrawnFigure:
    """A picture and what its places stand for.

    Attributes:
        png: the file.
        size: width and height in pixels.
        spots: as `hot_spots` returns them.
    """

    png: bytes
    size: tuple[int, int]
    spots: tuple[Mapping[str, Any], ...]


def drawn(figure: Figure, theme: Theme = "light") -> DrawnFigure:
    """Draw a figure."""
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; nothing that the user could mend here.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        png = png_of(themed(figure, theme), metadata={"Software": None})
    return DrawnFigure(png, size_of(figure), tuple(hot_spots(figure)))


def size_of(figure: Figure) -> tuple[int, int]:
    """Return how many pixels wide and high the picture of a figure is, drawn or not."""
    width, height = figure.get_size_inches()
    return int(width * DOTS), int(height * DOTS)


def kept_figure(session: Session, result: Result, theme: Theme) -> DrawnFigure | None:
    """Return the figure of an answer that was drawn before, by this process or another; None if it was not."""
    path = _path(session, result, theme)
    stored = None if path is None else load_arrays(path)
    if stored is None or not {"png", "spots", "size", "training"} <= set(stored):
        return None
    spots = tuple(json.loads(stored["spots"].tobytes()))
    if str(stored["training"]) != _training(session, spots):
        return None
    width, height = stored["size"].tolist()
    return DrawnFigure(stored["png"].tobytes(), (width, height), spots)


def keep_figure(session: Session, result: Result, theme: Theme, figure: DrawnFigure) -> None:
    """Keep a figure for the next process."""
    if (path := _path(session, result, theme)) is not None:
        arrays = {
            "png": np.frombuffer(figure.png, np.uint8),
            "spots": np.frombuffer(json.dumps(figure.spots).encode(), np.uint8),
            "size": np.array(figure.size),
            "training": np.array(_training(session, figure.spots)),
        }
        save_arrays(path, arrays)


def _path(session: Session, result: Result, theme: Theme) -> Path | None:
    """Return where a figure is kept: beside its answer, whose digest is of the code that draws it too."""
    if (result.context.get("data"), result.context.get("model")) != (
        session.dataset.fingerprint,
        session.model_fingerprint,
    ):  # of some of the images
        return None
    beside = registry.kept_at(session, result.analysis, result.params)
    return None if beside is None else beside.with_name(f"{beside.stem}-{theme}-{digest_of([Path(__file__)])}.npz")


def _training(session: Session, spots: tuple[Mapping[str, Any], ...]) -> str:
    """Return what tells whether training images are still called as in a figure; empty where it has none."""
    shown = any(spot["address"].get("part") == "train" for spot in spots)
    return session.train.names_digest if shown and session.train is not None else ""
