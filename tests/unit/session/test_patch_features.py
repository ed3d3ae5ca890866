"""Probes, neighbours and untrained features: what was left out is never learned from."""

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.session.patch_features import untrained_features
from workbench.statistics.linear_probe import cross_validated, folds_of, principal
from workbench.statistics.neighbour_votes import neighbour_votes


def clouds(seed, each=60, apart=4.0):
    chance = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), each)
    return chance.normal(0, 1, (len(labels), 5)) + apart * np.eye(5)[labels], labels


def test_folds_are_even_and_hold_each_class():
    labels = np.repeat([0, 1], [40, 10])
    fold = folds_of(labels, 5, seed=1)
    assert np.bincount(fold).tolist() == [10] * 5
    assert np.bincount(fold[labels == 1]).tolist() == [2] * 5
    assert (fold != folds_of(labels, 5, seed=2)).any()


def test_principal_directions_have_variance_one_or_their_own():
    features, _ = clouds(0)
    assert np.cov(principal(features).T) == pytest.approx(np.eye(5), abs=0.02)
    plain = principal(features, white=0)
    own = np.linalg.eigvalsh(np.cov((features - features.mean(0)).T))[::-1]
    assert plain.var(axis=0) == pytest.approx(own, rel=0.02)


@pytest.mark.parametrize("count", [30, 600])
def test_of_more_features_than_images_the_first_principal_directions_are_kept(count):
    chance = np.random.default_rng(4)
    features = chance.normal(size=(count, 40)) * 0.8 ** np.arange(40) @ chance.normal(size=(40, 700))
    plain = principal(features, white=0)
    own = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)[: plain.shape[1]] ** 2 / count
    assert plain.shape[1] >= 6
    assert plain.var(axis=0) == pytest.approx(own, rel=1e-3)
    for white in (0.5, 1.0):
        found = principal(features, white=white)[:, :6]
        assert found == pytest.approx(plain[:, :6] / own[:6] ** (white / 2), rel=1e-2, abs=1e-2)


@pytest.mark.parametrize("say", [cross_validated, neighbour_votes])
def test_clouds_are_told_apart_and_a_wrong_label_does_not_speak_for_itself(say):
    features, labels = clouds(7)
    labels[0] = 2  # of the first cloud
    said = say(features, labels, 3)
    assert said.sum(axis=1) == pytest.approx(np.ones(180))
    assert (said.argmax(axis=1) == labels).mean() > 0.95
    assert said[0].argmax() == 0
    assert said[0, 2] < 0.2


def test_labels_without_any_meaning_are_not_learned():
    features = np.random.default_rng(1).normal(size=(300, 40))
    labels = np.random.default_rng(2).integers(0, 3, 300)
    assert (cross_validated(features, labels, 3).argmax(axis=1) == labels).mean() < 0.45


def test_a_class_with_one_image_is_never_said_of_it_and_many_features_do_not_stop_it():
    features = np.random.default_rng(3).normal(size=(31, 2000))
    labels = np.array([0] * 15 + [1] * 15 + [3])
    features[:15, :50] += 3
    said = cross_validated(features, labels, 4)
    assert said[30, 3] == 0
    assert (said[:, 2] == 0).all()
    assert (said[:30].argmax(axis=1) == labels[:30]).all()


def test_untrained_features_do_not_look_at_labels_and_tell_shapes_apart():
    chance = np.random.default_rng(5)
    labels = np.arange(120) % 2
    images = chance.integers(0, 60, (120, 14, 12, 3))
    for image, label in zip(images, labels, strict=True):
        place = chance.integers(2, 9)
        if label:
            image[place : place + 2] += 120
        else:
            image[:, place : place + 2] += 120

    def dataset(labels):
        return Dataset(
            images.astype(np.uint8), labels, class_names=("a", "b"), indices=np.arange(120), name="made/train"
        )

    features = untrained_features(dataset(labels))
    near = {"rtol": 1e-5, "atol": 1e-5 * np.abs(features).max()}  # sums of another batch may be added in another order
    np.testing.assert_allclose(untrained_features(dataset(1 - labels)), features, **near)
    np.testing.assert_allclose(untrained_features(dataset(labels), size=50), features, **near)
    assert (cross_validated(features, labels, 2).argmax(axis=1) == labels).mean() > 0.95


def test_untrained_features_of_the_smallest_images_are_finite():
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 1, 1), dtype=np.uint8)
    data = Dataset(images, np.zeros(4, np.int64), class_names=("a",), indices=np.arange(4), name="made/train")
    assert np.isfinite(untrained_features(data)).all()
