"""Maps to be judged on the tiny models, made up so that no method stands between a measure and its equation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution
from workbench.core.params import make
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.measures import measure


def random_maps(case, seed=0):
    """(N, H, W) float32, both signs, no two values alike."""
    return np.random.default_rng(seed).normal(size=case.images.shape[:3]).astype(np.float32)


def framed(case, background=0.0):
    """The images before a background of one colour: an object whose pixels are all brighter than it, and a border."""
    images = np.full_like(case.images, background)
    images[:, 2:-2, 1:-2] = background + 0.1 + (0.9 - background) * case.images[:, 2:-2, 1:-2]
    return images


def judged(case, values, score="logit", method="occlusion", images=None, details=None, **params):
    """A subject with these values; `method` is what is said to have made them."""
    made = make(explainer(method), params)
    against = case.against if score == "contrast" else None
    images = case.images if images is None else images
    found = Attribution(
        values,
        target=case.target,
        score=score,
        signed=True,
        method=method,
        params=made.model_dump(),
        layer=None,
        image_size=case.images.shape[1:3],
        against=against,
        unit=details or {},
    )
    return Subject(probe=case.probe, images=images, attribution=found, method=made)


def probability(case, point, number, score="logit"):
    """Softmax of the explained class; of a contrast, as if only its two classes were possible."""
    logits, target = case.network.scores(point), case.target[number]
    if score == "contrast":
        logits = logits[[target, case.against[number]]]
        target = 0
    odds = np.exp(logits - logits.max())
    return odds[target] / odds.sum()


def filling(kind, image):
    """(H, W, C) float64 to the image without evidence."""
    if kind == "mean":
        return np.broadcast_to(image.mean(axis=(0, 1)), image.shape)
    if kind == "blurred":
        return blurred(image, 0.1 * min(image.shape[:2]))
    return np.full_like(image, {"black": 0.0, "grey": 0.5, "white": 1.0}[kind])


def blurred(image, sigma):
    """Each pixel the mean of all others under a Gaussian, whose weights add up to 1 inside the image."""
    output = np.zeros_like(image)
    for i, j in np.ndindex(image.shape[:2]):
        rows = np.exp(-((np.arange(image.shape[0]) - i) ** 2) / (2 * sigma**2))
        columns = np.exp(-((np.arange(image.shape[1]) - j) ** 2) / (2 * sigma**2))
        weights = np.outer(rows, columns)[..., None]
        output[i, j] = (image * weights).sum(axis=(0, 1)) / weights.sum()
    return output


@pytest.fixture(scope="session")
def kit():
    """The functions above, and `measured(name, subject, **params)`."""
    return SimpleNamespace(
        random_maps=random_maps,
        framed=framed,
        judged=judged,
        probability=probability,
        filling=filling,
        blurred=blurred,
        measured=lambda name, subject, **params: make(measure(name), params).values(subject),
    )
