"""Do maps change when the network's weights are drawn anew? If not, they show the image and not the network.

Source: Adebayo et al. 2018, arXiv:1810.03292, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.progress import report, reporting, silent
from workbench.core.types import Array
from workbench.data.objects import object_masks
from workbench.data.sampling import evenly
from workbench.statistics.significance import mean_with_interval

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.models.probe import Probe

STAGES = 8
"""Stages of a cascade that are looked at, at most; of a deeper network evenly spaced ones."""
FAR = 100_000
"""Between the seeds of two networks, so that no two weights are drawn from one seed."""
ALIKE = 0.5
"""Mean rank correlation above which a method draws much the same map whatever the weights are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Randomisation:
    """How alike maps are before and after layers are randomised, and what two random networks share.

    Attributes:
        stages: name of the layer that each stage adds (cascading) or has alone (independent), from the output back.
        spearman, absolute, ssim: `(S, N)` rank correlation of the raw maps, of their magnitudes, and 2-D structural
            similarity, of each stage and image to the trained network's map; on the object's pixels but for the last,
            without those that are zero in every network's map. NaN where a map is flat.
        floor: `(3, N)`, the same three between two networks with independent weights.
        maps: `(3 + S, N, H, W)`, of the trained network, of each stage, and of the two networks of the floor.
    """

    stages: tuple[str, ...]
    spearman: Array
    absolute: Array
    ssim: Array
    floor: Array
    maps: Array

    @property
    def similarity(self) -> Estimate:
        """Mean rank correlation over stages and images with its 95 % interval over images; NaN where all is flat."""
        return mean_with_interval(_mean(self.spearman, 0), within=(-1, 1))

    @property
    def blind(self) -> bool:
        """Whether the maps surely stay alike: the interval of `similarity` lies above 0.5.

        Where several maps stay exactly as much alike, as those that read no weight do, it has none, and none is needed.
        """
        found = self.similarity
        exact = found.interval is None and self.spearman.shape[-1] > 1
        return bool((found.value if exact else found.low) > ALIKE)


def randomise(
    probe: Probe,
    method: Explainer,
    images: Array,
    target: Array,
    *,
    background: Array | None = None,
    mode: Literal["cascading", "independent"] = "cascading",
    seed: int = 0,
) -> Randomisation:
    """Draw the weights of the network's layers anew, from the output back, and compare the maps.

    The first stage starts from the trained weights; each layer is drawn by its own initialiser.

    Args:
        probe: the model; it stays as it is.
        method: with its parameters.
        images: `(N, H, W, C)`, at least 20 for a verdict.
        target: `(N,)` int, the explained class, kept through all stages.
        background: for methods that compare with images.
        mode: "cascading" randomises each layer and all behind it, "independent" one layer alone.
        seed: of the weights.
    """
    from workbench.models.other_weights import Reweighted, initial

    other = Reweighted(probe)
    steps = list(_weights(probe, mode, seed))
    chosen = evenly(len(steps), STAGES)
    wanted = [other.trained, *(steps[k][1] for k in chosen), *(initial(probe, FAR * (seed + k)) for k in (1, 2))]
    maps = []
    for number, weights in enumerate(wanted):
        other.set(weights)
        with reporting(silent):
            maps.append(method.attribute(other.probe, images, target, background=background).at_pixels())
        report(f"{method.title} under random weights", number + 1, len(wanted))
    # Places that are zero whatever the weights, as where pooling drops a border, say nothing about the weights.
    places = object_masks(images) & (np.stack(maps) != 0).any(axis=0)
    *staged, one, two = maps
    compared = np.array([compare(staged[0], each, places) for each in staged[1:]]).reshape(-1, 3, len(images))
    return Randomisation(
        stages=tuple(steps[k][0] for k in chosen),
        spearman=compared[:, 0],
        absolute=compared[:, 1],
        ssim=compared[:, 2],
        floor=compare(one, two, places),
        maps=np.stack(maps),
    )


def compare(one: Array, other: Array, objects: Array) -> Array:
    """Compare `(N, H, W)` maps with others: `(3, N)` rank correlation, that of magnitudes, structural similarity.

    Ranks are compared on the object's pixels alone: that all maps are quiet on a black background says nothing about
    the weights.
    """
    from skimage.metrics import structural_similarity

    found = np.full((3, len(one)), np.nan)
    window = min(7, *one.shape[1:])
    window -= 1 - window % 2  # it must be odd
    for n, (a, b, inside) in enumerate(zip(one.astype(np.float64), other.astype(np.float64), objects, strict=True)):
        found[0, n] = rank_correlation(a[inside], b[inside])
        found[1, n] = rank_correlation(np.abs(a[inside]), np.abs(b[inside]))
        if a.any() and b.any() and window >= 3:
            u, v = a / np.abs(a).max(), b / np.abs(b).max()
            found[2, n] = structural_similarity(
                u, v, win_size=window, data_range=2.0 if min(u.min(), v.min()) < 0 else 1.0
            )
    return found


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's correlation of two `(P,)` arrays; NaN where one of them is flat."""
    from scipy.stats import rankdata

    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _mean(values: Array, axis: int) -> Array:
    """Mean without NaN values; NaN where there is no other."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _weights(probe: Probe, mode: str, seed: int) -> Iterator[tuple[str, list[Array]]]:
    """Yield the name of each stage's layer and the whole model's weights."""
    from workbench.models.other_weights import initial, weighted_layers

    trained = [np.asarray(weight.value) for weight in probe.model.weights]
    drawn = initial(probe, seed)
    now = list(trained)
    for name, places in weighted_layers(probe).items():
        now = list(now if mode == "cascading" else trained)
        for place in places:
            now[place] = drawn[place]
        yield name, now
