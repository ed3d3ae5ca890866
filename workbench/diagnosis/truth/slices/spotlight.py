"""Spotlight: the ball of embeddings in which the loss is highest."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

SPOTS = 10
"""Spotlights, one after the other."""
STEPS, RATE = 400, 0.05
"""Steps of Adam, and their size in units of the embedding's mean deviation."""
BARRIER = 10.0
"""How much the objective loses, in units of the mean loss, where a spotlight holds nothing of what it has to."""
LIT = 0.5
"""Weight from which an image is a member."""


def spotlight(embeddings: Array, losses: Array, *, least: float, seed: int) -> list[Array]:
    """Find groups: `(N,)` bool each, in the order in which they are found.

    A spotlight weighs the image z by k = exp(−τ |z − μ|² / 2). Its centre μ and precision τ maximise Σ k l / Σ k, the
    mean loss, while Σ k is at least a share of N (a barrier). Then the losses are damped, l ← (1 − k) l, and the next
    one is sought.

    Source: d'Eon et al. 2021, arXiv:2107.00758, sec. 3.

    Args:
        embeddings: `(N, D)` float.
        losses: `(N,)` float, cross-entropies.
        least: share of the images that a spotlight holds at least.
        seed: of where each begins.
    """
    chance = np.random.default_rng(seed)
    values = embeddings - embeddings.mean(axis=0)
    values = values / (np.sqrt((values**2).mean()) + 1e-12)
    left, found = losses.astype(np.float64).copy(), []
    for _ in range(SPOTS):
        if left.sum() <= 0:
            break
        start = values[chance.choice(len(values), p=left / left.sum())]
        weights = brightest(values, left, least * len(values), start)
        if (members := weights >= LIT).any():
            found.append(members)
        left *= 1 - weights
    return found


def brightest(values: Array, losses: Array, mass: float, start: Array) -> Array:
    """Weights `(N,)` of the spotlight that is reached from `start`, wide at first."""
    centre = start.astype(np.float64).copy()
    width = float(np.log(1 / values.shape[1]))  # of the precision's logarithm
    unit = float(losses.mean()) + 1e-12
    moments = [np.zeros(len(centre) + 1), np.zeros(len(centre) + 1)]
    for step in range(1, STEPS + 1):
        _, slope = objective(values, losses / unit, mass, centre, width)
        moments[0] = 0.9 * moments[0] + 0.1 * slope
        moments[1] = 0.999 * moments[1] + 0.001 * slope**2
        move = RATE * (moments[0] / (1 - 0.9**step)) / (np.sqrt(moments[1] / (1 - 0.999**step)) + 1e-8)
        centre += move[:-1]
        width += float(move[-1])
    return _weights(values, centre, width)


def objective(values: Array, losses: Array, mass: float, centre: Array, width: float) -> tuple[float, Array]:
    """What a spotlight maximises, and its slope by the centre and the logarithm of the precision: `(D + 1,)`.

    The barrier is −BARRIER (1 − Σ k / mass)² where Σ k is less than `mass`.
    """
    weights = _weights(values, centre, width)
    total = weights.sum() + 1e-12
    mean = float(weights @ losses / total)
    short = max(1 - total / mass, 0.0)
    by_weight = (losses - mean) / total + 2 * BARRIER * short / mass  # (N,)
    away = values - centre
    precision = np.exp(width)
    by_centre = precision * ((by_weight * weights) @ away)
    by_width = -0.5 * precision * float((by_weight * weights) @ (away**2).sum(axis=1))
    return mean - BARRIER * short**2, np.append(by_centre, by_width)


def _weights(values: Array, centre: Array, width: float) -> Array:
    return np.asarray(np.exp(-0.5 * np.exp(width) * ((values - centre) ** 2).sum(axis=1)))
