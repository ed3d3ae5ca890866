"""The contract of a made world: a network, images that it is right about, and where its evidence truly lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.types import Array

from .networks import MAKES

if TYPE_CHECKING:
    from workbench.models.probe import Probe

Chance = np.random.Generator


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownParts:
    """The P parts of N images, and what each is truly worth: found by drawing the image without it.

    Attributes:
        places: `(N, P, H, W)` bool, a part's pixels; none where the image has no such part.
        drops: `(N, P)` float64, how far the explained score falls without a part.
        pairs: `(N, P, P)` float64, how far it falls without two; without one, where both are the same.
        other: `(N,)` int64, another class, which has one of the image's parts and lacks another one.
        has, lacks: `(N,)` int64, which part the other class has, and which it lacks.
    """

    places: Array
    drops: Array
    pairs: Array
    other: Array
    has: Array
    lacks: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Known:
    """A network of a made world, images that it is right about, and their true evidence.

    Attributes:
        probe: the trained network.
        images: `(N, H, W, C)` float32 in [0, 1].
        target: `(N,)` int64, the explained class.
        against: `(N,)` int64, the class that it is contrasted with; None where its logit is explained.
        evidence: `(N, H, W)` bool, the pixels that the explained score truly rests on.
        accuracy: of the network, on images that it was not trained on.
        parts: what the images are made of, in a world of parts.
    """

    probe: Probe
    images: Array
    target: Array
    evidence: Array
    accuracy: float
    against: Array | None = None
    parts: KnownParts | None = None

    def first(self, count: int) -> Known:
        """Return the first `count` images with all that is known of them."""
        return _first(self, count)

    def true_share(self, maps: Array) -> Array:
        """Share of the positive mass of `(N, H, W)` maps that lies on the evidence: `(N,)`; 0 of an empty map."""
        positive = np.maximum(maps, 0.0).astype(np.float64)
        inside, total = (positive * self.evidence).sum(axis=(1, 2)), positive.sum(axis=(1, 2))
        return np.asarray(np.divide(inside, total, out=np.zeros_like(inside), where=total > 0))

    def points(self, maps: Array) -> Array:
        """Say for each of `(N, H, W)` maps whether its largest value lies on the evidence: `(N,)` bool.

        Source: Zhang et al. 2016, arXiv:1608.00507, section 4.2, the pointing game, without a margin.
        """
        flat = maps.reshape(len(maps), -1)
        return np.asarray(self.evidence.reshape(len(maps), -1)[np.arange(len(maps)), flat.argmax(axis=1)])


def _first(known: Any, count: int) -> Any:
    """Cut all arrays of a dataclass, and of what it holds."""
    parts = {each.name: getattr(known, each.name) for each in fields(known)}
    cut = {name: value[:count] for name, value in parts.items() if isinstance(value, np.ndarray)}
    inner = {name: _first(value, count) for name, value in parts.items() if isinstance(value, KnownParts)}
    return replace(known, **cut, **inner)


class KnownWorld(ABC):
    """Base of all made worlds; the first line of a subclass's docstring says what its evidence is.

    Attributes:
        makes: architectures that can learn it.
    """

    makes: ClassVar[tuple[str, ...]] = MAKES

    @abstractmethod
    def known(self, make: str, count: int, seed: int, *, quick: bool = False) -> Known:
        """Draw the world, train a network of one of `makes`, and return up to `count` images that it is right about.

        Args:
            make: the architecture.
            count: images.
            seed: of everything that is drawn.
            quick: whether it may be trained for a shorter time, if it is right about most images then, too.
        """


def ground(chance: Chance, count: int, size: int, channels: int) -> Array:
    """Draw textured grounds, `(N, S, S, C)` float32 in [0, 1] around 0.35: smooth noise of three scales."""
    from scipy.ndimage import gaussian_filter

    found = np.full((count, size, size, channels), 0.35, np.float32)
    for sigma in (0.7, size / 16, size / 6):
        noise = gaussian_filter(chance.standard_normal((count, size, size, channels)), (0, sigma, sigma, 0))
        found += 0.06 * (noise / noise.std()).astype(np.float32)
    return np.clip(found, 0, 1)
