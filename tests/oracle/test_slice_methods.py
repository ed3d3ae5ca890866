"""Domino, Spotlight and PlaneSpot against their formulas, written again slowly."""

import math

import numpy as np
import pytest

from workbench.diagnosis.truth.slices import domino as mixture
from workbench.diagnosis.truth.slices.domino import domino, log_likelihoods, maximise
from workbench.diagnosis.truth.slices.planespot import planespot
from workbench.diagnosis.truth.slices.spotlight import objective, spotlight


def test_the_likelihood_of_domino_is_the_product_of_its_parts():
    chance = np.random.default_rng(0)
    values, said = chance.normal(size=(12, 3)), chance.dirichlet([1, 1], 12)
    true = np.eye(2)[chance.integers(0, 2, 12)]
    shares = chance.dirichlet([1, 1, 1, 1], 12)
    fitted = maximise(values, true, said, shares)
    found = log_likelihoods(values, true, said, fitted, 2.5)
    for n in range(12):
        for s in range(4):
            weight = sum(shares[m, s] for m in range(12))
            total = math.log(weight / sum(map(sum, shares)))
            for d in range(3):
                mean = sum(shares[m, s] * values[m, d] for m in range(12)) / weight
                spread = sum(shares[m, s] * (values[m, d] - mean) ** 2 for m in range(12)) / weight
                total += -0.5 * math.log(2 * math.pi * spread) - (values[n, d] - mean) ** 2 / (2 * spread)
            for k in range(2):
                label = sum(shares[m, s] * true[m, k] for m in range(12)) / weight
                claim = sum(shares[m, s] * said[m, k] for m in range(12)) / weight
                total += 2.5 * (true[n, k] * math.log(label) + said[n, k] * math.log(claim))
            assert found[n, s] == pytest.approx(total, rel=1e-5)


def errors_in_a_corner(seed):
    """400 embeddings, of which 60 lie apart and are wrong."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(400, 4))
    own = np.arange(400) < 60
    values[own, 0] += 7
    labels = chance.integers(0, 2, 400)
    said = np.where(own, 1 - labels, labels)
    probabilities = np.where(np.eye(2)[said] == 1, 0.95, 0.05)
    return values, labels, probabilities, own


def test_domino_puts_the_errors_first(monkeypatch):
    monkeypatch.setattr(mixture, "MIXTURES", 8)
    values, labels, probabilities, own = errors_in_a_corner(0)
    first = domino(values, labels, probabilities, weight=5.0, seed=0)[0]
    assert own[first].mean() >= 0.95
    every = domino(values, labels, probabilities, weight=5.0, seed=0)
    assert (np.sum(every, axis=0) == 1).all()


def test_the_slope_of_a_spotlight_is_that_of_its_objective():
    chance = np.random.default_rng(1)
    values, losses = chance.normal(size=(30, 3)), chance.exponential(size=30)
    centre, width = chance.normal(size=3), -0.3
    for mass in (2.0, 25.0):  # without the barrier, and with it
        worth, slope = objective(values, losses, mass, centre, width)
        weights = [
            math.exp(-0.5 * math.exp(width) * sum((a - b) ** 2 for a, b in zip(v, centre, strict=True))) for v in values
        ]
        mean = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
        assert worth == pytest.approx(mean - 10 * max(1 - sum(weights) / mass, 0) ** 2)
        for place in range(4):
            step = np.zeros(4)
            step[place] = 1e-5
            up = objective(values, losses, mass, centre + step[:3], width + step[3])[0]
            down = objective(values, losses, mass, centre - step[:3], width - step[3])[0]
            assert slope[place] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-7)


def test_a_spotlight_falls_on_the_errors():
    values, labels, probabilities, own = errors_in_a_corner(2)
    losses = -np.log(probabilities[np.arange(400), labels])
    first = spotlight(values, losses, least=0.05, seed=0)[0]
    assert own[first].mean() >= 0.9
    assert (first & own).sum() >= 15


def test_planespot_orders_by_errors_times_error_rate():
    chance = np.random.default_rng(3)
    places = np.repeat([[0, 0], [10, 0], [0, 10], [10, 10]], 60, axis=0)
    plane = places + chance.normal(0, 0.3, (240, 2))
    rates = np.repeat([0.0, 0.2, 0.9, 0.5], 60)
    wrong = chance.random(240) < rates
    groups = planespot(plane, np.where(wrong, 0.1, 0.9), wrong, weight=0.0, seed=0)
    worth = [wrong[each].sum() * wrong[each].mean() for each in groups]
    assert worth == sorted(worth, reverse=True)
    assert (rates[groups[0]] == 0.9).mean() >= 0.9
    assert all(wrong[each].any() for each in groups)
