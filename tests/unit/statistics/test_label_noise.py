import numpy as np
import pytest

import workbench as wb
from workbench.core.errors import WorkbenchError


def made(classes, count=3000, wrong=0.1, sharp=7.0, seed=0):
    """Probabilities of a good model, labels of which a known share is wrong, and which they are."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, classes, count)
    z = chance.normal(0, 1, (count, classes))
    z[np.arange(count), truth] += sharp
    said = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    flipped = chance.random(count) < wrong
    labels = np.where(flipped, (truth + chance.integers(1, classes, count)) % classes, truth)
    return said, labels, flipped, truth


@pytest.mark.parametrize("classes", [2, 3, 10, 60])
def test_wrong_labels_are_found_and_counted(classes):
    said, labels, flipped, truth = made(classes)
    found = wb.label_noise(said, labels)
    assert abs(found.rate - flipped.mean()) < 0.02
    assert found.interval[0] <= flipped.mean() <= found.interval[1]
    assert flipped[found.issues].mean() > 0.95
    assert np.isin(np.flatnonzero(flipped), found.issues).mean() > 0.85
    assert (np.diff(found.score[found.issues]) <= 0).all()  # worst first
    assert found.score[flipped].min() > np.median(found.score[~flipped])
    np.testing.assert_array_equal(found.suggested, said.argmax(axis=1))
    assert (found.suggested[found.issues] == truth[found.issues]).mean() > 0.95
    assert found.reason == ""
    assert "95 % interval" in repr(found)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_model_that_knows_nothing_calls_no_label_wrong(classes):
    chance = np.random.default_rng(1)
    said, labels = chance.dirichlet(np.ones(classes), 600), chance.integers(0, classes, 600)
    found = wb.label_noise(said, labels)
    assert len(found.issues) == 0
    assert np.isnan(found.rate)
    assert found.interval == (0.0, 1.0)
    assert found.reason.startswith("nothing can be told about these labels, since ")
    assert found.reason in repr(found)


def test_one_column_is_the_second_of_two_classes():
    said, labels, *_ = made(2)
    one, two = wb.label_noise(said[:, 1], labels), wb.label_noise(said, labels)
    np.testing.assert_allclose(one.score, two.score, atol=1e-6)
    np.testing.assert_array_equal(one.issues, two.issues)


@pytest.mark.parametrize(
    ("probabilities", "labels", "said"),
    [
        (np.full((4, 2), 0.5), [0, 1, 2, 0], "labels must lie in 0…1. Got 0…2"),
        (np.full((4, 2), 0.5), [0, 1], "`labels` has 2 values"),
        (np.array([[3.0, -1.0]]), [0], "probabilities must lie in 0…1"),
        (np.array([[0.5, np.nan]]), [0], "NaN"),
        (np.full((2, 2), 0.5), ["cat", "dog"], "must be whole numbers"),
    ],
)
def test_other_arrays_are_refused_in_a_sentence(probabilities, labels, said):
    with pytest.raises(WorkbenchError, match=said):
        wb.label_noise(probabilities, labels)
