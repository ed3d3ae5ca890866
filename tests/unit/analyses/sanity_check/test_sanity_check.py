from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analyses.sanity_check import SanityCheck, _turned
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.data.image_file import AS_STORED
from workbench.models.input_variants import conventions
from workbench.models.preprocessing import UNIT, InputScale

CHECK = SanityCheck()


class Probe:
    """Tells bright left halves from bright right ones, in pixels of a scale of its own."""

    preprocessing = UNIT

    def __init__(self, scale=1.0, dark=0.0):
        self.scale, self.dark = scale, dark

    def logits(self, images):
        halves = images.reshape(len(images), 4, 2, 2).mean(axis=(1, 3))  # (B, 2)
        wrong = np.abs(images.max(axis=(1, 2, 3)) - self.scale) > 0.3 * self.scale
        return np.where(wrong[:, None], [1.0, 0.0], halves - self.dark).astype(np.float32)


def halves(count, name):
    labels = np.arange(count) % 2
    images = np.zeros((count, 4, 4, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 2] = 255
    return Dataset(images, labels, class_names=("left", "right"), indices=np.arange(count), name=name)


def session(probe, *, labels=None, train=True, count=80):
    data = halves(count, "halves/test")
    if labels is not None:
        data = Dataset(
            data.images, labels(data.labels), class_names=data.class_names, indices=data.indices, name=data.name
        )

    def on(dataset, training):
        said = Predictions(probe.logits(dataset.floats()), dataset.labels)
        return SimpleNamespace(
            dataset=dataset,
            probe=probe,
            predictions=said,
            class_names=dataset.class_names,
            training=training,
            only_predictions=False,
            scale=InputScale(),
        )

    return on(data, on(halves(60, "halves/train"), None) if train else None)


def asked(given):
    return CHECK.compute(given, CHECK.Params())


def test_a_model_that_wants_pixels_of_another_scale_is_told_with_what_it_loses():
    finding, *_ = asked(session(Probe(scale=255.0))).findings
    assert (finding.kind, finding.severity) == ("preprocessing-mismatch", "critical")
    assert finding.claim == (
        "The images are not preprocessed as in training: 50.0 % of 80 images are classified correctly as they are, "
        "100 % if they are given as pixels of 0…255; the same holds for the training images."
    )
    assert finding.advice.startswith("Open it with --preprocessing pixels. Give the model images that are given as")
    assert finding.effect.value == finding.at_stake == 0.5
    assert finding.evidence == tuple(range(1, 80, 2))


def test_a_mirrored_test_part_is_a_shift_since_the_training_images_are_right():
    given = session(Probe())
    mirrored = given.dataset.images[:, :, ::-1]
    given.dataset = Dataset(
        mirrored, given.dataset.labels, class_names=("left", "right"), indices=given.dataset.indices, name="halves/test"
    )
    given.predictions = Predictions(given.probe.logits(given.dataset.floats()), given.dataset.labels)
    kinds = [each.kind for each in asked(given).findings]
    assert "train-test-shift" in kinds and "preprocessing-mismatch" not in kinds


def test_exchanged_labels_are_named_with_both_classes():
    found = asked(session(Probe(), labels=lambda labels: 1 - labels)).findings
    swapped = next(each for each in found if each.kind == "label-permutation")
    assert swapped.classes == (0, 1) and swapped.at_stake == 1.0
    assert "left is predicted as right" in swapped.claim


def test_one_prediction_for_everything_is_a_collapse():
    finding, *_ = asked(session(Probe(scale=50.0))).findings
    assert finding.kind == "constant-prediction" and finding.classes == (0,)
    assert finding.claim.startswith("The model has collapsed: left is predicted for 80 of 80 images")
    assert finding.at_stake == pytest.approx(0.5)


class Corners:
    """Knows which of K squares is bright; what is mirrored it takes for another class, now and then for the label's."""

    preprocessing = UNIT

    def __init__(self, classes, bias=0.0):
        self.classes, self.bias = classes, bias

    def logits(self, images):
        grid = images.reshape(len(images), self.classes, -1).mean(axis=2)
        return (9 * grid + self.bias * np.eye(self.classes)[0]).astype(np.float32)


def rows_of(classes, probe, move, seed):
    """Images with one bright row for each class, whose labels are moved."""
    chance = np.random.default_rng(seed)
    true = chance.integers(0, classes, 60 * classes)
    images = chance.integers(0, 60, (len(true), classes, classes, 1)).astype(np.uint8)
    images[np.arange(len(true)), true] = 220
    names = tuple(f"c{k}" for k in range(classes))
    data = Dataset(images, move(true), class_names=names, indices=np.arange(len(true)), name="rows/test")
    said = Predictions(probe.logits(data.floats()), data.labels)
    return SimpleNamespace(
        dataset=data,
        probe=probe,
        predictions=said,
        class_names=names,
        training=None,
        only_predictions=False,
        scale=InputScale(),
    )


@pytest.mark.parametrize("classes", [3, 5, 10])
@pytest.mark.parametrize("step", [1, 2])
def test_a_cyclic_shift_of_the_labels_is_no_other_preprocessing(classes, step):
    """As they are nothing is right, so that a mirrored picture is right more often; renamed classes are all right."""
    found = asked(rows_of(classes, Corners(classes), lambda true: (true + step) % classes, 3)).findings
    assert [each.kind for each in found] == ["label-permutation"]
    assert found[0].at_stake == 1.0 and len(found[0].classes) == classes


def test_a_model_that_predicts_one_class_has_collapsed_and_is_not_asked_about_larger_pixels():
    """Pixels of 0…255 outweigh the bias that broke it: most are right then, at a loss above log K."""

    class Broken(Corners):
        def logits(self, images):
            said = super().logits(images) + 0.0
            chance = np.random.default_rng(len(images))
            said += images.max(axis=(1, 2, 3))[:, None] * chance.normal(0, 2.5, said.shape)  # errs in a tenth
            return said.astype(np.float32)

    found = asked(rows_of(5, Broken(5, bias=60.0), lambda true: true, 4)).findings
    assert [each.kind for each in found] == ["constant-prediction"]


def test_what_is_right_is_left_alone():
    (finding,) = asked(session(Probe())).findings
    assert (finding.kind, finding.severity) == (None, "info")


def test_a_rare_class_that_is_missed_is_no_collapse_where_others_are_told_apart():
    logits = np.eye(3)[[0] * 40 + [1] * 38 + [0, 1]] * 9.0
    said = Predictions(logits.astype(np.float32), np.array([0] * 40 + [1] * 38 + [2, 2]))
    from analyses.sanity_check import _collapse
    from workbench.statistics.confusion import confusion_counts

    assert _collapse(said, confusion_counts(said.labels, said.predicted, 3), ("a", "b", "c")) == []


def test_photos_that_were_turned_upright_are_named_where_another_picture_is_better():
    note = f"3 images turned upright, as EXIF says; {AS_STORED}"
    dataset = Dataset(
        np.zeros((1, 4, 4, 1), np.uint8), np.array([0]), class_names=("a",), indices=np.arange(1), name="d"
    )
    turned, ways = replace(dataset, notes=(note,)), conventions((4, 4, 1))
    assert note in _turned(turned, ways["turned left"])
    assert _turned(turned, ways["pixels"]) == _turned(dataset, ways["turned left"]) == ""
