"""Each group of errors is planted in made data, and found there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analyses.triage import Triage, TriageParams, evidence
from analyses.triage.evidence import GROUPS, Evidence
from tests.failing import failing, study
from workbench.core.dataset import Dataset
from workbench.core.image_names import ImageNames
from workbench.core.predictions import Predictions

CLASSES, SIDE = 6, 10
NAMES = tuple("abcdef")


def world(seed, count):
    """Pictures, embeddings and logits of images that belong to six classes, and lie between two where they are hard."""
    chance = np.random.default_rng(seed)
    true = chance.integers(0, CLASSES, count)
    pull = np.where(chance.random(count) < 0.12, chance.uniform(0.3, 0.7, count), chance.uniform(0, 0.1, count))
    mixed = (1 - pull)[:, None] * np.eye(CLASSES)[true] + pull[:, None] * np.eye(CLASSES)[(true + 1) % CLASSES]
    patterns = np.random.default_rng(99).normal(size=(CLASSES, SIDE * SIDE))
    details = np.random.default_rng(98).normal(size=(6, SIDE * SIDE))
    pixels = (
        128
        + 30 * mixed @ patterns
        + 6 * chance.normal(size=(count, 6)) @ details
        + chance.normal(0, 4, (count, SIDE * SIDE))
    )
    images = np.clip(pixels, 0, 255).astype(np.uint8).reshape(count, SIDE, SIDE, 1)
    embeddings = (mixed + chance.normal(0, 0.05, mixed.shape)).astype(np.float32)
    logits = (9 * mixed + chance.normal(0, 0.4, mixed.shape)).astype(np.float32)
    powers = np.exp(logits)
    chances = (powers / powers.sum(axis=1, keepdims=True)).cumsum(axis=1)
    labels = (chance.random((count, 1)) > chances).sum(axis=1).clip(max=CLASSES - 1)
    return images, embeddings, logits, labels, chance


def session(images, embeddings, logits, labels, name):
    dataset = Dataset(images, labels, class_names=NAMES, indices=np.arange(len(labels)), name=name)
    made = SimpleNamespace(
        dataset=dataset,
        embeddings=embeddings,
        predictions=Predictions(logits, labels),
        class_names=NAMES,
        training=None,
    )
    made.image_names = ImageNames(dataset.names, lambda: made.training.dataset.names)
    return made


def groups(result):
    table = result.tables["errors"]
    return dict(zip(table["row"], table["group"], strict=True))


@pytest.fixture(scope="module")
def planted():
    images, embeddings, logits, labels, chance = world(1, 1500)
    learned = world(2, 2500)[:4]
    order = chance.permutation(1500)
    flipped, strange, copied = order[:75], order[75:87], order[87:97]
    labels[flipped] = (logits[flipped].argmax(axis=1) + chance.integers(1, CLASSES, 75)) % CLASSES
    images[strange] = chance.integers(0, 2, (12, SIDE, SIDE, 1)) * 255
    labels[strange] = (logits[strange].argmax(axis=1) + 1) % CLASSES
    images[copied] = learned[0][copied]
    logits[copied] = 9 * np.eye(CLASSES)[learned[3][copied]]
    labels[copied] = (learned[3][copied] + 3) % CLASSES
    made = session(images, embeddings, logits, labels, "made/test")
    made.training = session(*learned, "made/train")
    return made, flipped, strange, copied, Triage().compute(made, TriageParams(k=20, compared=1500))


def test_flipped_labels_are_likely_wrong(planted):
    _, flipped, _, _, result = planted
    found = groups(result)
    assert np.mean([found[row] == GROUPS[0] for row in flipped]) >= 0.8
    said = [row for row, group in found.items() if group == GROUPS[0]]
    assert np.isin(said, flipped).mean() >= 0.7
    first = result.findings[0]
    assert (first.kind, first.severity) == ("label-noise", "serious")
    assert first.at_stake == pytest.approx(0.05, abs=0.015)


def test_noise_is_an_outlier_and_a_copy_a_conflict(planted):
    made, _, strange, copied, result = planted
    found = groups(result)
    assert [found[row] for row in strange] == ["outlier"] * 12
    assert [found[row] for row in copied] == ["duplicate conflict"] * 10
    copies = result.tables["errors"].set_index("row")["copy_with_another_label"]
    assert copies[copied].tolist() == made.training.dataset.names[copied].tolist()


def test_shares_add_up_and_every_error_is_listed_once(planted):
    made, _, _, _, result = planted
    rows = result.tables["errors"]["row"]
    assert sorted(rows) == np.flatnonzero(~made.predictions.correct).tolist()
    sizes = result.tables["groups"]
    assert sizes["errors"].sum() == len(rows)
    assert sizes["share_of_errors"].sum() == pytest.approx(1)


def test_honest_errors_are_the_image_s_or_the_model_s():
    made = session(*world(3, 1500)[:4], "made/test")
    made.training = session(*world(4, 2500)[:4], "made/train")
    result = Triage().compute(made, TriageParams(k=20, compared=1500))
    sizes = result.tables["groups"].set_index("group")["errors"]
    assert sizes["ambiguous"] + sizes["model error"] >= 0.85 * sizes.sum()
    assert all(finding.severity in {"info", "mild"} for finding in result.findings)


def test_of_very_many_pixels_are_not_compared_and_it_is_said(monkeypatch):
    made = session(*world(3, 600)[:4], "made/test")
    whole = Triage().compute(made, TriageParams(k=20, compared=100))
    monkeypatch.setattr(evidence, "COMPARED", 1000)
    parts = Triage().compute(made, TriageParams(k=20, compared=100))
    said = [finding.claim for finding in parts.findings if "too many to compare pixels" in finding.claim]
    assert len(said) == 1
    assert not any("compare pixels" in finding.claim for finding in whole.findings)
    assert parts.tables["errors"]["distance_pixels"].isna().all()
    assert whole.tables["errors"]["distance_pixels"].notna().all()


def test_the_order_of_the_reasons_by_hand():
    """One error for each group; each later test would fit the earlier images as well."""
    evidence = Evidence(
        rows=np.arange(5),
        score=np.zeros(5),
        likely=np.zeros(5, bool),
        wrong_label=np.array([0.9, 0.9, 0.9, 0.5, 0.5]),
        spread=np.array([True, True, True, False, False]),
        probabilities=np.array([[0.4, 0.5]] * 4 + [[0.05, 0.9]]),
        agreement=np.array([[0.3, 0.7]] * 4 + [[0.1, 0.9]]),
        credibility=np.zeros(5),
        far=np.array([[0.0, 0.5], [0.0, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]),
        apart=np.zeros((5, 2)),
        copy=np.array([3, -1, -1, -1, -1]),
        copy_part=np.array(["train"] + [""] * 4),
        witnesses=None,
    )
    named = [GROUPS[n] for n in evidence.groups()]
    assert named == ["duplicate conflict", "outlier", "likely wrong label", "ambiguous", "model error"]


def test_exchanged_classes_are_not_ambiguous():
    """Ten images a class, well apart, whose predictions are exchanged: each source knows one answer, and not both."""
    labels = np.repeat(np.arange(3), 10)
    embeddings = np.eye(3, dtype=np.float32)[labels] + np.linspace(0, 0.01, 30, dtype=np.float32)[:, None]
    logits = 9 * np.eye(3, dtype=np.float32)[(labels + 1) % 3]
    images = np.random.default_rng(4).integers(0, 256, (30, SIDE, SIDE, 1), np.uint8)
    made = session(images, embeddings, logits, labels, "made/test")
    result = Triage().compute(made, TriageParams(k=50))
    assert set(groups(result).values()) == {"model error"}
    errors = result.tables["errors"]
    assert (errors["neighbours_with_label"] == 1).all()  # 9 of 9 others, and not 9 of 29
    assert (errors["neighbours_with_predicted"] == 0).all()


def test_what_looks_less_like_the_predicted_class_than_most_of_its_images_is_no_wrong_label(monkeypatch):
    """The same errors, of which the images beside them say the one thing or the other."""
    made, _ = failing("sound", 5, 2, wrong=0.05, count=1000)
    said = {}
    for edge in (False, True):
        monkeypatch.setattr("analyses.triage.evidence.borderline", lambda session, rows, edge=edge: edge)
        said[edge] = Triage().compute(made, TriageParams(k=20, compared=500))
    assert said[False].findings[0].severity == "serious"
    assert GROUPS[0] not in groups(said[True]).values()
    assert [each.claim for each in said[True].findings if each.kind == "label-noise"] == [
        "Whether labels are wrong cannot be told, since most images that the model takes for another class look less "
        "like it than most images of that class do."
    ]


@pytest.mark.parametrize(("classes", "scattered"), [(3, False), (5, True), (5, False), (10, True)])
def test_labels_that_differ_in_one_direction_correct_no_accuracy(classes, scattered):
    """So does a model that takes cropped images of one class for another; it is no judge of how often labels are wrong.

    (`label-issues` says that labels of a pair are wrong, if the pixels do not contradict.)
    """
    made, _ = failing("sound", classes, 2, count=1200)
    labels, chance = made.dataset.labels.copy(), np.random.default_rng(3)
    rows = chance.choice(np.flatnonzero(labels >= 0 if scattered else labels == 1), 90, replace=False)
    labels[rows] = (labels[rows] + chance.integers(1, classes, 90)) % classes if scattered else 0
    noisy = study(replace(made.dataset, labels=labels), made.predictions.logits, made.embeddings)
    result = Triage().compute(noisy, TriageParams(k=20, compared=500))
    found = next(each for each in result.findings if each.kind == "label-noise")
    assert len(np.intersect1d(found.evidence.rows, rows)) > 70
    assert (found.severity, "instead of" in found.claim) == (("serious", True) if scattered else ("mild", False))
