"""Where a score comes from, and whether the map of it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.notebook import SHOWN, coloured, facts_html, pictures_html
from workbench.core.types import Array, Score
from workbench.core.wording import percent, plural

BELIEVED, PARTLY, BESIDE = "on the evidence", "partly on the evidence", "beside the evidence"
"""Where a map lies, best first, by how often such a map showed the evidence where that is known."""
UNTOLD, BLIND = "cannot be told", "does not depend on the weights"
"""The two other words of a verdict."""
MOSTLY, SELDOM = 0.8, 0.2
"""Share of such maps that showed the evidence: from the one on a map is believed, up to the other it is beside."""
SURE = 95.0
"""Percentile above which a map is better than chance: a random one gets there once in twenty times."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether one map can be trusted.

    Attributes:
        share: share of the map's positive mass where hiding a part of the image costs the explained score most, in
            [0, 1]; NaN where it has none, or hiding costs nothing.
        excess: the share less that of an even map, in (-1, 1).
        agreement: correlation of what hiding costs when parts are hidden in different ways, in [-1, 1].
        reliability: of maps with such an excess, how many showed the evidence in worlds where it is known, with its
            95 % interval; NaN where nothing can be told.
        untold: why nothing can be told; empty where something can.
        percentile: share of the controls that the map's share beats, in percent; ties count half.
        controls: how many random maps of the same values and smoothness it was compared with.
        largest: largest magnitude of the raw map, in its unit.
        randomised: similarity (Spearman) of the method's maps to those of the same network with random weights,
            above what two random networks share; None where it was not tested.
        blind: whether the randomisation test failed: the method draws the image whatever the weights are.
    """

    share: float
    excess: float
    agreement: float
    reliability: Estimate
    untold: str = ""
    percentile: float
    controls: int
    largest: float
    randomised: float | None = None
    blind: bool = False

    @property
    def words(self) -> str:
        """What is said of the map; one that ignores the weights is not saved by where it lies."""
        if self.blind:
            return BLIND
        if self.untold:
            return UNTOLD
        if self.reliability.value >= MOSTLY:
            return BELIEVED
        return BESIDE if self.reliability.value <= SELDOM else PARTLY

    @property
    def record(self) -> dict[str, float | int | str | bool | None]:
        """Return what it rests on for a file: plain values, None for what is not known."""
        values: dict[str, float | int | str | bool | None] = {
            "share": self.share,
            "excess": self.excess,
            "agreement": self.agreement,
            "right": self.reliability.value,
            "right_low": self.reliability.low,
            "right_high": self.reliability.high,
            "untold": self.untold,
            "percentile": self.percentile,
            "controls": self.controls,
            "largest": self.largest,
            "randomised": self.randomised,
            "blind": self.blind,
        }
        return {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124 - NaN

    @property
    def beats_chance(self) -> bool:
        """Whether at least `SURE` percent of the random maps lie less where hiding costs most."""
        return self.percentile >= SURE

    @property
    def sentence(self) -> str:
        """The words with the number that they rest on, in one short line."""
        if self.blind:
            return f"{self.words} (similarity {self.randomised:.2f})"
        if self.untold:
            return f"{self.words}: {self.untold}"
        return f"{self.words} (such maps: {percent(self.reliability.value, 0)} right)"


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much each place of each image contributed to one score of it.

    Attributes:
        values: `(N, h, w)` float32, in units of the score; never rescaled.
        target: `(N,)` int64, class whose score is explained.
        against: `(N,)` int64, class it is contrasted with; None unless `score` is "contrast".
        score: "logit" f_c, "probability" p_c, or "contrast" f_c - f_c'.
        signed: whether negative values mean evidence against the class.
        method: CLI name of the method; with `params` it says how to get `values` again.
        params: the method's parameters.
        layer: name of the layer it was read from; None for a map of the input's pixels.
        image_size: (H, W) of the images.
        unit: what one unit of `values` is, for example "logit" or "probability per unit of brightness".
        details: quality of the method's result for each image, `(N,)` float32 by name, for example
            "completeness gap" in units of the score, or "R²" of a fit.
        verdicts: whether each map can be trusted; None where not evaluated.
    """

    values: Array
    _: KW_ONLY
    target: Array
    score: Score
    signed: bool
    method: str
    params: Mapping[str, Any]
    layer: str | None
    image_size: tuple[int, int]
    against: Array | None = None
    unit: str = ""
    details: Mapping[str, Array] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        count, height, width = self.values.shape
        of = f"layer {self.layer!r}" if self.layer else "the pixels"
        return (
            f"Attribution({self.method!r}, {plural(count, 'map')} of {height}×{width}, of {of}, in units of "
            f"{self.unit!r})"
        )

    def _repr_html_(self) -> str:
        some = range(min(SHOWN, len(self)))
        about = [f"class {self.target[n]}, largest {np.abs(self.values[n]).max(initial=0):.3g}" for n in some]
        words = [f"{said}; {verdict.words}" for said, verdict in zip(about, self.verdicts or (), strict=False)] or about
        facts = {"unit": self.unit, **{name: str(value) for name, value in self.params.items()}}
        if self.signed:
            facts["colours"] = "orange: for the class; blue: against it; each map by its own largest value"
        maps = (coloured(self.values[n], signed=self.signed) for n in some)
        return facts_html(repr(self), facts) + pictures_html(maps, [f"map {n}" for n in some], words)

    def at_pixels(self) -> Array:
        """Upsample to `(N, H, W)` float32: bilinear with half-pixel centres, as `tf.image.resize`."""
        rows, columns = (half_pixel(n, m) for n, m in zip(self.values.shape[1:], self.image_size, strict=True))
        return np.asarray(rows @ self.values @ columns.T, np.float32)


def half_pixel(places: int, pixels: int) -> Array:
    """`(pixels, places)` float32 weights of a bilinear resize; a map that already fits is left alone."""
    centre = np.clip((np.arange(pixels) + 0.5) * places / pixels - 0.5, 0, places - 1)
    low = np.minimum(centre.astype(np.int64), max(places - 2, 0))
    weights = np.zeros((pixels, places), np.float32)
    weights[np.arange(pixels), low] = 1 - (centre - low)
    if places > 1:
        weights[np.arange(pixels), low + 1] = centre - low
    return weights
