"""Labels judged by probabilities: counts written out by hand, and wrong labels planted with known rates."""

import numpy as np
import pytest

from workbench.statistics.label_quality import plateau, quality, raised, temper


def made(seed, *, classes=6, each=500, ambiguous=0.0):
    """Calibrated probabilities of images and the true labels drawn from them; a share is split between two classes."""
    chance = np.random.default_rng(seed)
    true = np.repeat(np.arange(classes), each)
    margin = chance.gamma(3, 2, len(true))  # of the logits
    logits = chance.normal(0, 0.5, (len(true), classes))
    logits[np.arange(len(true)), true] += margin
    split = chance.random(len(true)) < ambiguous
    logits[split, (true[split] + 1) % classes] += margin[split] * chance.random(split.sum())
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (chance.random((len(true), 1)) > said.cumsum(axis=1)).sum(axis=1)
    return said, np.minimum(drawn, classes - 1)


def flipped(labels, share, seed, classes=6):
    chance = np.random.default_rng(seed)
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    labels = labels.copy()
    labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
    return labels, rows


def test_the_score_is_the_probability_of_the_label_and_the_suggestion_the_predicted_class():
    said = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25], [0.6, 0.3, 0.1]])
    found = quality(said, np.array([0, 0, 1, 0]), 3)
    assert found.probability.tolist() == found.score.tolist() == [0.7, 0.1, 0.5, 0.6]
    assert found.suggested.tolist() == [0, 2, 1, 0]


def test_a_plateau_is_what_stays_and_ambiguity_that_fades_is_not_counted():
    rank = (np.arange(16_000) + 0.5) / 16_000
    chance = np.random.default_rng(3)
    stays = plateau(chance.random(16_000) < 0.04, rank)
    assert 0.03 < stays.low < 0.04 < stays.high < 0.055
    fades = plateau(chance.random(16_000) < 0.4 * rank**2, rank)
    assert fades.low == 0
    assert fades.high < 0.01
    both = plateau(chance.random(16_000) < 0.04 + 0.4 * rank**2, rank)
    assert both.value == pytest.approx(0.04, abs=0.012)


def test_temperature_undoes_a_factor_on_the_logits():
    said, labels = made(5)
    sharper = said**3 / (said**3).sum(axis=1, keepdims=True)
    assert np.abs(raised(sharper, temper(sharper, labels)) - said).max() < 0.06


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("ambiguous", [0.0, 0.5])
def test_clean_labels_are_called_clean_however_ambiguous(seed, ambiguous):
    found = quality(*made(seed, ambiguous=ambiguous), 6)
    assert not found.scattered
    assert found.one_way.empty
    assert found.noise.value < 0.02


@pytest.mark.parametrize("seed", [21, 22, 23])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_flipped_labels_are_counted_and_come_first(seed, share):
    said, labels = made(seed, ambiguous=0.3)
    labels, rows = flipped(labels, share, seed)
    found = quality(said, labels, 6)
    assert found.scattered
    assert found.noise.value == pytest.approx(share, abs=0.02)
    assert found.noise.low < share < found.noise.high + 0.01
    assert np.isin(np.argsort(found.score)[: len(rows)], rows).mean() > 0.55
    assert np.isin(rows, found.issues).mean() > 0.6
    assert (np.diff(found.score[found.issues]) >= 0).all()


@pytest.mark.parametrize("classes", [3, 6])
def test_labels_that_go_wrong_in_one_direction_are_named_by_their_pair(classes):
    said, labels = made(31, classes=classes)
    chance = np.random.default_rng(4)
    rows = chance.choice(np.flatnonzero(labels == 2), 60, replace=False)  # 12 % of class 2
    labels[rows] = 1
    found = quality(said, labels, classes)
    assert found.one_way[["label", "suggested"]].to_numpy().tolist() == [[1, 2]]
    first = found.pairs.iloc[0]
    assert first["low"] < 0.12 < first["high"]
    assert first["images"] > 40


def test_a_class_that_is_predicted_in_error_is_no_sign_of_wrong_labels():
    said, labels = made(41)
    labels = np.where(labels == 0, 3, np.where(labels == 3, 0, labels))  # two classes swapped: no noise
    found = quality(said, labels, 6)
    assert not found.scattered
    assert found.one_way.empty


def test_the_confident_joint_is_that_of_the_paper():
    # By hand: thresholds are the mean probabilities of each label's images, .7 and .6; of row 1 only class 1 passes.
    said = np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6], [0.2, 0.8], [0.8, 0.2], [0.7, 0.3]])
    labels = np.array([0, 0, 1, 1, 0, 1])
    own = [said[labels == k, k].mean() for k in (0, 1)]
    counts = np.zeros((2, 2))
    for row, label in zip(said, labels, strict=True):
        passing = [k for k in (0, 1) if row[k] >= own[k] - 1e-6]
        if passing:
            counts[label, max(passing, key=lambda k: row[k])] += 1
    calibrated = counts / counts.sum(axis=1, keepdims=True) * np.bincount(labels)[:, None]
    assert np.abs(quality(said, labels, 2).joint - calibrated).max() <= 1  # cleanlab rounds to whole images


def test_one_class_or_one_image_has_nothing_to_say():
    alone = quality(np.array([[0.9, 0.1]]), np.array([0]), 2)
    assert len(alone.issues) == 0
    assert alone.joint.tolist() == [[1, 0], [0, 0]]
    assert alone.pairs.empty


@pytest.mark.parametrize("pull", [1.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.08])
def test_of_two_classes_no_noise_is_sure_that_calibrated_probabilities_explain(pull, share):
    """A model that is right in 77 % is never sure, so its errors do not fade where it is surest."""
    chance = np.random.default_rng(3)
    labels = chance.integers(0, 2, 2500)
    logits = pull * np.eye(2)[labels] + chance.normal(size=(2500, 2))
    said = np.exp(pull * logits) / np.exp(pull * logits).sum(axis=1, keepdims=True)
    wrong = np.where(chance.random(2500) < share, 1 - labels, labels)
    found = quality(said, wrong, 2)
    assert (found.noise.low > 0, found.scattered) == ((True, True) if share and pull == 3 else (False, False))
    assert found.noise.low <= share <= found.noise.high


@pytest.mark.parametrize("at_once", [2**22, 700])
def test_the_confident_joint_is_cleanlabs(at_once, monkeypatch):
    from cleanlab.count import compute_confident_joint

    from workbench.core import probabilities

    monkeypatch.setattr(probabilities, "AT_ONCE", at_once)
    said, labels = made(7, ambiguous=0.4)
    said[:, 0] = 1e-9  # a class that is never predicted
    said /= said.sum(axis=1, keepdims=True)
    found = quality(said, labels, said.shape[1])
    assert np.array_equal(found.joint, compute_confident_joint(labels, said + 1e-12))


def test_portions_change_no_judgement(monkeypatch):
    from workbench.core import probabilities
    from workbench.core.probabilities import Probabilities

    said, labels = made(8, ambiguous=0.2)
    labels = labels.copy()
    labels[::20] = (labels[::20] + 1) % said.shape[1]
    whole = quality(said, labels, said.shape[1])
    monkeypatch.setattr(probabilities, "AT_ONCE", 800)
    parts = quality(Probabilities(np.log(said)), labels, said.shape[1])
    assert parts.score == pytest.approx(whole.score, rel=1e-6)
    assert parts.issues.tolist() == whole.issues.tolist()
    assert parts.noise.value == pytest.approx(whole.noise.value, rel=1e-6)
    assert np.array_equal(parts.joint, whole.joint)
