"""Maps of one image by two models, by the same method and for the same classes, and their difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.attribution.map_difference import difference_of
from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution
from workbench.core.types import Array
from workbench.core.wording import percent, significant
from workbench.data.thumbnails import picture_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.map_pair import DrawnMap, draw_map_pair
from workbench.plotting.pieces import INK, QUIET, text
from workbench.plotting.short_names import distinct_among

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Class, Session


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparedMaps:
    """One image as two models see it.

    Attributes:
        image: what it is called.
        pixels: `(H, W, C)` uint8.
        label: name of its class.
        names: of both models.
        predicted: name of the class that either predicts.
        confidence: of either, in [0, 1].
        explained: the class that the maps explain, in words; the same for both.
        first, second: the map of either, `values` (1, h, w).
        difference: the second less the first; see `difference_of`.
        context: facts for the caption.
    """

    image: str
    pixels: Array
    label: str
    names: tuple[str, str]
    predicted: tuple[str, str]
    confidence: tuple[float, float]
    explained: str
    first: Attribution
    second: Attribution
    difference: Attribution
    context: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What people call the method."""
        return explainer(self.first.method).title

    def draw(self) -> Figure:
        """Draw the image, both maps and their difference on one colour scale."""
        with distinct_among([self.label, *self.predicted]):
            maps = [
                DrawnMap(
                    made.at_pixels()[0],
                    made.signed,
                    [(text(name), INK), (f"predicted {text(said)}, {percent(sure)}", self._ink(said)), _size(made)],
                )
                for made, name, said, sure in zip(
                    (self.first, self.second), self.names, self.predicted, self.confidence, strict=True
                )
            ]
            own = [(text(self.image), INK), (f"true {text(self.label)}", TRUE_COLOUR)]
        names = [text(name, 20) for name in self.names]
        last = DrawnMap(
            self.difference.at_pixels()[0],
            True,
            [("difference", INK), (f"{names[1]} − {names[0]}", INK), _size(self.difference)],
        )
        return draw_map_pair(
            self.pixels,
            own,
            [*maps, last],
            question=f"{self.title} for {text(self.explained, 60)}, of both models",
            unit=self.second.unit,
            note="All maps share one colour scale. Difference: orange where the second is larger, blue where smaller.",
            context=self.context,
        )

    def _ink(self, said: str) -> str:
        return TRUE_COLOUR if said == self.label else PREDICTED_COLOUR

    @property
    def record(self) -> dict[str, Any]:
        """What made them, and what they say in numbers."""
        both = {"first": self.first, "second": self.second}
        return {
            "image": self.image,
            "true": self.label,
            "explained": self.explained,
            "method": self.first.method,
            "params": dict(self.second.params),
            "unit": self.second.unit,
            **{
                name: {
                    "model": model,
                    "predicted": said,
                    "confidence": round(sure, 6),
                    "layer": made.layer,
                    "map_size": list(made.values.shape[1:]),
                    "smallest": float(made.values.min()),
                    "largest": float(made.values.max()),
                }
                for (name, made), model, said, sure in zip(
                    both.items(), self.names, self.predicted, self.confidence, strict=True
                )
            },
            "largest_difference": float(np.abs(self.difference.values).max()),
            "context": dict(self.context),
        }

    def __repr__(self) -> str:
        largest = significant(float(np.abs(self.difference.values).max()))
        return f"ComparedMaps({self.image!r}, {self.title}, {self.explained}: largest difference {largest})"


def _size(made: Attribution) -> tuple[str, str]:
    """Say in which resolution a map was made, where it is drawn in another one."""
    height, width = made.values.shape[1:]
    return (f"map of {height}×{width}, upsampled" if (height, width) != made.image_size else "", QUIET)


def compared_maps(
    sessions: tuple[Session, Session],
    rows: tuple[int, int],
    method: str,
    *,
    names: tuple[str, str],
    target: Class = "predicted",
    contrast: tuple[Class, Class] | None = None,
    **params: Any,
) -> ComparedMaps:
    """Explain one image by two models.

    Args:
        sessions: both models.
        rows: where the image stands in the data of either.
        method: CLI name of the method.
        names: what both are called.
        target: as `Session.attribute` takes it, said of the first; the second is explained for the same class.
        contrast: two classes in its place.
        params: the method's, for both.

    Raises:
        WorkbenchError: if a name or a value is wrong, the method does not apply to a model, or the image has two sizes.
    """
    one, other = sessions
    first = one.attribute(method, [rows[0]], target=target, contrast=contrast, **params)
    same = [
        None if each is None else np.array([other.class_names.index(one.class_names[int(each[0])])])
        for each in (first.target, first.against)
    ]
    both = None if same[1] is None else (same[0], same[1])
    asked: dict[str, Any] = {"target": same[0]} if both is None else {"contrast": both}
    second = other.attribute(method, [rows[1]], **asked, **params)
    told = [
        (each.class_names[int(each.predictions.predicted[row])], float(each.predictions.confidence[row]))
        for each, row in zip(sessions, rows, strict=True)
    ]
    explained = one.class_names[int(first.target[0])]
    if first.against is not None:
        explained = f"{explained} rather than {one.class_names[int(first.against[0])]}"
    return ComparedMaps(
        image=str(one.dataset.names[rows[0]]),
        pixels=picture_of(one.dataset, rows[0]),
        label=one.class_names[int(one.dataset.labels[rows[0]])],
        names=names,
        predicted=(told[0][0], told[1][0]),
        confidence=(told[0][1], told[1][1]),
        explained=explained,
        first=first,
        second=second,
        difference=difference_of(first, second),
        context={**one.context, "run": f"{names[0]} and {names[1]}"},
    )
