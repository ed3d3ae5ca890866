from types import SimpleNamespace

import numpy as np
import pytest

from analyses.train_test_shift import TrainTestShift, TrainTestShiftParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.training.runs import Manifest

NAMES = ("round", "long")


def dataset(count, seed, part, share=0.5):
    """Spots of two shapes, somewhere near the middle."""
    chance = np.random.default_rng(seed)
    labels = (np.arange(count) >= share * count).astype(np.int64)
    images = np.zeros((count, 12, 12, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, left = chance.integers(3, 6, 2)
        image[top : top + 4, left : left + 4 - 2 * label] = chance.integers(100, 255, (4, 4 - 2 * label, 1))
    return Dataset(images, labels, class_names=NAMES, indices=np.arange(count), name=f"made/{part}")


def session(change=lambda images: images, **how):
    studied = dataset(200, how.pop("seed", 1), "test", how.pop("share", 0.5))
    studied = Dataset(
        change(studied.images), studied.labels, class_names=NAMES, indices=studied.indices, name=studied.name
    )
    right = np.arange(200) % 4 > 0  # 75 %
    logits = np.eye(2, dtype=np.float32)[np.where(right, studied.labels, 1 - studied.labels)]
    return SimpleNamespace(
        train=how.pop("train", dataset(400, 0, "train")),
        dataset=studied,
        class_names=NAMES,
        predictions=Predictions(logits, studied.labels),
        run=how.pop("run", None),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda images: 255 - images, "brightness of the border (1.00 instead of 0.00"),
        (lambda images: images // 3, "mean brightness"),
        (lambda images: np.roll(images, 3, axis=2), "horizontal position of the object"),
        (lambda images: np.rot90(images, 1, (1, 2)).copy(), "aspect ratio of the object"),
    ],
)
def test_a_test_set_that_was_changed_is_serious_and_what_changed_is_said(change, words):
    (finding,) = TrainTestShift().compute(session(change), TrainTestShiftParams()).findings
    assert finding.severity == "serious"
    assert finding.kind == "train-test-shift"
    assert words in finding.claim
    assert len(finding.evidence) > 100
    assert 0 < finding.at_stake < len(finding.evidence) / 300  # without a run: errors among the images that show it


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_draw_of_the_same_is_like_it(seed):
    (finding,) = TrainTestShift().compute(session(seed=seed), TrainTestShiftParams()).findings
    assert finding.severity == "info"
    assert 0.4 < finding.effect.value < 0.6


def test_a_third_that_was_changed_is_serious_and_comes_first():
    def some(images):
        images[::3] = 255 - images[::3]
        return images

    (finding,) = TrainTestShift().compute(session(some), TrainTestShiftParams()).findings
    assert finding.severity == "serious"
    assert all(row % 3 == 0 for row in finding.evidence[:40])


def test_what_it_costs_is_the_accuracy_lost_since_validation():
    manifest = Manifest.model_construct(metrics={"validation": {"accuracy": 0.95}})
    made = session(lambda images: 255 - images, run=SimpleNamespace(manifest=manifest))
    (finding,) = TrainTestShift().compute(made, TrainTestShiftParams()).findings
    assert finding.at_stake == pytest.approx(0.20)
    assert finding.cost.low < 0.2 < finding.cost.high
    assert "The accuracy is 75.0 %; on the validation part of training it was 95.0 %." in finding.claim


def test_class_frequencies_are_a_finding_of_their_own():
    images, priors = TrainTestShift().compute(session(share=0.95), TrainTestShiftParams()).findings
    assert images.severity == "info"
    assert priors.severity == "serious"  # the training part is balanced
    assert priors.claim.startswith("The class frequencies differ from training by 45.0 % (total variation)")
    assert priors.effect.value == pytest.approx(0.45)


def test_a_class_that_training_lacks_is_not_the_test_images_fault():
    _, priors = TrainTestShift().compute(session(train=dataset(400, 0, "train", 0.97)), TrainTestShiftParams()).findings
    assert priors.severity == "mild"


def test_leaked_images_change_nothing():
    made = session()
    images = made.train.images.copy()
    images[:80], images[200:280] = made.dataset.images[:80], made.dataset.images[100:180]
    made.train = Dataset(images, made.train.labels, class_names=NAMES, indices=made.train.indices, name="made/train")
    findings = TrainTestShift().compute(made, TrainTestShiftParams()).findings
    assert findings[0].severity == "info"


def test_without_training_images_it_says_so():
    without = SimpleNamespace(train=None, dataset=SimpleNamespace(has_images=True), only_predictions=False)
    assert TrainTestShift().missing(without).startswith("The training images are not available")
