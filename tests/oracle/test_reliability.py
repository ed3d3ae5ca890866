"""Calibration measures against their papers' equations, written again as loops in float64."""

import math

import numpy as np
import pytest

from workbench.core.predictions import Predictions
from workbench.statistics.calibration import brier, calibration_error, selective, temperature


@pytest.fixture(params=[3, 17, 400])
def said(request):
    random = np.random.default_rng(request.param)
    logits = random.normal(0, 2, (request.param, 4)).astype(np.float32)
    return Predictions(logits, random.integers(0, 4, request.param))


def softmax(row, divisor=1.0):
    powers = [math.exp((float(z) - float(max(row))) / divisor) for z in row]
    return [power / sum(powers) for power in powers]


def cross_entropy(said, divisor):
    return sum(
        -math.log(softmax(row, divisor)[label]) for row, label in zip(said.logits, said.labels, strict=True)
    ) / len(said)


def told(said):
    """(confidence, right) of each image."""
    rows = [softmax(row) for row in said.logits]
    return [(max(row), row.index(max(row)) == label) for row, label in zip(rows, said.labels, strict=True)]


def test_expected_calibration_error_is_equation_3_of_guo(said):
    """Source: arXiv:1706.04599, equations 1 to 3: B_m holds confidences in ((m - 1) / M, m / M]."""
    images, total = told(said), 0.0
    for m in range(1, 16):
        inside = [(sure, right) for sure, right in images if (m - 1) / 15 < sure <= m / 15]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(sure for sure, _ in inside) / len(inside)
            total += len(inside) / len(images) * abs(accuracy - confidence)
    assert calibration_error(said.confidence, said.correct) == pytest.approx(total, rel=1e-9)


def test_adaptive_calibration_error_sorts_into_bins_of_equal_mass(said):
    """Source: arXiv:1904.01685, section 4."""
    images, total = sorted(told(said)), 0.0
    for m in range(15):
        inside = [pair for place, pair in enumerate(images) if place * 15 // len(images) == m]
        total += abs(sum(right - sure for sure, right in inside)) / len(images)
    assert calibration_error(said.confidence, said.correct, equal="mass") == pytest.approx(total, rel=1e-9)


def test_brier_is_the_squared_distance_from_the_label(said):
    expected = [
        sum((p - (k == label)) ** 2 for k, p in enumerate(softmax(row)))
        for row, label in zip(said.logits, said.labels, strict=True)
    ]
    np.testing.assert_allclose(brier(said), expected, rtol=1e-9)


def test_no_other_temperature_has_a_smaller_cross_entropy(said):
    """Source: arXiv:1706.04599, section 4.2; the grid is the slow way."""
    found = temperature(said)
    grid = [math.exp(step / 20) for step in range(-80, 81)]
    least = min(cross_entropy(said, divisor) for divisor in grid)
    assert cross_entropy(said, found) <= least + 1e-12
    assert said.divided(found).loss.mean() == pytest.approx(cross_entropy(said, found), rel=1e-9)


def test_coverage_and_risk_are_equations_1_and_2_of_geifman(said):
    """Source: arXiv:1705.08500: coverage is the mean of g, risk the loss where g = 1 over the coverage."""
    images, curve = told(said), selective(said.confidence, said.correct)
    for threshold, coverage, risk in zip(curve.threshold, curve.coverage, curve.risk, strict=True):
        chosen = [right for sure, right in images if sure >= threshold - 1e-12]
        assert coverage == pytest.approx(len(chosen) / len(images))
        assert risk == pytest.approx(sum(not right for right in chosen) / len(chosen))
