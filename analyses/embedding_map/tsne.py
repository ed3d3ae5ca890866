"""Embeddings in the plane: t-SNE, and how far its neighbours are true ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array

FEWEST = 10
"""Different embeddings from which t-SNE has something to arrange; fewer are laid out by principal components."""
MEASURED = 3000
"""Images on which trustworthiness is measured; it compares all pairs."""
PARALLEL = 2500
"""Images from which two threads pay."""
STEPS = (250, 500)
"""Iterations of early exaggeration, and after it."""


def to_plane(embeddings: Array, near: tuple[Array, Array], *, perplexity: float, seed: int) -> tuple[Array, bool]:
    """Lay `(N, D)` embeddings out in the plane.

    Source: van der Maaten & Hinton 2008 (t-SNE), by openTSNE (Poličar et al. 2019, doi:10.1101/731877); started from
    the first two principal components (Kobak & Berens 2019, arXiv:1902.05804), so that the whole keeps its place.

    Args:
        embeddings: finite.
        near: distances and rows `(N, k)` of their neighbours, themselves left out, nearest first; k at least three
            times `perplexity` where there are so many.
        perplexity: lowered where there are too few images for it.
        seed: of what is random.

    Returns:
        `(N, 2)` float64, and whether t-SNE made it; of fewer than `FEWEST` different images it is the principal
        components.
    """
    start = _components(embeddings, seed)
    if len(embeddings) < FEWEST or len(np.unique(embeddings[:: max(len(embeddings) // 200, 1)], axis=0)) < FEWEST:
        return start, False
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    threads = 2 if len(embeddings) >= PARALLEL else 1
    distances, rows = near
    most = rows.shape[1]
    affinities = PerplexityBasedNN(
        perplexity=min(perplexity, most / 3),
        knn_index=PrecomputedNeighbors(rows, distances),
        random_state=seed,
        n_jobs=threads,
    )
    done = 0

    def on_progress(*_: Any) -> bool:
        nonlocal done
        done += 25
        report("t-SNE", min(done, sum(STEPS)), sum(STEPS))
        return False

    report("t-SNE", 0, sum(STEPS))
    tsne = TSNE(
        early_exaggeration_iter=STEPS[0],
        n_iter=STEPS[1],
        random_state=seed,
        n_jobs=threads,
        callbacks=on_progress,
        callbacks_every_iters=25,
    )
    found = tsne.fit(affinities=affinities, initialization=_scaled(start, seed))
    return np.asarray(found, np.float64), True


def _components(embeddings: Array, seed: int) -> Array:
    """First two principal components, `(N, 2)` float64; what is missing is 0."""
    from sklearn.decomposition import PCA

    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    found = np.zeros((len(centred), 2))
    some = min(2, *centred.shape)
    if len(centred) > 1 and np.abs(centred).max() > 0:
        found[:, :some] = PCA(some, random_state=seed).fit_transform(centred)
    return found


def _scaled(start: Array, seed: int) -> Array:
    """Shrink a start to a spread of 1e-4, as t-SNE wants it, and part what lies at one place."""
    spread = float(start[:, 0].std()) or 1.0
    return start / spread * 1e-4 + np.random.default_rng(seed).normal(0, 1e-8, start.shape)


def measure_trustworthiness(embeddings: Array, places: Array, most: int) -> tuple[float, int, int] | None:
    """Measure how many neighbours on the map are true neighbours.

    Source: Venna & Kaski 2001, trustworthiness, by scikit-learn.

    Args:
        embeddings: `(N, D)`.
        places: `(N, 2)`, on the map.
        most: k; lowered to what is below N / 2.

    Returns:
        Trustworthiness in [0, 1], its k, and the images it was measured on; None for fewer than 3 images.
    """
    from sklearn.manifold import trustworthiness

    step = -(-len(embeddings) // MEASURED)
    chosen = slice(None, None, step)
    count = len(embeddings[chosen])
    k = min(most, -(-count // 2) - 1)
    if k < 1:
        return None
    report("Trustworthiness", 0, 1)
    value = float(trustworthiness(embeddings[chosen], places[chosen], n_neighbors=k))
    report("Trustworthiness", 1, 1)
    return min(max(value, 0.0), 1.0), k, count
