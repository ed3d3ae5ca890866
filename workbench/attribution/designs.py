"""How much of each of d regions every changed copy shows, as drawn for Sobol and HSIC attribution."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from workbench.core.types import Array


@lru_cache(maxsize=8)
def sobol_design(count: int, designs: int, seed: int) -> Array:
    """Draw A, and for each region A with its column from another draw B.

    A and B are the halves of the columns of one scrambled Sobol' sequence. Source: Jansen 1999, Computer Physics
    Communications 117, section 2; Saltelli et al. 2010, Computer Physics Communications 181, section 4.

    Args:
        count: regions, d.
        designs: rows of A, N.
        seed: of the scrambling.

    Returns:
        `(N (d + 1), d)` float32 in [0, 1): A, then A with B's column of region 0, and so on.
    """
    from scipy.stats import qmc

    drawn = qmc.Sobol(2 * count, seed=seed).random_base2((designs - 1).bit_length())[:designs]
    first, second = drawn[:, :count], drawn[:, count:]
    mixed = np.repeat(first[None], count + 1, axis=0)
    for region in range(count):
        mixed[region + 1, :, region] = second[:, region]
    return mixed.reshape(-1, count).astype(np.float32)


@lru_cache(maxsize=8)
def halved_design(count: int, samples: int, seed: int) -> Array:
    """Show each region in half of the copies, whatever else is shown: `(samples, d)` float32 of 0 and 1.

    A Latin hypercube of two levels: of an odd number, one more copy hides the region.
    """
    halves = np.repeat(np.arange(samples)[:, None] % 2, count, axis=1)
    return np.random.default_rng(seed).permuted(halves, axis=0).astype(np.float32)
