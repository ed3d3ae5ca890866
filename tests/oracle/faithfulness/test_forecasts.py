"""What a map forecasts of the score against what the score does: the papers' equations in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.attribution.methods import explainer
from workbench.faithfulness.measures.infidelity import Infidelity
from workbench.faithfulness.measures.max_sensitivity import MaxSensitivity
from workbench.faithfulness.measures.mu_fidelity import MuFidelity


@pytest.mark.parametrize(
    ("score", "cells", "share", "reference", "correlation"),
    [
        ("logit", None, 0.2, "black", "pearson"),
        ("contrast", 3, 0.4, "white", "pearson"),
        ("probability", 4, 0.1, "mean", "spearman"),
    ],
)
def test_mu_fidelity(kit, case, agree, score, cells, share, reference, correlation):
    """Correlation over subsets S of the sum of the map over S, and of s(x) - s(x with S at the reference)."""
    height, width = case.images.shape[1:3]
    down, right = (height, width) if cells is None else (cells, cells)
    params = {"cells": cells, "share": share, "reference": reference, "correlation": correlation, "samples": 40}
    parts = MuFidelity(seed=5, **params).parts(down * right)
    assert (parts.sum(axis=1) == round(share * down * right)).all()
    assert len({part.tobytes() for part in parts}) > 30
    subject = kit.judged(case, kit.random_maps(case), score)
    expected = []
    for number, image in enumerate(case.images.astype(np.float64)):
        whole, claimed, lost = case.value(image, number, score), [], []
        for part in parts:
            without, claim = image.copy(), 0.0
            for i, j in np.ndindex(height, width):
                if part[(i * down // height) * right + j * right // width]:
                    without[i, j] = kit.filling(reference, image)[i, j]
                    claim += float(subject.maps[number, i, j])
            claimed.append(claim)
            lost.append(whole - case.value(without, number, score))
        test = stats.pearsonr if correlation == "pearson" else stats.spearmanr
        expected.append(test(claimed, lost).statistic)
    agree(kit.measured("mu-fidelity", subject, seed=5, **params), np.array(expected), 1e-4, "mu-fidelity")


def mean_error(forecast, lost, scaled):
    """E[(beta forecast - lost)^2] with the best beta, or with 1."""
    forecast, lost = np.array(forecast), np.array(lost)
    scale = np.mean(forecast * lost) / np.mean(forecast**2) if scaled else 1
    return np.mean((scale * forecast - lost) ** 2)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize(
    ("score", "method", "reference"),
    [("logit", "smooth-grad", "black"), ("contrast", "occlusion", "mean"), ("probability", "saliency", "grey")],
)
def test_infidelity_of_patches(kit, case, agree, scaled, score, method, reference):
    """I is the patch's way to the reference; of one value a pixel, it is the same in all channels."""
    measure = Infidelity(reference=reference, samples=30, seed=2, size=3)
    corners, size = measure.corners(*case.images.shape[1:3])
    assert size == 3
    subject = kit.judged(case, kit.random_maps(case), score, method)
    expected = []
    for number, image in enumerate(case.images.astype(np.float64)):
        end, values = kit.filling(reference, image), subject.maps[number].astype(np.float64)
        forecast, lost = [], []
        for top, left in corners:
            inside = np.zeros(image.shape[:2], bool)
            inside[top : top + size, left : left + size] = True
            if method == "occlusion":  # shares of the score: the patch takes them all with it
                disturbance = np.where(inside[..., None], image - end, 0)
                forecast.append(values[inside].sum())
            else:  # slopes
                disturbance = np.where(inside, (image - end).mean(axis=2), 0)[..., None]
                forecast.append((disturbance[..., 0] * values).sum())
            lost.append(case.value(image, number, score) - case.value(image - disturbance, number, score))
        expected.append(mean_error(forecast, lost, scaled))
    params = {"reference": reference, "samples": 30, "seed": 2, "size": 3, "scaled": scaled}
    agree(kit.measured("infidelity", subject, **params), np.array(expected), 1e-4, "infidelity")


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("score", ["logit", "contrast"])
def test_infidelity_of_noise(kit, case, agree, scaled, score):
    params = {"disturb": "noise", "noise": 0.3, "samples": 30, "seed": 4, "scaled": scaled}
    noises = Infidelity(**params).noises(*case.images.shape[1:3])
    assert 0.25 < noises.std() < 0.35
    subject = kit.judged(case, kit.random_maps(case), score, "smooth-grad")
    expected = []
    for number, image in enumerate(case.images.astype(np.float64)):
        forecast = [(noise * subject.maps[number].astype(np.float64)).sum() for noise in noises]
        whole = case.value(image, number, score)
        lost = [whole - case.value(image - noise[..., None], number, score) for noise in noises.astype(np.float64)]
        expected.append(mean_error(forecast, lost, scaled))
    agree(kit.measured("infidelity", subject, **params), np.array(expected), 1e-4, "infidelity")


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
@pytest.mark.parametrize("radius", [0.02, 0.5])
def test_max_sensitivity(kit, case, agree, score, radius):
    """Saliency, written out, of the image and of images nearby; those of another predicted class do not count."""

    def saliency(point, number):
        slopes = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
        return np.abs(slopes).max(axis=2)

    params = {"radius": radius, "samples": 20, "seed": 1}
    changes = MaxSensitivity(**params).changes(case.images.shape[1:])
    assert 0.9 * radius < np.abs(changes).max() <= radius
    values = case.attribute("saliency", score)
    expected, with_all = [], []
    for number, image in enumerate(case.images):
        own, predicted = saliency(image.astype(np.float64), number), case.network.scores(image).argmax()
        moved = (image + changes).astype(np.float64)  # added in float32: beside it a ReLU may be open that is shut
        shares = [np.linalg.norm(saliency(each, number) - own) / np.linalg.norm(own) for each in moved]
        same = [case.network.scores(each).argmax() == predicted for each in moved]
        expected.append(np.max(shares, where=same, initial=0))
        with_all.append(max(shares))
    found = kit.measured("max-sensitivity", kit.judged(case, values, score, "saliency"), **params)
    agree(found, np.array(expected), 1e-4, "max-sensitivity")
    if (case.name, radius) == ("flat", 0.5):
        assert (found < np.array(with_all) - 1e-3).any()


@pytest.mark.parametrize(("score", "reference"), [("logit", "black"), ("contrast", "blurred"), ("probability", "grey")])
def test_completeness_gap(kit, case, agree, score, reference):
    subject = kit.judged(case, kit.random_maps(case), score, reference=reference)
    gaps = [
        abs(
            subject.maps[number].astype(np.float64).sum()
            - (case.value(image, number, score) - case.value(kit.filling(reference, image), number, score))
        )
        for number, image in enumerate(case.images.astype(np.float64))
    ]
    agree(kit.measured("completeness-gap", subject), np.array(gaps), 1e-4, "completeness-gap")


def test_the_gap_that_a_method_tells_is_that_of_its_map(kit, case, agree):
    """Integrated gradients with two steps, whose gap is wide."""
    method = explainer("integrated-gradients")(steps=2)
    given = method.attribute(case.probe, case.images, case.target)
    subject = kit.judged(
        case, given.values, "logit", "integrated-gradients", details=given.details, **method.model_dump()
    )
    gaps = [
        abs(given.values[n].astype(np.float64).sum() - (case.value(x, n, "logit") - case.value(0 * x, n, "logit")))
        for n, x in enumerate(case.images.astype(np.float64))
    ]
    agree(kit.measured("completeness-gap", subject), np.array(gaps), 1e-4, "completeness-gap")
