"""Prototypes and criticisms: images that together stand for all, and images that these stand for badly (MMD-critic).

Source: Kim, Khanna & Koyejo 2016, Examples are not Enough, Learn to Criticize! NIPS 29, sections 3 and 4.
"""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

SMALLEST = 1e-12
"""Least conditional variance of a criticism: one that is a copy of another is never better than one that is none."""


def gaussian(values: Array, width: float = 1.0) -> Array:
    """Gaussian kernel of `(n, D)` values with each other: `(n, n)` float64 in [0, 1], 1 on the diagonal.

    `exp(-d² / (width² · m))`, m the median of the squared distances between different values.

    Args:
        values: `(n, D)`.
        width: of the kernel, in median distances.
    """
    given = np.asarray(values, np.float64)
    squares = (given**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None] - 2 * given @ given.T, 0.0)
    np.fill_diagonal(apart, 0.0)
    middle = float(np.median(apart[np.triu_indices(len(given), 1)])) if len(given) > 1 else 0.0
    rounding = 1e-12 * max(float(squares.max(initial=0.0)), 1e-300)
    if middle <= rounding:  # more than half of them are equal
        rest = apart[apart > rounding]
        middle = float(np.median(rest)) if len(rest) else 1.0
    return np.asarray(np.exp(-apart / (width**2 * middle)))


def mmd(kernel: Array, chosen: Array) -> float:
    """Squared maximum mean discrepancy between all n values and some of them, the biased estimate.

    Args:
        kernel: `(n, n)` of all values.
        chosen: `(m,)` places of some of them.
    """
    some = kernel[:, chosen]
    return float(kernel.mean() - 2 * some.mean() + some[chosen].mean())


def prototypes(kernel: Array, count: int) -> tuple[Array, Array]:
    """Choose values one after the other so that those chosen are as near to all as can be.

    Greedily maximises J_b(S) = 2 / (n |S|) Σ_i Σ_{j in S} k_ij - 1 / |S|² Σ_{i, j in S} k_ij, a constant less MMD².

    Args:
        kernel: `(n, n)`, of all values with each other.
        count: how many to choose; fewer where there are not so many.

    Returns:
        `(m,)` places in the order of choice, and the `(m,)` squared MMD after each.
    """
    n = len(kernel)
    means, own, whole = kernel.mean(axis=0), np.diagonal(kernel), float(kernel.mean())
    chosen, curve = np.zeros(0, np.int64), []
    within, near, towards = 0.0, np.zeros(n), 0.0  # sums over the chosen: of pairs, with each value, of means
    free = np.ones(n, bool)
    for size in range(1, min(count, n) + 1):
        pairs = within + 2 * near + own
        gain = np.where(free, 2 / size * (towards + means) - pairs / size**2, -np.inf)
        best = int(gain.argmax())
        within, towards = float(pairs[best]), towards + float(means[best])
        near, free[best] = near + kernel[best], False
        chosen = np.append(chosen, best)
        curve.append(max(whole - float(gain[best]), 0.0))
    return chosen, np.array(curve)


def witness(kernel: Array, chosen: Array) -> Array:
    """Mean kernel of each value with all, less that with the chosen ones: `(n,)`, the witness function.

    Positive where all values are denser than the chosen ones say, negative where these stand too close.
    """
    return np.asarray(kernel.mean(axis=1) - kernel[:, chosen].mean(axis=1))


def criticisms(kernel: Array, chosen: Array, count: int, *, diversity: float = 1.0) -> Array:
    """Choose values that the prototypes represent badly and that differ from each other.

    Greedily maximises Σ |witness| + diversity · log det of the kernel between those chosen.

    Args:
        kernel: `(n, n)`, of all values with each other.
        chosen: `(m,)` prototypes; no criticism is one.
        count: how many to choose; fewer where there are not so many.
        diversity: weight of the log-determinant; 1 in the paper, 0 chooses by the witness function alone.

    Returns:
        `(c,)` places in the order of choice.
    """
    n = len(kernel)
    worth = np.abs(witness(kernel, chosen)) if len(chosen) else np.zeros(n)
    free = np.ones(n, bool)
    free[chosen] = False
    left = np.array(np.diagonal(kernel), np.float64)  # variance of each value given those chosen
    factors = np.zeros((0, n))
    found = np.zeros(0, np.int64)
    for _ in range(min(count, int(free.sum()))):
        best = int(np.where(free, worth + diversity * np.log(np.maximum(left, SMALLEST)), -np.inf).argmax())
        row = (kernel[best] - factors[:, best] @ factors) / np.sqrt(max(float(left[best]), SMALLEST))
        factors, left = np.vstack([factors, row]), left - row**2  # a step of Cholesky's decomposition
        found, free[best] = np.append(found, best), False
    return found
