import numpy as np
import pytest

from analyses.outliers import Outliers, OutliersParams
from workbench.core.dataset import Dataset


def pictures(count, seed):
    """Discs of one brightness, of any size and near the middle, before dark noise."""
    chance = np.random.default_rng(seed)
    rows, columns = np.indices((16, 16))
    images = chance.integers(0, 40, (count, 16, 16, 1))
    for image in images:
        middle, size = chance.uniform(6, 10, 2), chance.uniform(3, 6)
        image[np.hypot(rows - middle[0], columns - middle[1]) < size] += 150
    return images.astype(np.uint8)


@pytest.fixture
def asked(stand_in):
    def ask(images, train):
        session = stand_in([0, 1] * (len(images) // 2), images=images)
        names, count = ("ant", "bee", "cat"), len(train)
        session.train = Dataset(
            train, np.zeros(count, np.int64), class_names=names, indices=np.arange(count), name="hand/train"
        )
        return Outliers().compute(session, OutliersParams())

    return ask


@pytest.mark.parametrize("how", ["noise", "stripes", "shuffled"])
def test_images_of_no_class_are_named_and_hardly_any_other(asked, how):
    images, chance = pictures(300, 1), np.random.default_rng(2)
    if how == "noise":
        images[:15] = chance.integers(0, 256, (15, 16, 16, 1))
    elif how == "stripes":
        images[:15] = (np.arange(16) % 4 < 2)[:, None] * 200
    else:
        images[:15] = chance.permuted(images[:15].reshape(15, -1), axis=1).reshape(15, 16, 16, 1)
    result = asked(images, pictures(600, 3))
    (finding,) = result.findings
    assert (finding.kind, finding.severity) == ("outliers", "serious")
    assert set(range(15)) <= set(finding.evidence) and len(finding.evidence) <= 18
    assert result.tables["images"]["p"].is_monotonic_increasing


def test_images_as_those_of_the_training_are_none(asked):
    rates = [asked(pictures(300, 10 + seed), pictures(600, 30 + seed)).tables["images"] for seed in range(5)]
    assert sum(int(each["outlier"].sum()) for each in rates) <= 3  # of 1,500
    p = np.concatenate([each["p"] for each in rates])
    assert 0.03 < (p <= 0.05).mean() < 0.08  # conformal: as many as are said


def test_without_training_images_they_are_compared_with_each_other(stand_in):
    images = pictures(300, 1)
    images[7] = 255 - images[7]
    result = Outliers().compute(stand_in([0, 1] * 150, images=images), OutliersParams())
    assert result.tables["images"]["row"][0] == 7 and "other images" in result.findings[0].claim


def test_few_images_do_not_say_what_is_usual(asked):
    result = asked(pictures(20, 1), pictures(40, 2))
    assert result.findings[0].kind is None and "Too few" in result.findings[0].claim


def test_a_part_that_looks_otherwise_as_a_whole_is_left_to_the_shift(asked):
    (finding,) = asked(255 - pictures(300, 1), pictures(600, 3)).findings
    assert (finding.severity, len(finding.evidence)) == ("mild", 300) and "train-test-shift" in finding.advice
