"""KernelSHAP against theorem 2 of arXiv:1705.07874, and against Shapley's own formula, in float64."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from math import comb, factorial

import keras
import numpy as np
import pytest

from workbench.attribution.coalitions import shapley_coalitions
from workbench.attribution.methods import explainer
from workbench.attribution.regions import segments
from workbench.attribution.surrogate import least_squares
from workbench.models.probe import Probe


def regions_of(kind, image, side):
    """(H, W) number of each pixel's region: `side` cells along each side, no more than pixels, or SLIC's segments."""
    height, width = image.shape[:2]
    if kind == "slic":
        return segments(image, min(side * side, height * width))
    down, across = min(side, height), min(side, width)
    return np.array(
        [[(i * down // height) * across + j * across // width for j in range(width)] for i in range(height)]
    )


def filled(image, reference):
    fill = {"black": 0.0, "grey": 0.5, "white": 1.0, "mean": image.mean(axis=(0, 1))}[reference]
    return np.zeros_like(image) + fill


def game(case, number, score, labels, reference):
    """v(z): the score of the image in which the regions that z does not show are filled."""
    image = case.images[number].astype(np.float64)
    away = filled(image, reference)
    known = {}

    def value(shown):
        shown = tuple(int(each) for each in shown)
        if shown not in known:
            visible = np.isin(labels, np.flatnonzero(shown))[..., None]
            known[shown] = case.value(np.where(visible, image, away), number, score)
        return known[shown]

    return value


def kernel_fit(value, coalitions, weights):
    """argmin_phi sum_z w_z (v(z) - v(0) - z phi)^2 with sum phi = v(1) - v(0): the last phi is put in from that."""
    count = coalitions.shape[1]
    empty, whole = value(np.zeros(count)), value(np.ones(count))
    rows = coalitions[:, :-1] - coalitions[:, -1:]
    rest = np.array([value(z) for z in coalitions]) - empty - coalitions[:, -1] * (whole - empty)
    root = np.sqrt(weights)
    first = np.linalg.lstsq(rows * root[:, None], rest * root, rcond=None)[0]
    found = np.append(first, whole - empty - first.sum())
    scores = np.array([value(z) for z in coalitions])
    spread = weights @ (scores - np.average(scores, weights=weights)) ** 2
    return found, 1 - weights @ (scores - empty - coalitions @ found) ** 2 / spread


def shapley(value, count):
    """Mean over all orders of showing the regions of what each adds when its turn comes."""
    total = np.zeros(count)
    for order in permutations(range(count)):
        shown = np.zeros(count)
        before = value(shown)
        for region in order:
            shown[region] = 1
            after = value(shown)
            total[region] += after - before
            before = after
    return total / factorial(count)


def shapley_by_subsets(value, count):
    """phi_j = sum over S without j of |S|! (d - |S| - 1)! / d! (v(S + j) - v(S)): equation 8."""
    found = np.zeros(count)
    for region in range(count):
        others = [each for each in range(count) if each != region]
        for size in range(count):
            share = factorial(size) * factorial(count - size - 1) / factorial(count)
            for chosen in combinations(others, size):
                shown = np.isin(np.arange(count), chosen).astype(int)
                with_it = shown + (np.arange(count) == region)
                found[region] += share * (value(with_it) - value(shown))
    return found


@pytest.mark.parametrize(
    ("score", "kind", "side", "reference", "samples", "seed"),
    [
        ("logit", "grid", 4, "black", 60, 0),
        ("probability", "grid", 3, "grey", 50, 3),
        ("contrast", "slic", 4, "mean", 60, 1),
        ("logit", "grid", 8, "white", 150, 2),
    ],
)
def test_every_model(case, agree, score, kind, side, reference, samples, seed):
    """Coalitions are drawn, as in 3 x 3 regions there are 510 of them; SLIC gives fewer regions than there may be."""
    expected, fits = [], []
    for number, image in enumerate(case.images):
        labels = regions_of(kind, image, side)
        most = min(side**2, labels.size) if kind == "slic" else labels.max() + 1
        drawn = shapley_coalitions(most, samples, seed)[0][2:, : labels.max() + 1].astype(np.float64)
        found, fit = kernel_fit(game(case, number, score, labels, reference), drawn, np.ones(len(drawn)))
        expected.append(found[labels])
        fits.append(fit)
    given = case.attribution(
        "kernel-shap", score, regions=kind, side=side, reference=reference, samples=samples, seed=seed
    )
    agree(given.values, np.stack(expected), 1e-4, "kernel-shap")
    np.testing.assert_allclose(given.details["R²"], fits, atol=1e-4)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_where_all_coalitions_fit_it_is_the_shapley_value(case, agree, score):
    expected = []
    for number, image in enumerate(case.images):
        labels = regions_of("grid", image, 2)
        expected.append(shapley(game(case, number, score, labels, "grey"), 4)[labels])
    agree(
        case.attribute("kernel-shap", score, side=2, reference="grey"), np.stack(expected), 1e-4, "kernel-shap, exact"
    )


@pytest.mark.parametrize(
    ("score", "kind", "samples"), [("logit", "slic", 200), ("probability", "grid", 200), ("contrast", "grid", 20)]
)
def test_what_the_regions_get_adds_up_to_the_score_less_that_of_the_reference(case, score, kind, samples):
    """Also where so few coalitions are drawn that the fit leaves much open."""
    values = case.attribute("kernel-shap", score, regions=kind, side=5, samples=samples, reference="mean")
    for number, image in enumerate(case.images.astype(np.float64)):
        labels = regions_of(kind, case.images[number], 5)
        total = sum(values[number][labels == each][0] for each in range(labels.max() + 1))
        whole = case.value(image, number, score) - case.value(filled(image, "mean"), number, score)
        assert total == pytest.approx(whole, abs=1e-5 * max(1, np.abs(values).max()))


@pytest.mark.parametrize(("kind", "side"), [("grid", 7), ("slic", 7), ("grid", 3)])
def test_on_a_linear_model_a_region_gets_what_showing_it_alone_adds(kind, side):
    model = keras.Sequential([keras.Input((20, 17, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    images = chance.random((3, 20, 17, 3), np.float32)
    target = np.array([2, 0, 1])
    given = explainer("kernel-shap")(regions=kind, side=side, samples=400, reference="grey").attribute(
        Probe(model), images, target
    )
    worth = model.get_weights()[0].astype(np.float64)[:, target].T.reshape(images.shape) * (images - 0.5)
    for number, image in enumerate(images):
        labels = regions_of(kind, image, side)
        alone = np.bincount(labels.ravel(), worth[number].sum(axis=2).ravel())
        np.testing.assert_allclose(given.values[number], alone[labels], atol=1e-4 * np.abs(alone).max())
    np.testing.assert_allclose(given.details["R²"], 1, atol=1e-5)


def test_a_region_that_looks_like_the_reference_gets_nothing_and_disturbs_nobody(case, agree):
    """The upper half is black: its cells are no players, also of coalitions that were drawn for all 16 cells."""
    images = case.images.copy()
    images[:, : images.shape[1] // 2] = 0
    dark, expected = replace(case, images=images), []
    for number, image in enumerate(images):
        labels = regions_of("grid", image, 4)
        players = np.array([(image[labels == each] != 0).any() for each in range(16)])
        assert 8 <= players.sum() < 16

        def value(shown, number=number, labels=labels, players=players):
            among_all = np.zeros(16)
            among_all[players] = shown
            return game(dark, number, "logit", labels, "black")(among_all)

        drawn = shapley_coalitions(16, 80, 0)[0][2:, players].astype(np.float64)
        found = np.zeros(16)
        found[players] = kernel_fit(value, drawn, np.ones(80))[0]
        expected.append(found[labels])
    values = dark.attribute("kernel-shap", side=4, samples=80)
    agree(values, np.stack(expected), 1e-4, "kernel-shap")
    assert not values[:, : images.shape[1] // 4].any()


def games(count, seed):
    """Any game: a number for each of the 2^d coalitions, by the coalition."""
    numbers = np.random.default_rng(seed).normal(size=2**count)
    return lambda shown: numbers[int(np.asarray(shown, int) @ (1 << np.arange(count)))]


@pytest.mark.parametrize("count", range(1, 10))
def test_the_fit_finds_the_shapley_values_of_any_game(count):
    value = games(count, count)
    method = explainer("kernel-shap")()
    shown = method.coalitions(count).astype(np.float64)
    scores = np.array([value(z) for z in shown])
    assert len({tuple(z) for z in shown}) == 2**count
    found = np.asarray(method.fit(shown, scores[None], np.ones((1, count)))[0])[0]
    np.testing.assert_allclose(found, shapley_by_subsets(value, count), atol=1e-6)
    if count <= 6:
        np.testing.assert_allclose(found, shapley(value, count), atol=1e-6)


def test_a_region_that_is_not_there_takes_nothing_from_the_others():
    """Region 3 of 5 is missing in the first of two games: the other four are their own game's values, it gets 0."""
    small, large = games(4, 8), games(5, 9)
    method = explainer("kernel-shap")()
    shown = method.coalitions(5).astype(np.float64)
    scores = np.array([[small(np.delete(z, 3)) for z in shown], [large(z) for z in shown]])
    found = np.asarray(method.fit(shown, scores, np.array([[1, 1, 1, 0, 1.0], [1] * 5]))[0])
    np.testing.assert_allclose(found[0], np.insert(shapley(small, 4), 3, 0), atol=1e-6)
    np.testing.assert_allclose(found[1], shapley(large, 5), atol=1e-6)


def test_drawn_coalitions_come_near_the_shapley_values_the_more_of_them_there_are():
    """12 regions, 4094 coalitions. The error falls like 1 / sqrt(samples)."""
    value = games(12, 5)
    listed = shapley_coalitions(12, 5000, 0)
    scores = {tuple(z.astype(int)): value(z) for z in listed[0]}
    method = explainer("kernel-shap")

    def fitted(**params):
        shown = method(**params).coalitions(12).astype(np.float64)
        of = np.array([[scores[tuple(z.astype(int))] for z in shown]])
        return np.asarray(method(**params).fit(shown, of, np.ones((1, 12)))[0])[0]

    exact = fitted(samples=5000)
    few, many = (
        np.mean([np.abs(fitted(samples=samples, seed=seed) - exact).mean() for seed in range(8)])
        for samples in (100, 1600)
    )
    assert 2.5 < few / many < 8  # 4 expected


def test_weights_are_those_of_the_kernel():
    shown, weights = shapley_coalitions(6, 100, 0)
    sizes = shown.sum(axis=1).astype(int)
    assert weights[:2].tolist() == [0, 0]
    assert sizes[:2].tolist() == [0, 6]
    kernel = np.array([5 / (comb(6, k) * k * (6 - k)) for k in sizes[2:]])
    np.testing.assert_allclose(weights[2:] / weights[2], kernel / kernel[0], rtol=1e-12)


def test_least_squares_is_that_of_numpy():
    chance = np.random.default_rng(0)
    design, values = chance.normal(size=(3, 40, 5)), chance.normal(size=(3, 40))
    weights = chance.random((3, 40))
    found = np.asarray(least_squares(design, weights, values, ridge=0.7))
    for x, w, y, b in zip(design, weights, values, found, strict=True):
        tall = np.concatenate([x * np.sqrt(w)[:, None], np.sqrt(0.7) * np.eye(5)])
        np.testing.assert_allclose(b, np.linalg.lstsq(tall, np.append(y * np.sqrt(w), np.zeros(5)), rcond=None)[0])
