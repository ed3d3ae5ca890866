import numpy as np
import pytest

from analyses.most_confused import MostConfused, MostConfusedParams

LABELS = [0, 0, 0, 1, 1, 1, 2, 2]
# Rows 0 and 1 are ants taken for bees, row 1 more surely; row 3 is a bee taken for an ant.
PROBABILITIES = [
    [0.3, 0.6, 0.1],
    [0.1, 0.8, 0.1],
    [0.8, 0.1, 0.1],
    [0.7, 0.2, 0.1],
    [0.1, 0.8, 0.1],
    [0.1, 0.8, 0.1],
    [0.1, 0.1, 0.8],
    [0.1, 0.1, 0.8],
]


@pytest.fixture
def result(stand_in):
    return MostConfused().compute(stand_in(LABELS, probabilities=PROBABILITIES), MostConfusedParams())


def test_pairs_are_ranked_in_one_direction(result):
    table = result.tables["directed"]
    assert table[["true", "predicted", "images", "of"]].to_numpy().tolist() == [
        ["ant", "bee", 2, 3],
        ["bee", "ant", 1, 3],
    ]
    assert table["rate"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert (table["low"][0], table["high"][0]) == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_pairs_are_ranked_both_ways(result):
    assert result.tables["symmetric"][["one", "other", "images", "of"]].to_numpy().tolist() == [["ant", "bee", 3, 6]]


def test_findings_name_every_error_most_confident_first(result):
    both, directed = result.findings
    assert both.claim.startswith("ant and bee are confused 3 times in 6 images, 50.0 %")
    assert both.claim.endswith("; that is 100 % of all errors.")
    assert both.evidence == (1, 3, 0)
    assert both.severity == "mild"  # half of six images, but surely only 19 %
    assert (both.kind, both.classes) == ("confused-pair", (0, 1))  # ant for bee is the commoner direction
    assert both.at_stake == pytest.approx(3 / 8)
    assert both.cost.interval == pytest.approx((0.1368, 0.6943), abs=1e-4)  # Wilson, 3 of 8
    assert directed.evidence == (1, 0)


def test_examples_are_the_most_confident_errors_of_each_pair(result):
    assert result.arrays["rows"][:, :2].tolist() == [[1, 0], [3, -1]]
    assert result.arrays["images"][:, 0, 0, 0].tolist() == [1, 0, 3]
    assert result.arrays["confidence"].tolist() == pytest.approx([0.8, 0.6, 0.7])


def test_top_limits_the_pairs(stand_in):
    result = MostConfused().compute(
        stand_in(LABELS, probabilities=PROBABILITIES), MostConfusedParams(top=1, examples=1)
    )
    assert len(result.tables["directed"]) == 1
    assert result.arrays["rows"].tolist() == [[1]]


def test_no_error_is_said_with_its_interval(stand_in):
    (finding,) = MostConfused().compute(stand_in([0, 1, 2]), MostConfusedParams()).findings
    assert finding.claim == "None of 3 images is misclassified."
    assert finding.effect.interval == pytest.approx((0, 0.5615), abs=1e-4)  # Wilson, 0 of 3


def test_classes_that_are_surely_confused_in_a_third_of_their_images_are_a_fault(stand_in):
    # 30 of 60 ants and bees, 50.0 % (37.7–62.3 %); among forty cats and dogs each, dog for cat 24 times.
    labels = np.repeat([0, 1, 2, 3], [30, 30, 40, 40])
    predicted = labels.copy()
    predicted[:10], predicted[30:50], predicted[100:124] = 1, 0, 2
    found = (
        MostConfused()
        .compute(stand_in(labels, predicted, names=("ant", "bee", "cat", "dog")), MostConfusedParams())
        .findings
    )
    pair, other = found[:2]
    assert (pair.severity, pair.classes) == ("serious", (1, 0))
    assert (other.severity, other.classes) == ("mild", (3, 2))  # 24 of 80, surely 21 %


def test_a_small_pair_that_is_always_confused_is_named_behind_larger_ones(stand_in):
    # Three pairs of 400 images with 40 errors each; the last two classes have 20 images, all taken for each other.
    labels = np.repeat(np.arange(8), [200, 200, 200, 200, 200, 200, 10, 10])
    predicted = labels.copy()
    for start, to in ((0, 1), (400, 3), (800, 5)):
        predicted[start : start + 40] = to
    predicted[1200:1210], predicted[1210:] = 7, 6
    session = stand_in(labels, predicted, names=tuple("abcdefgh"))
    found = MostConfused().compute(session, MostConfusedParams(top=2)).findings
    assert [finding.classes for finding in found[:4]] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [finding.severity for finding in found[:4]] == ["mild", "mild", "mild", "serious"]


def test_a_model_that_says_always_the_same_confuses_no_pair(stand_in):
    labels = np.repeat(np.arange(6), 100)
    found = (
        MostConfused().compute(stand_in(labels, np.full(600, 2), names=tuple("abcdef")), MostConfusedParams()).findings
    )
    assert {finding.severity for finding in found} == {"mild", "info"}
    assert len(found) == 4


def pair_of(stand_in, apart):
    """Three classes of 60: two whose scores differ by `apart` deviations, and one that is told from both."""
    chance = np.random.default_rng(0)
    labels = np.arange(180) % 3
    logits = chance.normal(0, 1, (180, 3)) + np.array([3, 3, -3])
    logits[labels == 2] = [0.0, 0.0, 6.0]
    for label in (0, 1):
        logits[labels == label, label] += apart
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return MostConfused().compute(stand_in(labels, probabilities=chances), MostConfusedParams()).findings[0]


def test_two_classes_that_nothing_tells_apart_may_be_one(stand_in):
    twins, hard = pair_of(stand_in, 0.0), pair_of(stand_in, 1.2)
    assert twins.classes in {(0, 1), (1, 0)} and "one class under two names" in twins.claim
    assert "make them one" in twins.advice
    assert "two names" not in hard.claim
