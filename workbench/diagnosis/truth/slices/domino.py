"""Domino: a mixture that knows the errors."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

COMPONENTS, MIXTURES = 16, 25
"""Principal components of the embedding, and slices of the mixture."""
STEPS, SETTLED = 100, 1e-3
"""Steps of expectation and maximisation at most, and the gain of the mean log-likelihood at which they end."""
FLOOR = 1e-3
"""Least variance of a normal distribution, the embedding having a variance of 1 on average."""


def domino(embeddings: Array, labels: Array, probabilities: Array, *, weight: float, seed: int) -> list[Array]:
    """Find slices: `(N,)` bool each, those in which predictions differ most from the labels first.

    Of each image z (its embedding), y (its label) and ŷ (what the model says) are modelled as independent given its
    slice s: the log-likelihood is log P(s) + log N(z; μ_s, diag σ_s²) + w log P(y | s) + w log P(ŷ | s). It begins
    from the cells of the confusion matrix; slices are ordered by max |P(ŷ | s) − P(y | s)|.

    Source: Eyuboglu et al. 2022, arXiv:2203.14960, sec. 4.2 and eq. 3.

    Args:
        embeddings: `(N, D)` float.
        labels: `(N,)` int.
        probabilities: `(N, K)` float.
        weight: w.
        seed: of how each cell is split at the beginning.
    """
    from workbench.statistics.slicing import components

    values = components(embeddings, np.arange(len(embeddings)), most=COMPONENTS)[0].astype(np.float64)
    values /= np.sqrt(values.var(axis=0).mean()) + 1e-12
    true = np.eye(probabilities.shape[1])[labels]
    shares = beginning(true, probabilities, np.random.default_rng(seed))
    before = -np.inf
    for _ in range(STEPS):
        fitted = maximise(values, true, probabilities, shares)
        logs = log_likelihoods(values, true, probabilities, fitted, weight)
        top = logs.max(axis=1, keepdims=True)
        totals = top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
        shares = np.exp(logs - totals[:, None])
        now = float(totals.mean())
        if now - before < SETTLED:
            break
        before = now
    _, _, _, of_true, of_said = fitted
    order = np.argsort(-np.abs(of_said - of_true).max(axis=1), kind="stable")
    taken = shares.argmax(axis=1)
    return [taken == each for each in order if (taken == each).any()]


Fitted = tuple[Array, Array, Array, Array, Array]
"""Share of each slice (S,), means and variances (S, D), P(y | s) and P(ŷ | s) (S, K)."""


def beginning(true: Array, probabilities: Array, chance: np.random.Generator) -> Array:
    """Give each slice a cell of the confusion matrix, with noise so that slices of one cell differ: `(N, S)`."""
    classes = true.shape[1]
    cells = np.einsum("ni,nj->nij", true, probabilities).reshape(len(true), classes**2)
    given = cells[:, np.arange(MIXTURES) % classes**2] * chance.uniform(0.5, 1.5, (len(true), MIXTURES))
    return np.asarray((given + 1e-6) / (given + 1e-6).sum(axis=1, keepdims=True))


def maximise(values: Array, true: Array, probabilities: Array, shares: Array) -> Fitted:
    """Fit every slice to the images by how much each belongs to it."""
    weights = shares.sum(axis=0) + 1e-9
    means = shares.T @ values / weights[:, None]
    variances = np.maximum(shares.T @ values**2 / weights[:, None] - means**2, FLOOR)
    return (
        weights / weights.sum(),
        means,
        variances,
        shares.T @ true / weights[:, None],
        shares.T @ probabilities / weights[:, None],
    )


def log_likelihoods(values: Array, true: Array, probabilities: Array, fitted: Fitted, weight: float) -> Array:
    """Log-likelihood of each image in each slice: `(N, S)`."""
    priors, means, variances, of_true, of_said = fitted
    normal = -0.5 * (
        values**2 @ (1 / variances).T
        - 2 * values @ (means / variances).T
        + (means**2 / variances + np.log(2 * np.pi * variances)).sum(axis=1)
    )
    categorical = true @ np.log(of_true + 1e-9).T + probabilities @ np.log(of_said + 1e-9).T
    return np.asarray(np.log(priors + 1e-12) + normal + weight * categorical)
