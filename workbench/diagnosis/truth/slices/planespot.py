"""PlaneSpot: a mixture of normal distributions in a plane with the confidence beside it."""

from __future__ import annotations

import numpy as np

from workbench.core.cores import at_most
from workbench.core.types import Array

SIZES = (4, 8, 12, 16, 20, 25, 30)
"""Numbers of components that are tried."""


def planespot(plane: Array, confidence: Array, wrong: Array, *, weight: float, seed: int) -> list[Array]:
    """Find groups: `(N,)` bool each, by the number of errors times the error rate.

    The plane is brought to [0, 1] along each axis; the third coordinate is `weight` times the confidence. A mixture of
    normal distributions is fitted, its size by the Bayesian information criterion.

    Source: Plumb et al. 2022, arXiv:2207.04104, sec. 5. There the plane is scvis'; here it is t-SNE's, whose cost is
    the part of scvis' that keeps neighbours together.

    Args:
        plane: `(N, 2)` float, the embeddings in two dimensions.
        confidence: `(N,)` float, of the true class.
        wrong: `(N,)` bool.
        weight: of the confidence.
        seed: of the mixture.
    """
    from sklearn.mixture import GaussianMixture

    low, high = plane.min(axis=0), plane.max(axis=0)
    values = np.column_stack([(plane - low) / np.maximum(high - low, 1e-12), weight * confidence]).astype(np.float64)
    with at_most(1):
        tried = [
            GaussianMixture(size, random_state=seed, reg_covar=1e-6, max_iter=100).fit(values)
            for size in SIZES
            if size < len(values)
        ]
        best = min(tried, key=lambda each: float(each.bic(values)))
        taken = best.predict(values)
    errors = np.bincount(taken, wrong, best.n_components)
    of = np.maximum(np.bincount(taken, minlength=best.n_components), 1)
    order = np.argsort(-errors * errors / of, kind="stable")
    return [taken == each for each in order if errors[each]]


def plane_of(embeddings: Array, seed: int) -> Array:
    """Lay embeddings out in a plane by t-SNE: `(N, 2)` float."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    with at_most(1):
        values = PCA(min(32, *embeddings.shape), random_state=seed).fit_transform(embeddings)
        return np.asarray(TSNE(2, max_iter=500, random_state=seed, n_jobs=1).fit_transform(values), np.float64)
