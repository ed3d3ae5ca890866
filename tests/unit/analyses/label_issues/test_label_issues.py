"""Wrong labels planted into clouds of embeddings, and what is said of them."""

import numpy as np
import pytest

from analyses.label_issues import LabelIssues, LabelIssuesParams
from analyses.label_issues.findings import Suspects, _look, findings_of
from analyses.label_issues.out_of_sample import at_once, embeddings, knows_labels, with_dynamics
from tests.failing import failing
from workbench.core.predictions import Predictions
from workbench.statistics.label_quality import quality
from workbench.statistics.linear_probe import cross_validated
from workbench.training.dynamics import Dynamics

NAMES = ("ant", "bee", "cat", "dog", "eel")


def part(stand_in, seed, each, planted=None):
    """Images whose embeddings are clouds round their true class, two of which touch; labels may be planted wrong."""
    chance = np.random.default_rng(seed)
    true = np.repeat(np.arange(5), each)
    embeddings = chance.normal(0, 1, (len(true), 8)) + 4.5 * np.eye(8)[true]
    embeddings[true == 4, 3] += 3.5  # dog and eel
    scores = 1.5 * embeddings[:, :5] - 2 * (embeddings[:, :5] ** 2).mean(axis=1, keepdims=True) / 5
    labels = true if planted is None else planted(true, chance)
    images = np.clip(40 * embeddings[:, :6] + 60, 0, 255).reshape(-1, 2, 3, 1)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    session = stand_in(labels, probabilities=probabilities, names=NAMES, images=images, embeddings=embeddings)
    return session, np.flatnonzero(labels != true)


def scattered(share):
    def plant(true, chance):
        rows = chance.choice(len(true), round(share * len(true)), replace=False)
        labels = true.copy()
        labels[rows] = (labels[rows] + chance.integers(1, 5, len(rows))) % 5
        return labels

    return plant


def one_way(true, chance):
    rows = chance.choice(np.flatnonzero(true == 2), 30, replace=False)
    return np.where(np.isin(np.arange(len(true)), rows), 0, true)


def asked(stand_in, seed, *, train=None, studied=None):
    session, wrong_studied = part(stand_in, seed, 80, studied)
    training, wrong = part(stand_in, seed + 1, 250, train)
    session.training, session.train = training, training.dataset
    return LabelIssues().compute(session, LabelIssuesParams(pictures=2)), wrong, wrong_studied, session


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_clean_labels_give_nothing_above_mild(stand_in, seed):
    result, *_ = asked(stand_in, seed)
    assert {each.severity for each in result.findings} <= {"info", "mild"}
    assert result.findings[0].kind == "label-noise"


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_flipped_training_labels_are_serious_and_come_first(stand_in, seed, share):
    result, wrong, _, _ = asked(stand_in, seed, train=scattered(share))
    first = result.findings[0]
    assert (first.kind, first.part, first.classes) == ("label-noise", "train", ())
    assert first.severity == ("serious" if first.effect.low > 0.01 else "mild")
    assert first.effect.low > (0.01 if share > 0.02 else 0.002)
    assert first.effect.value == pytest.approx(share, abs=0.03)
    assert first.effect.low < share < first.effect.high
    assert np.isin(first.evidence[: len(wrong) // 2], wrong).mean() > 0.9
    table = result.tables["training"]
    assert np.isin(table["train_row"][: len(wrong)], wrong).mean() > 0.75
    others = [each for each in result.findings if each.part == "data"]
    assert {each.severity for each in others} <= {"info", "mild"}


def test_labels_wrong_in_one_direction_are_named_with_their_classes(stand_in):
    result, wrong, _, _ = asked(stand_in, 7, train=one_way)
    (pair,) = [each for each in result.findings if each.classes]
    assert (pair.severity, pair.classes, pair.part) == ("serious", (0, 2), "train")
    assert pair.claim.startswith("cat is labelled ant in 1")
    assert pair.effect.low < 0.12 < pair.effect.high
    assert np.isin(pair.evidence, wrong).mean() > 0.9


def test_wrong_labels_of_one_look_are_described_by_it(stand_in):
    chance = np.random.default_rng(0)
    images = chance.integers(0, 60, (200, 12, 12, 1)).astype(np.uint8)
    images[:30] += 120
    labels = np.repeat([1, 0], [20, 180])  # of 200 images of the first class twenty of the thirty bright ones are wrong
    studied = stand_in(labels, labels, names=("ant", "bee"), images=images)
    said = _look(studied, "data", np.arange(20), 0)
    assert said.startswith(" They are of one look, ") and "100 % of them" in said and "bee" not in said
    assert _look(studied, "data", np.arange(200)[::10], 0) == ""


def test_wrong_labels_of_the_studied_images_are_told_apart_from_those_of_training(stand_in):
    result, _, wrong, _ = asked(stand_in, 9, studied=scattered(0.1))
    (found,) = [each for each in result.findings if each.severity == "serious"]
    assert found.part == "data"
    assert found.at_stake == pytest.approx(0.1, abs=0.04)
    assert np.isin(found.evidence[: len(wrong) // 2], wrong).mean() > 0.9
    assert result.tables["studied"]["suggested"].isin(NAMES).all()


def test_neighbours_are_of_the_two_classes_and_not_suspicious(stand_in):
    result, wrong, _, session = asked(stand_in, 4, train=scattered(0.05))
    first = result.tables["training"].iloc[0]
    shown, images = result.arrays["shown"], result.arrays["images"]
    data = session.train
    assert np.array_equal(images[shown[0, 0]], data.images[first["train_row"]])
    for places, name in ((shown[0, 1:4], first["label"]), (shown[0, 4:], first["suggested"])):
        of = data.images[(data.labels == NAMES.index(name)) & ~np.isin(np.arange(len(data)), wrong)]
        for place in places:
            assert (of == images[place]).all(axis=(1, 2, 3)).any()


def test_without_training_images_the_studied_ones_are_judged(stand_in):
    session, wrong = part(stand_in, 11, 250, scattered(0.1))
    result = LabelIssues().compute(session, LabelIssuesParams())
    assert list(result.tables) == ["studied", "studied pairs"]
    assert result.findings[0].severity == "serious"
    assert np.isin(result.tables["studied"]["row"][: len(wrong)], wrong).mean() > 0.75


def test_embeddings_that_know_the_labels_are_not_believed(stand_in):
    """A model that has learned its labels by heart puts each training image where its label says."""
    session, _ = part(stand_in, 13, 200)
    predicted = session.predictions.predicted
    chance = np.random.default_rng(0)
    erring = np.where(chance.random(1000) < 0.1, (predicted + 1) % 5, predicted)
    session.predictions = Predictions(np.eye(5, dtype=np.float32)[erring] * 5, session.dataset.labels)
    training, wrong = part(stand_in, 14, 250, scattered(0.05))
    training.embeddings = np.eye(5)[training.dataset.labels] + chance.normal(0, 0.01, (1250, 5))
    session.training = training
    opinion = at_once(session)
    assert opinion.leaked
    own = opinion.probabilities[np.arange(1250), training.dataset.labels]
    assert np.isin(np.argsort(own)[: len(wrong)], wrong).mean() > 0.5


def test_knowing_the_labels_shows_in_being_right_too_often():
    labels = np.zeros(400, np.int64)

    def say(right):
        return np.eye(2)[(np.arange(400) >= right).astype(int)]

    correct = np.arange(400) < 340  # 85 %
    assert knows_labels(say(396), labels, correct)
    assert not knows_labels(say(350), labels, correct)
    assert not knows_labels(say(300), labels, correct)


def test_dynamics_have_their_say_of_the_images_that_were_fitted():
    noted = Dynamics(
        np.array([[0.0, 0.5], [1, 1]], np.float16), np.zeros((2, 2), bool), np.zeros(2, "f4"), np.arange(2)
    )
    score = with_dynamics(np.array([0.36, 0.64, 0.5]), np.array([0, 1, 7]), noted)
    assert score.tolist() == pytest.approx([0.3, 0.8, 0.5])
    assert with_dynamics(np.array([0.4]), np.array([0]), None).tolist() == [0.4]


def test_a_pair_that_the_same_features_see_in_other_images_too_is_no_wrong_label(stand_in):
    """Features that take some cats for ants do so in both parts; a wrong label stands in one."""
    session, _ = part(stand_in, 15, 250)
    training, _ = part(stand_in, 16, 250, one_way)
    chance = np.random.default_rng(1)

    def judged(one):
        said = np.full((len(one.dataset), 5), 0.02)
        said[np.arange(len(said)), one.dataset.labels] = chance.uniform(0.8, 0.95, len(said))
        return said

    sure = np.full(5, 0.01)
    sure[2] = 0.97
    odd = [judged(session), judged(training)]
    for one, said in zip((session, training), odd, strict=True):
        said[np.flatnonzero(one.dataset.labels == 0)[:30]] = sure  # labelled ant, and looks like a cat
    control, wrong = (quality(said, one.dataset.labels, 5) for said, one in zip(odd, (session, training), strict=True))
    suspects = Suspects.of(
        wrong, training.dataset.labels, odd[1], rows=np.arange(1250), score=wrong.score, part="train"
    )
    pairs = [
        [each.severity for each in findings_of(suspects, session, control=given) if each.classes == (0, 2)]
        for given in (None, control, quality(judged(session), session.dataset.labels, 5))
    ]
    assert pairs == [["serious"], ["mild"], ["serious"]]


@pytest.mark.parametrize(
    ("by_pixels", "said"), [("the same", ["serious"]), ("both ways", []), ("knows nothing", ["serious"])]
)
def test_a_pair_is_wrong_only_if_the_pixels_do_not_contradict(stand_in, by_pixels, said):
    """A model that was turned, or sees little, errs in one direction, too; features of pixels do not."""
    session, _ = part(stand_in, 15, 250, one_way)
    labels, chance = session.dataset.labels, np.random.default_rng(1)
    ants = np.flatnonzero(labels == 0)
    probabilities = np.full((1250, 5), 0.02)
    probabilities[np.arange(1250), labels] = chance.uniform(0.8, 0.95, 1250)
    other = probabilities.copy()
    sure = np.full((5, 5), 0.01) + 0.95 * np.eye(5)
    probabilities[ants[:30]] = sure[2]
    other[ants[:30]], other[np.flatnonzero(labels == 2)[:25]] = sure[2], sure[0]
    views = {"the same": probabilities, "both ways": other, "knows nothing": np.full((1250, 5), 0.2)}
    first, second = (quality(each, labels, 5) for each in (probabilities, views[by_pixels]))
    suspects = Suspects.of(first, labels, probabilities, rows=np.arange(1250), score=first.score, part="data")
    found = findings_of(suspects, session, seconds=(first, second))
    assert [each.severity for each in found if each.classes == (0, 2)] == said


@pytest.mark.parametrize(("kind", "seed"), [("one epoch", 11), ("one epoch", 20), ("few images", 20)])
def test_embeddings_of_a_weak_model_make_no_training_label_wrong(kind, seed):
    """Its logits are all that it sees in an image; the pixels show the class, and every label is right."""
    made, _ = failing(kind, 10, seed, count=1000, learned=1000)
    found = [each for each in LabelIssues().compute(made, LabelIssuesParams()).findings if each.part == "train"]
    assert {each.severity for each in found} <= {"info", "mild"}
    assert found[0].effect.low == 0


@pytest.mark.parametrize("seed", [1, 5])
def test_votes_that_leave_the_unlikely_classes_too_little_are_not_believed_alone(seed):
    made, _ = failing("one epoch", 10, seed, count=1500)
    labels, rows = made.dataset.labels, np.arange(1500)
    opinion = embeddings(made, rows, cross_validated(made.embeddings, labels, 10))
    assert quality(opinion.probabilities, labels, 10).scattered  # though all are right
    judged = opinion.judge(labels, 10)
    assert not judged.scattered
    assert judged.noise.low == 0
