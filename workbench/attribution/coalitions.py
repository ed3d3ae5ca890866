"""Coalitions: which of d regions are shown together, as drawn for KernelSHAP and LIME."""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np

from workbench.core.types import Array


@lru_cache(maxsize=8)
def shapley_coalitions(count: int, samples: int, seed: int) -> tuple[Array, Array]:
    """List coalitions with the weights of the Shapley kernel, or draw them by it.

    The kernel is (d - 1) / (C(d, k) k (d - k)) for k of d regions. Where all 2^d - 2 coalitions that are neither empty
    nor whole fit into `samples`, they are listed with their weights. Else k is drawn by P(k) ~ (d - 1) / (k (d - k)),
    the kernel times the number of coalitions of that size, then k regions evenly, each z with its opposite 1 - z; they
    weigh alike. Source: Lundberg and Lee 2017, arXiv:1705.07874, theorem 2; pairs: Covert and Lee 2021,
    arXiv:2012.01536, section 3.2.

    Args:
        count: regions, d.
        samples: coalitions wanted, without the empty and the whole one; of an odd number one has no opposite.
        seed: of the draw.

    Returns:
        `(S, d)` float32 of 0 and 1, the first empty and the second whole, and `(S,)` float64 weights: 0 for these two,
        1 on average for the others.
    """
    ends = np.stack([np.zeros(count), np.ones(count)])
    if 2 ** int(count) - 2 <= samples:
        shown = (np.arange(1, 2**count - 1)[:, None] >> np.arange(count)) & 1
        sizes = shown.sum(axis=1)
        weights = np.array([(count - 1) / (comb(count, k) * k * (count - k)) for k in sizes.tolist()])
    else:
        half = _evenly(np.random.default_rng(seed), _sizes(count, -(-samples // 2), seed), count)
        shown = np.stack([half, 1 - half], axis=1).reshape(-1, count)[:samples]
        weights = np.ones(len(shown))
    together = np.concatenate([ends, shown]).astype(np.float32)
    return together, np.concatenate([np.zeros(2), weights / max(weights.mean() if len(weights) else 1, 1e-300)])


@lru_cache(maxsize=8)
def coin_coalitions(count: int, samples: int, seed: int) -> Array:
    """Show each region or not by the throw of a coin: `(samples, d)` float32 of 0 and 1."""
    return np.random.default_rng(seed).integers(0, 2, (samples, count)).astype(np.float32)


def _sizes(count: int, samples: int, seed: int) -> Array:
    """Draw `(samples,)` sizes k in 1 … d - 1."""
    sizes = np.arange(1, count)
    odds = 1 / (sizes * (count - sizes))
    return np.random.default_rng((seed, 1)).choice(sizes, samples, p=odds / odds.sum())


def _evenly(chance: np.random.Generator, sizes: Array, count: int) -> Array:
    """Draw `(samples, d)` of 0 and 1, `sizes` ones a row, each such row as likely as any other."""
    ranks = chance.random((len(sizes), count)).argsort(axis=1).argsort(axis=1)
    return (ranks < sizes[:, None]).astype(np.float64)
