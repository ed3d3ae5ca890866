"""The verdict on a map: does it lie where the evidence is, and does it depend on the weights at all?"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.attribution import Attribution, Verdict
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.faithfulness.hiding import Effects, hiding_effects
from workbench.faithfulness.reliability import reliability

if TYPE_CHECKING:
    from workbench.faithfulness.randomisation import Randomisation
    from workbench.models.probe import Probe

CONTROLS = 50
"""Random maps that each map is compared with."""
EQUAL = 1e-6
FEW = 16
"""Places of a map up to which its controls are plain shuffles: in a map so coarse all places are neighbours."""
DISAGREE = 0.7
"""Correlation of what hiding does in several ways, below which it is not known where the evidence is: of the images on
which `reliability` was measured hardly any has less, so that nothing is known of such."""


def judge(
    probe: Probe, images: Array, attribution: Attribution, *, randomisation: Randomisation | None = None, seed: int = 0
) -> tuple[Verdict, ...]:
    """Judge each map of an attribution.

    A map is good in so far as it lies where hiding a part of the image costs the explained score most
    (`hiding_effects`, measured once for an image and a score): its excess share, how much more of its positive mass is
    there than of an even map. What an excess share is worth was measured in worlds where the evidence is known
    (`reliability`); beside it stands how many of `CONTROLS` random maps, which have the same values and are as smooth,
    have a smaller one.

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1], what was explained.
        attribution: its maps.
        randomisation: how the method fared when the weights were drawn anew, if that was tested.
        seed: of the controls.
    """
    found = []
    for n in range(len(images)):
        effects = hiding_effects(
            probe,
            images[n : n + 1],
            attribution.target[n : n + 1],
            None if attribution.against is None else attribution.against[n : n + 1],
            score=attribution.score,
        )
        own = seed + zlib.crc32(np.rint(255 * images[n]).astype(np.uint8).tobytes())  # of the image, not of its place
        maps = np.concatenate([attribution.values[n][None], controls(attribution.values[n], CONTROLS, own)])
        shares = effects.repeated(0, len(maps)).share(replace(attribution, values=maps).at_pixels())
        found.append(_verdict(effects, shares, attribution.values[n], randomisation))
        report("Verdicts", n + 1, len(images))
    return tuple(found)


def controls(values: Array, count: int, seed: int) -> Array:
    """Draw random maps with the values of one map, and as smooth as it is.

    Random signs are given to the map's cosine transform, which keeps its spectrum and has no edge where opposite sides
    meet; the noise that this gives is then given the map's own values in the order of its own (amplitude-adjusted
    surrogate data, Theiler et al. 1992, with cosines in place of the Fourier transform).

    Args:
        values: `(h, w)` float, at the map's native size.
        count: how many.
        seed: of the noise.

    Returns:
        `(count, h, w)` of the dtype of `values`.
    """
    from scipy.fft import dctn, idctn

    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((count, *values.shape))
    if values.size > FEW:
        noise = idctn(
            np.sign(noise) * dctn(values.astype(np.float64) - values.mean(), norm="ortho"), axes=(1, 2), norm="ortho"
        )
        noise += 1e-9 * np.abs(values).max() * chance.standard_normal(noise.shape)  # equal places in no fixed order
    ranks = noise.reshape(count, values.size).argsort(axis=1, kind="stable").argsort(axis=1)
    return np.sort(values, axis=None)[ranks].reshape(count, *values.shape)


def percentile(own: float, others: Array) -> float:
    """Share of `others` below `own` in percent; equal ones, but for the rounding of float32, count half."""
    return float(100 * ((others < own - EQUAL).mean() + (np.abs(others - own) <= EQUAL).mean() / 2))


def _verdict(effects: Effects, shares: Array, values: Array, randomisation: Randomisation | None) -> Verdict:
    """Say what is known of one map: `shares`, `(1 + CONTROLS,)`, begin with its own."""
    excess = float(shares[0] - effects.area[0])
    untold = _untold(effects, values, excess)
    similarity = None if randomisation is None or not randomisation.stages else randomisation.similarity.value
    return Verdict(
        share=float(shares[0]),
        excess=excess,
        agreement=float(effects.agreement[0]),
        reliability=reliability(float("nan") if untold else excess),
        untold=untold,
        percentile=float("nan") if np.isnan(excess) else percentile(float(shares[0]), shares[1:]),
        controls=len(shares) - 1,
        largest=float(np.abs(values).max()),
        randomised=similarity,
        blind=randomisation is not None and randomisation.blind,
    )


def _untold(effects: Effects, values: Array, excess: float) -> str:
    """Why nothing can be told of a map; empty where something can."""
    if not np.abs(values).max() > 0:
        return "the map is empty"
    if not effects.drop[0] > 0:
        return "hiding no part of the image lowers the score"
    if np.isnan(excess):
        return "the map has no positive values"
    if not effects.agreement[0] >= DISAGREE:
        return "where the evidence is depends on how parts are hidden"
    return ""
