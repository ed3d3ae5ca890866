import numpy as np
import pytest

from analyses.top_losses import TopLosses, TopLossesParams

# Probability of the label: 1/2, 1/8, 1/100, 1/4.
PROBABILITIES = [[0.5, 0.3, 0.2], [0.125, 0.75, 0.125], [0.97, 0.02, 0.01], [0.5, 0.25, 0.25]]


@pytest.fixture
def result(stand_in):
    return TopLosses().compute(stand_in([0, 0, 2, 1], probabilities=PROBABILITIES), TopLossesParams())


def test_images_are_sorted_by_their_loss_in_nats(result):
    table = result.tables["losses"]
    assert table["row"].tolist() == [2, 1, 3, 0]
    assert table["loss"].tolist() == pytest.approx([np.log(100), np.log(8), np.log(4), np.log(2)], rel=1e-5)
    assert table["true"].tolist() == ["cat", "ant", "bee", "ant"]
    assert table["predicted"].tolist() == ["ant", "bee", "ant", "ant"]
    assert table["confidence"].tolist() == pytest.approx([0.97, 0.75, 0.5, 0.5], rel=1e-5)
    assert table["probability_of_true"].tolist() == pytest.approx([0.01, 0.125, 0.25, 0.5], rel=1e-5)
    assert table["correct"].tolist() == [False, False, False, True]
    assert table["index"].tolist() == [102, 101, 103, 100]


def test_sure_errors_are_counted(result):
    sure, carried = result.findings
    assert sure.claim.startswith("1 image of 4 is misclassified with a confidence of at least")
    assert (sure.effect.value, sure.evidence) == (0.25, (2,))
    assert carried.effect.value == pytest.approx(np.log(100) / np.log(100 * 8 * 4 * 2), rel=1e-5)
    assert carried.evidence == (2,)


def test_what_counts_as_sure_is_a_parameter(stand_in):
    session = stand_in([0, 0, 2, 1], probabilities=PROBABILITIES)
    assert TopLosses().compute(session, TopLossesParams(sure=0.7)).findings[0].evidence == (2, 1)


def test_count_limits_the_list(stand_in):
    result = TopLosses().compute(stand_in([0, 0, 2, 1], probabilities=PROBABILITIES), TopLossesParams(count=1))
    assert result.tables["losses"]["row"].tolist() == [2]
    assert result.arrays["images"].shape[0] == 1
