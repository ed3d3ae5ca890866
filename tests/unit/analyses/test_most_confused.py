import pytest

from analyses.most_confused import Choice, MostConfused

LABELS = [0, 0, 0, 1, 1, 1, 2, 2]
# Rows 0 and 1 are ants taken for bees, row 1 more surely; row 3 is a bee taken for an ant.
PROBABILITIES = [
    [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1],
    [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8],
]  # fmt: skip


@pytest.fixture
def result(stand_in):
    return MostConfused().compute(stand_in(LABELS, probabilities=PROBABILITIES), Choice())


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
    assert both.claim.startswith("ant and bee are taken for each other 3 times in 6 images, 50.0 %")
    assert both.claim.endswith(": 100 % of all errors.")
    assert both.evidence == (1, 3, 0)
    assert both.severity == "serious"
    assert directed.evidence == (1, 0)


def test_examples_are_the_most_confident_errors_of_each_pair(result):
    assert result.arrays["rows"][:, :2].tolist() == [[1, 0], [3, -1]]
    assert result.arrays["images"][:, 0, 0, 0].tolist() == [1, 0, 3]
    assert result.arrays["confidence"].tolist() == pytest.approx([0.8, 0.6, 0.7])


def test_top_limits_the_pairs(stand_in):
    result = MostConfused().compute(stand_in(LABELS, probabilities=PROBABILITIES), Choice(top=1, examples=1))
    assert len(result.tables["directed"]) == 1
    assert result.arrays["rows"].tolist() == [[1]]


def test_no_error_is_said_with_its_interval(stand_in):
    (finding,) = MostConfused().compute(stand_in([0, 1, 2]), Choice()).findings
    assert finding.claim == "None of 3 images is taken for another class."
    assert finding.interval == pytest.approx((0, 0.5615), abs=1e-4)  # Wilson, 0 of 3
