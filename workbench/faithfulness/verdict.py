"""The verdict on a map: is it better than chance, and does it depend on the weights at all?"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.attribution import Attribution, Verdict
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.objects import background_images, object_masks

if TYPE_CHECKING:
    from workbench.faithfulness.randomisation import Randomisation
    from workbench.models.probe import Probe

CONTROLS = 50
"""Random maps that each map is compared with."""
STEPS = 10
"""Steps of the deletion and the insertion curve."""
EQUAL = 1e-6
FEW = 16
"""Places of a map up to which its controls are plain shuffles: in a map so coarse all places are neighbours."""


def judge(
    probe: Probe, images: Array, attribution: Attribution, *, randomisation: Randomisation | None = None, seed: int = 0
) -> tuple[Verdict, ...]:
    """Judge each map of an attribution.

    A map is good in so far as the pixels that it ranks first move the prediction most: its insertion minus deletion
    AUC (arXiv:1806.07421), on the object's pixels alone where the object can be told from its background. How good
    that is is told by `CONTROLS` random maps that have the same values and are as smooth.

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1], what was explained.
        attribution: its maps.
        randomisation: how the method fared when the weights were drawn anew, if that was tested.
        seed: of the controls.
    """
    objects = object_masks(images)
    found = []
    for n in range(len(images)):
        own = seed + zlib.crc32(np.rint(255 * images[n]).astype(np.uint8).tobytes())  # of the image, not of its place
        maps = np.concatenate([attribution.values[n][None], controls(attribution.values[n], CONTROLS, own)])
        among = faithfulness(
            probe,
            images[n],
            objects[n],
            replace(attribution, values=maps).at_pixels(),
            target=int(attribution.target[n]),
            against=None if attribution.against is None else int(attribution.against[n]),
        )
        found.append(_verdict(among, attribution.values[n], randomisation))
        report("Verdicts", n + 1, len(images))
    return tuple(found)


def faithfulness(
    probe: Probe, image: Array, inside: Array, maps: Array, *, target: int, against: int | None = None
) -> Array:
    """Insertion minus deletion AUC of several maps of one image.

    Args:
        probe: the model.
        image: `(H, W, C)` float32 in [0, 1].
        inside: `(H, W)` bool, the pixels that are deleted and inserted.
        maps: `(M, H, W)` float.
        target: the explained class.
        against: the class it is contrasted with, or None.

    Returns:
        `(M,)` float64 in [-1, 1].
    """
    from workbench.faithfulness.curves import area, blur_within, curve, order_of  # imports TensorFlow

    count = len(maps)
    images, within = np.repeat(image[None], count, axis=0), np.repeat(inside[None], count, axis=0)
    ranks = order_of(maps, within)
    emptied = np.where(within[..., None], background_images(images[:1], within[:1]), images).astype(np.float32)
    begins = np.concatenate([images, blur_within(images[:1], within[:1]).repeat(count, axis=0)])
    ends = np.concatenate([emptied, images])
    curves = curve(
        probe,
        begins,
        ends,
        order=np.concatenate([ranks, ranks]),
        within=np.concatenate([within, within]),
        target=np.full(2 * count, target),
        against=None if against is None else np.full(2 * count, against),
        steps=STEPS,
    )
    deletion, insertion = area(curves).reshape(2, count)
    return np.asarray(insertion - deletion)


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


def _verdict(among: Array, values: Array, randomisation: Randomisation | None) -> Verdict:
    similarity = None if randomisation is None or not randomisation.stages else randomisation.similarity.value
    return Verdict(
        faithfulness=float(among[0]),
        percentile=percentile(among[0], among[1:]),
        controls=len(among) - 1,
        largest=float(np.abs(values).max()),
        randomised=similarity,
        blind=randomisation is not None and randomisation.blind,
    )
