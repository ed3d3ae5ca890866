"""Feature maps as sums of a few non-negative parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.types import Array

MOST_PLACES = 20_000
"""Places of feature maps of which factors are found; of more, these are drawn at random."""
ROUNDS = 300
"""Coordinate descents at most."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Factors:
    """A ≈ U W for the values of all places of a layer's feature maps, one place a row.

    Maps with negative values are factorised as [max(A, 0), max(-A, 0)]. Source: Lee & Seung 1999,
    doi:10.1038/44565; of feature maps: Zhang et al. 2021, arXiv:2006.15417, section 3.2, and Fel et al. 2023 (CRAFT),
    arXiv:2211.10154, equation 1.

    Attributes:
        basis: W, `(R, F)` float64, or `(R, 2 F)` of maps with negative values; none is negative.
        signed: whether the maps have negative values.
        unexplained: ‖A - U W‖² ÷ ‖A‖², in [0, 1], of the places that it was found on.
        model: scikit-learn's fitted NMF.
    """

    basis: Array
    signed: bool
    unexplained: float
    model: Any

    def __len__(self) -> int:
        return len(self.basis)

    def coefficients(self, maps: Array) -> Array:
        """Return U, how much of each factor lies where: `(n, h, w, F)` to `(n, h, w, R)` float64, none negative."""
        rows = _rows(maps, signed=self.signed)
        some = len(rows) and self.basis.any()
        found = self.model.transform(rows) if some else np.zeros((len(rows), len(self)))
        return np.asarray(found, np.float64).reshape(*maps.shape[:3], len(self))


def factorise(maps: Array, count: int, *, seed: int = 0) -> Factors:
    """Find the factors of some feature maps.

    Args:
        maps: `(n, h, w, F)` float.
        count: R, at most as many as there are places and channels.
        seed: for choosing places.
    """
    from sklearn.decomposition import NMF

    signed = bool((maps < 0).any())
    rows = _rows(maps, signed=signed)
    if len(rows) > MOST_PLACES:
        rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), MOST_PLACES, replace=False))]
    model = NMF(max(1, min(count, *rows.shape)), init="nndsvda", max_iter=ROUNDS, random_state=seed)
    whole = float((rows**2).sum())
    found = _quietly(model, rows)
    left = float(((rows - found @ model.components_) ** 2).sum())
    return Factors(
        basis=np.asarray(model.components_, np.float64),
        signed=signed,
        unexplained=left / whole if whole else 0.0,
        model=model,
    )


def _quietly(model: Any, rows: Array) -> Array:
    """Fit; that the last rounds still gained a little is no error here, since `unexplained` is told."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit_transform(rows))


def _rows(maps: Array, *, signed: bool) -> Array:
    rows = np.asarray(maps, np.float64).reshape(-1, maps.shape[-1])
    return np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1) if signed else np.maximum(rows, 0)
