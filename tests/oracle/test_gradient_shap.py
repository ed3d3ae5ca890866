"""GradientSHAP against equation 3 of arXiv:1906.10670 with noisy images, in float64, with the documented draws."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer

SAMPLES, NOISE, SEED = 12, 0.2, 3
FLAT = {"black": [0.0], "white": [1.0], "greys": [0.0, 0.25, 0.5, 0.75, 1.0]}


def background(case):
    """Images of a training part, (R, H, W, C)."""
    return np.random.default_rng(8).integers(0, 256, (3, *case.images.shape[1:]), np.uint8)


def references(kind, image, case):
    """The images to draw from, (H, W, C) each."""
    if kind == "training":
        return list(background(case) / 255)
    return [np.full_like(image, level) for level in FLAT[kind]]


def replica(case, number, score, kind):
    """Mean over samples of (x + e - x') ds/dx at x' + a (x + e - x'), added over channels; and its gap."""
    image = case.images[number].astype(np.float64)
    away = references(kind, image, case)
    which, along = explainer("gradient-shap")(samples=SAMPLES, seed=SEED).draws(len(away))
    draws = np.asarray(keras.random.normal((1, SAMPLES, *image.shape), seed=SEED), np.float64)[0]
    sigma = NOISE * (image.max() - image.min())
    values, scores = np.zeros(image.shape[:2]), []
    for draw, chosen, part in zip(draws, which, along, strict=True):
        noisy, start = image + sigma * draw, away[chosen]
        point = start + part * (noisy - start)
        slope = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
        values += ((noisy - start) * slope).sum(axis=2) / SAMPLES
        scores.append(case.value(start, number, score))
    return values, values.sum() - (case.value(image, number, score) - np.mean(scores))


@pytest.mark.parametrize(
    ("score", "reference"), [("logit", "greys"), ("probability", "black"), ("contrast", "white"), ("logit", "training")]
)
def test_every_model(case, agree, score, reference):
    found = [replica(case, number, score, reference) for number in range(len(case.images))]
    expected, gaps = (np.stack(each) for each in zip(*found, strict=True))
    given = case.attribution(
        "gradient-shap",
        score,
        background=background(case) if reference == "training" else None,
        reference=reference,
        samples=SAMPLES,
        noise=NOISE,
        seed=SEED,
    )
    agree(given.values, expected, 1e-4, "gradient-shap")
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


@pytest.mark.parametrize("references", [1, 3, 5])
def test_every_reference_is_drawn_alike_and_every_part_of_the_way_once(references):
    """As many samples from each reference, and one in each of as many parts of [0, 1] as there are samples."""
    which, along = explainer("gradient-shap")(samples=30, seed=1).draws(references)
    assert np.bincount(which).tolist() == [30 // references] * references
    np.testing.assert_array_equal(np.floor(along * 30), np.arange(30))
    other = explainer("gradient-shap")(samples=30, seed=2).draws(references)
    assert (other[1] != along).all()
    assert references == 1 or (other[0] != which).any()


def test_without_noise_it_adds_up_to_the_mean_difference_the_more_samples_there_are(case):
    def gap(samples):
        made = [case.attribution("gradient-shap", samples=samples, noise=0, seed=seed) for seed in (0, 1)]
        return np.abs([each.details["completeness gap"] for each in made]).mean()

    assert gap(400) < gap(10) / 3
    assert gap(400) < 0.03 * np.abs([case.value(image, n, "logit") for n, image in enumerate(case.images)]).max()


def test_second_witness_captum(case, agree, monkeypatch):
    """GradientShap of captum with our draws along the way, one black reference and no noise."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    along = explainer("gradient-shap")(samples=SAMPLES).draws(1)[1]
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: np.tile(along, size // SAMPLES))
    images = to_torch(case.images)
    found = attr.GradientShap(port(describe(case.model), case.network.joins)).attribute(
        images, torch.zeros_like(images[:1]), target=torch.from_numpy(case.target), n_samples=SAMPLES
    )
    values = case.attribute("gradient-shap", samples=SAMPLES, noise=0, reference="black")
    agree(values, to_numpy(found).sum(axis=-1), 1e-5, "gradient-shap, captum")
