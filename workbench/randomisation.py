"""Do maps change when the network's weights are drawn anew? If not, they show the image and not the network.

Source: Adebayo et al. 2018, arXiv:1810.03292, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.contracts import Array
from workbench.objects import object_masks
from workbench.progress import report, reporting, silent

if TYPE_CHECKING:
    from workbench.explainers.base import Explainer
    from workbench.probe import Probe

STAGES = 8
"""Stages of a cascade that are looked at, at most; of a deeper network evenly spaced ones."""
ALIKE = 0.5
"""Mean rank correlation above which a method draws much the same map whatever the weights are."""


@dataclass(frozen=True, eq=False)
class Randomisation:
    """How alike maps are before and after layers are randomised, and what two random networks share.

    Attributes:
        stages: name of the layer that each stage adds (cascading) or has alone (independent), from the output back.
        spearman, absolute, ssim: `(S, N)` rank correlation of the raw maps, of their magnitudes, and 2-D structural
            similarity, of each stage and image to the trained network's map; on the object's pixels but for the last.
            NaN where a map is flat.
        floor: `(3, N)`, the same three between two networks with independent weights.
        maps: `(1 + S, N, H, W)`, of the trained network and of each stage.
    """

    stages: tuple[str, ...]
    spearman: Array
    absolute: Array
    ssim: Array
    floor: Array
    maps: Array

    @property
    def similarity(self) -> tuple[float, float, float]:
        """Mean rank correlation over stages and images with its 95 % interval over images; NaN where all is flat."""
        return mean_with_interval(_mean(self.spearman, 0))

    @property
    def blind(self) -> bool:
        """Whether the maps surely stay alike: the interval of `similarity` lies above 0.5."""
        return bool(self.similarity[1] > ALIKE)


def randomise(
    probe: Probe, method: Explainer, images: Array, target: Array, *, background: Array | None = None,
    mode: Literal["cascading", "independent"] = "cascading", seed: int = 0,
) -> Randomisation:  # fmt: skip
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
    from workbench.reweighted import Reweighted

    objects = object_masks(images)
    other = Reweighted(probe)
    steps = list(_weights(probe, mode, seed))
    chosen = np.unique(np.linspace(0, len(steps) - 1, STAGES).round().astype(int)) if steps else []
    wanted = [("", None), *(steps[k] for k in chosen)]
    maps = []
    for number, (_, weights) in enumerate(wanted):
        maps.append(_maps(other, weights, method, images, target, background))
        report(f"{method.title} under random weights", number + 1, len(wanted) + 2)
    pair = [_maps(other, _fresh(probe, seed + k), method, images, target, background) for k in (1, 2)]
    report(f"{method.title} under random weights", len(wanted) + 2, len(wanted) + 2)
    compared = np.array([compare(maps[0], each, objects) for each in maps[1:]]).reshape(-1, 3, len(images))
    return Randomisation(
        tuple(steps[k][0] for k in chosen), *(compared[:, k] for k in range(3)), compare(*pair, objects), np.stack(maps)
    )


def compare(one: Array, other: Array, objects: Array) -> Array:
    """Compare `(N, H, W)` maps with others: `(3, N)` rank correlation, that of magnitudes, structural similarity.

    Ranks are compared on the object's pixels alone: that all maps are quiet on a black background says nothing about
    the weights.
    """
    from scipy.stats import rankdata
    from skimage.metrics import structural_similarity

    found = np.full((3, len(one)), np.nan)
    window = min(7, *one.shape[1:])
    window -= 1 - window % 2  # it must be odd
    for n, (a, b, inside) in enumerate(zip(one.astype(np.float64), other.astype(np.float64), objects, strict=True)):
        for k, (u, v) in enumerate(((a[inside], b[inside]), (np.abs(a[inside]), np.abs(b[inside])))):
            if len(u) > 1 and np.ptp(u) > 0 and np.ptp(v) > 0:
                found[k, n] = np.corrcoef(rankdata(u), rankdata(v))[0, 1]
        if a.any() and b.any() and window >= 3:
            u, v = a / np.abs(a).max(), b / np.abs(b).max()
            found[2, n] = structural_similarity(u, v, win_size=window, data_range=2.0 if min(u.min(), v.min()) < 0 else 1.0)
    return found


def mean_with_interval(values: Array) -> tuple[float, float, float]:
    """Mean of `(N,)` values with its 95 % interval (Student's t); NaN values are left out, and NaN if none is left."""
    from scipy.stats import t

    known = values[np.isfinite(values)]
    if len(known) == 0:
        return (float("nan"),) * 3
    half = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else 1.0
    return float(known.mean()), float(known.mean() - half), float(known.mean() + half)


def _mean(values: Array, axis: int) -> Array:
    """Mean without NaN values; NaN where there is no other."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _weights(probe: Probe, mode: str, seed: int) -> Iterator[tuple[str, list[Array]]]:
    """Yield the name of each stage's layer and the whole model's weights."""
    from workbench.reweighted import initial, weighted_layers

    trained = [np.asarray(weight.value) for weight in probe.model.weights]
    drawn = initial(probe, seed)
    now = list(trained)
    for name, places in weighted_layers(probe).items():
        now = list(now if mode == "cascading" else trained)
        for place in places:
            now[place] = drawn[place]
        yield name, now


def _fresh(probe: Probe, seed: int) -> list[Array]:
    from workbench.reweighted import initial

    return initial(probe, 100_000 * seed)


def _maps(
    probe: Probe, weights: list[Array] | None, method: Explainer, images: Array, target: Array, background: Array | None
) -> Array:
    if weights is not None:
        probe.set(weights)
    with reporting(silent):
        return method.attribute(probe, images, target, background=background).at_pixels()
