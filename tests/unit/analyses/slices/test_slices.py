from types import SimpleNamespace

import numpy as np
import pytest

from analyses.slices import Slices, SlicesParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions

NAMES = ("square", "frame")


def pictures(count, seed):
    """Squares and frames of any brightness on black."""
    chance = np.random.default_rng(seed)
    images, labels = np.zeros((count, 10, 10, 1), np.uint8), np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        top, left = chance.integers(1, 4, 2)
        image[top : top + 5, left : left + 5] = chance.integers(120, 255)
        if label:
            image[top + 1 : top + 4, left + 1 : left + 4] = 0
    return images, labels


def session(odd=(), *, train_odd=False, sure=True, seed=0, wrong=0.05):
    """400 images of which a model gets some wrong, and of the odd ones, which are inverted, most."""
    chance = np.random.default_rng(seed)
    images, labels = pictures(400, seed)
    learned, train_labels = pictures(800, seed + 1)
    odd = np.array(odd, np.int64)
    images[odd] = 255 - images[odd]
    if train_odd:
        learned[::20] = 255 - learned[::20]
    right = chance.random(400) >= wrong
    right[odd] = chance.random(len(odd)) < 0.2
    logits = chance.normal(0, 0.3, (400, 2))
    logits[np.arange(400), np.where(right, labels, 1 - labels)] += 3
    if not sure:
        logits[odd] /= 20
    return SimpleNamespace(
        dataset=Dataset(images, labels, class_names=NAMES, indices=np.arange(400), name="made/test"),
        class_names=NAMES,
        train=Dataset(learned, train_labels, class_names=NAMES, indices=np.arange(800), name="made/train"),
        predictions=Predictions(logits.astype(np.float32), labels),
        embeddings=chance.normal(size=(400, 6)),
    )


ODD = np.arange(0, 400, 20)  # all of the first class


def test_a_group_that_training_hardly_had_is_a_fault_with_its_images_class_and_cost():
    made = session(ODD)
    result = Slices().compute(made, SlicesParams())
    faults = [finding for finding in result.findings if finding.severity == "serious"]
    assert len(faults) == 1
    fault = faults[0]
    assert fault.kind == "underperforming-slice"
    assert fault.classes == (0,)
    wrong = set(ODD[~made.predictions.correct[ODD]].tolist())
    assert len(wrong & set(fault.evidence)) >= 0.9 * len(wrong)
    assert len(set(fault.evidence) - wrong) <= 1
    assert "Such images are 0.00 times as frequent in training." in fault.claim
    assert fault.at_stake == pytest.approx((0.95 - 0.2) * 20 / 400, abs=0.015)
    assert fault.cost.low < fault.at_stake < fault.cost.high


def test_a_border_at_which_the_model_knows_that_it_is_unsure_is_mild():
    result = Slices().compute(session(ODD, train_odd=True, sure=False), SlicesParams())
    assert result.findings[0].kind == "underperforming-slice"
    assert result.findings[0].severity == "mild"


def test_errors_at_random_are_no_group():
    severities = [
        finding.severity
        for seed in range(5)
        for finding in Slices().compute(session(seed=10 + seed, wrong=0.15), SlicesParams()).findings
    ]
    assert "serious" not in severities
    assert severities.count("info") >= 4


def test_the_tree_says_where_the_errors_are():
    tree = Slices().compute(session(ODD), SlicesParams()).tables["tree"]
    worst = tree.iloc[tree["lift"].argmax()]
    assert worst["rule"].startswith(("mean brightness above", "brightness of the border above"))
    assert tree.iloc[0][["rule", "coverage", "lift"]].tolist() == ["all images", 1, 1]


def test_too_few_images_are_said():
    made = session()
    made.dataset = made.dataset.subset(slice(0, 8))
    made.predictions = Predictions(made.predictions.logits[:8], made.predictions.labels[:8])
    result = Slices().compute(made, SlicesParams())
    assert result.findings[0].claim == (
        "Too few images to find groups on one half and confirm them on the other: at least 40 are needed, got 8."
    )
