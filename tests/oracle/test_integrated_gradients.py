"""Integrated gradients against equations 1 and 3 of arXiv:1703.01365 in float64."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.oracle.halving import halved
from workbench.attribution.bisected_steps import rows_of_a_way

FLAT = {"black": 0.0, "grey": 0.5, "white": 1.0}


def blurred(image):
    """Each pixel the mean of all, weighted by exp(-d^2 / 2 sigma^2), sigma a tenth of the shorter side."""
    height, width = image.shape[:2]
    sigma, soft = 0.1 * min(height, width), np.zeros_like(image)
    for i, j in np.ndindex(height, width):
        weights = np.array(
            [[np.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * sigma**2)) for x in range(width)] for y in range(height)]
        )
        soft[i, j] = (weights[..., None] * image).sum(axis=(0, 1)) / weights.sum()
    return soft


def background(case):
    """Images of a training part, (R, H, W, C)."""
    return np.random.default_rng(8).integers(0, 256, (3, *case.images.shape[1:]), np.uint8)


def references(kind, image, case):
    """The images that the paths start from, (H, W, C) each."""
    if kind == "training":
        return list(background(case) / 255)
    if kind == "blurred":
        return [blurred(image)]
    if kind == "mean":
        return [np.broadcast_to([image[..., c].mean() for c in range(image.shape[2])], image.shape)]
    return [np.full_like(image, FLAT[kind])]


def replica(case, number, score, reference, steps):
    """Mean over x' of (x - x') times the trapezoid rule of ds/dx along x' + a (x - x'), added over channels."""
    image = case.images[number].astype(np.float64)
    values, starts = np.zeros(image.shape[:2]), references(reference, image, case)
    for start in starts:
        total = np.zeros_like(image)
        for step in range(steps + 1):
            point = start + step / steps * (image - start)
            slope = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
            total += slope * (0.5 if step in (0, steps) else 1.0) / steps
        values += ((image - start) * total).sum(axis=2) / len(starts)
    return values


def gauss_legendre(case, number, score, reference, steps):
    """The same by Gauss and Legendre's rule: a sum over the roots of P_n on [0, 1]."""
    image = case.images[number].astype(np.float64)
    places, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    values, starts = np.zeros(image.shape[:2]), references(reference, image, case)
    for start in starts:
        for place, weight in zip(places, weights, strict=True):
            point = start + (1 + place) / 2 * (image - start)
            slope = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
            values += ((image - start) * slope).sum(axis=2) * weight / 2 / len(starts)
    return values


def bisected(case, number, score, start, tolerance):
    """The same along one way by steps that are halved: the map, the square of its estimated error, and the steps."""
    image = case.images[number].astype(np.float64)
    return halved(
        lambda along: start + along * (image - start),
        lambda point: case.network.gradients(point, case.cotangent(number, point, score))[1]["image"],
        case.value(image, number, score) - case.value(start, number, score),
        tolerance,
    )


def explained(case, score, reference, steps, **how):
    given = background(case) if reference == "training" else None
    return case.attribution("integrated-gradients", score, background=given, reference=reference, steps=steps, **how)


def difference(case, n, score, reference):
    """s(x) - mean s(x')."""
    image = case.images[n].astype(np.float64)
    starts = references(reference, image, case)
    return case.value(image, n, score) - np.mean([case.value(start, n, score) for start in starts])


@pytest.mark.parametrize(
    ("score", "reference", "steps"),
    [
        ("logit", "black", 50),
        ("probability", "grey", 7),
        ("contrast", "mean", 2),
        ("logit", "white", 5),
        ("probability", "blurred", 4),
        ("contrast", "training", 3),
        ("logit", "training", 2),
    ],
)
def test_every_model(case, agree, score, reference, steps):
    """Map and completeness gap, sum of the map minus (s(x) - mean s(x')), signed and in units of the score."""
    numbers = range(len(case.images)) if steps < 50 else [1]
    expected = np.stack([replica(case, number, score, reference, steps) for number in numbers])
    given = explained(case, score, reference, steps)
    agree(given.values[list(numbers)], expected, 1e-4, "integrated-gradients")

    gaps = [expected[k].sum() - difference(case, number, score, reference) for k, number in enumerate(numbers)]
    assert list(given.details) == ["completeness gap"]
    assert given.details["completeness gap"].shape == (len(case.images),)
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"][list(numbers)], gaps, rtol=0, atol=within)
    assert steps == 50 or np.abs(gaps).max() > 10 * within  # a rule of few steps does leave one


@pytest.mark.parametrize(
    ("score", "reference", "steps"), [("logit", "black", 12), ("probability", "mean", 3), ("contrast", "training", 2)]
)
def test_every_model_by_gauss_legendre(case, agree, score, reference, steps):
    expected = np.stack([gauss_legendre(case, n, score, reference, steps) for n in range(len(case.images))])
    given = explained(case, score, reference, steps, rule="gauss-legendre")
    agree(given.values, expected, 1e-4, "integrated-gradients, gauss-legendre")
    gaps = [expected[n].sum() - difference(case, n, score, reference) for n in range(len(case.images))]
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


@pytest.mark.parametrize(
    ("score", "reference", "tolerance"),
    [("logit", "black", 0.05), ("probability", "grey", 0.02), ("contrast", "training", 0.1)],
)
def test_every_model_with_steps_that_follow_from_the_tolerance(case, agree, score, reference, tolerance):
    """Map, gap, steps and estimated error of each image; of several references the steps are the mean."""
    expected, errors, steps = [], [], []
    for number in range(len(case.images)):
        starts = references(reference, case.images[number].astype(np.float64), case)
        maps, squares, counts = zip(*(bisected(case, number, score, each, tolerance) for each in starts), strict=True)
        expected.append(np.mean(maps, axis=0))
        errors.append(sum(squares) ** 0.5 / len(starts) / np.linalg.norm(expected[-1]))
        steps.append(np.mean(counts))
    given = explained(case, score, reference, None, tolerance=tolerance)
    agree(given.values, np.stack(expected), 1e-4, "integrated-gradients, auto")
    assert given.details["steps"].tolist() == pytest.approx(steps)
    np.testing.assert_allclose(given.details["relative error"], errors, rtol=1e-3, atol=1e-6)
    gaps = [expected[n].sum() - difference(case, n, score, reference) for n in range(len(case.images))]
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


def test_the_error_is_what_was_asked_for(case):
    """Within one and a half times the tolerance of 3,000 steps in float64, and of no gap; a smaller one takes more."""
    truth, steps = replica(case, 0, "logit", "black", 3000), []
    for tolerance in (0.1, 0.02):
        given = explained(case, "logit", "black", None, tolerance=tolerance)
        assert np.linalg.norm(given.values[0] - truth) <= 1.5 * tolerance * np.linalg.norm(truth)
        steps.append(given.details["steps"][0])
        wanted = abs(difference(case, 0, "logit", "black"))
        surely = given.details["relative error"][0] <= tolerance / 4
        assert surely or abs(given.details["completeness gap"][0]) <= 1.001 * tolerance * wanted
    assert steps[1] > steps[0]


@pytest.mark.parametrize(("score", "reference"), [("logit", "black"), ("probability", "training")])
def test_it_adds_up_to_the_difference_of_the_scores(case, score, reference):
    """Completeness, up to the trapezoid rule: a hundredth of the largest difference at 500 steps."""
    given = explained(case, score, reference, 500)
    differences = np.array([difference(case, n, score, reference) for n in range(len(case.images))])
    within = 0.01 * np.abs(differences).max()
    np.testing.assert_allclose(given.values.sum(axis=(1, 2)), differences, rtol=0, atol=within)
    assert np.abs(given.details["completeness gap"]).max() < within


def test_second_witness_captum_by_gauss_legendre(case, agree):
    """IntegratedGradients of captum as it stands: n Gauss points, the same here; its delta is the gap."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    found, delta = attr.IntegratedGradients(port(describe(case.model), case.network.joins)).attribute(
        to_torch(case.images), target=torch.from_numpy(case.target), n_steps=9, return_convergence_delta=True
    )
    given = explained(case, "logit", "black", 9, rule="gauss-legendre")
    agree(given.values, to_numpy(found).sum(axis=-1), 1e-5, "integrated-gradients, captum")
    np.testing.assert_allclose(given.details["completeness gap"], to_numpy(delta), rtol=0, atol=1e-5)


def test_second_witness_captum(case, agree):
    """IntegratedGradients of captum with its trapezoid rule: n points, n - 1 intervals.

    =====================  =============================================  =======================================
    what                   captum 0.9                                     here
    =====================  =============================================  =======================================
    rule                   Gauss-Legendre by default                      auto steps by default; both rules
    trapezoid's weights    1/n, ends halved: they add up to (n - 1)/n     1/(n - 1), ends halved: they add up to 1
    channels               kept                                           summed
    several references     one call each                                  their mean
    gap                    convergence delta, the same sign               "completeness gap"
    =====================  =============================================  =======================================
    """
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    witness = attr.IntegratedGradients(port(describe(case.model), case.network.joins))
    found, delta = witness.attribute(
        to_torch(case.images),
        target=torch.from_numpy(case.target),
        n_steps=8,
        method="riemann_trapezoid",
        return_convergence_delta=True,
    )
    maps = to_numpy(found).sum(axis=-1)
    given = explained(case, "logit", "black", 7)
    agree(given.values, maps * 8 / 7, 1e-5, "integrated-gradients, captum")
    gap = to_numpy(delta) + maps.sum(axis=(1, 2)) / 7
    np.testing.assert_allclose(given.details["completeness gap"], gap, rtol=0, atol=1e-5)


def test_fewer_large_images_are_explained_together():
    """The integrand of each is held at up to 500 points: of three images of 224 × 224 it is most of a gigabyte."""
    small, large = (SimpleNamespace(image_shape=(side, side, 3), max_rows=256) for side in (28, 224))
    assert rows_of_a_way(small, 1) == 4
    together = 256 // rows_of_a_way(large, 1)
    assert 2 <= together <= 3
    assert rows_of_a_way(large, 1, 3) == 256  # of Blur IG the gradient by each channel: one image
    assert rows_of_a_way(large, 5) == 5 * rows_of_a_way(large, 1)
