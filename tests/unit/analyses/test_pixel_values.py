import numpy as np
import pytest

from analyses.pixel_values import PixelValues, PixelValuesParams

# Two pixels an image: (0, 100) and (0, 200) of ant, (255, 255) of bee.
IMAGES = np.array([[0, 100], [0, 200], [255, 255]]).reshape(3, 1, 2, 1)


@pytest.fixture
def result(stand_in):
    return PixelValues().compute(stand_in([0, 0, 1], images=IMAGES), PixelValuesParams())


def test_mean_spread_and_shares(result):
    table = result.tables["classes"]
    assert table["mean"].tolist()[:2] == [75.0, 255.0]
    assert table["standard_deviation"][0] == pytest.approx(82.9156)  # sqrt((100² + 200²) / 4 - 75²)
    assert table["zero_share"].tolist()[:2] == [0.5, 0.0]
    assert table["full_share"].tolist()[:2] == [0.0, 1.0]
    assert np.isnan(table["mean"][2])
    assert table["images"].tolist() == [2, 1, 0]


def test_the_distribution_leaves_out_zeros(result):
    assert result.notes["order"] == [1, 0]  # brightest first; cat has no image
    ant = result.arrays["histogram"][1]
    assert ant.sum() == 2
    assert (ant[100 // 16], ant[200 // 16], ant[0]) == (1, 1, 0)


def test_the_mean_image_is_the_mean_of_each_pixel(result):
    assert result.arrays["means"][1].ravel().tolist() == [0, 150]


def test_findings(result):
    flat, contrast, empty = result.findings
    assert flat.claim.startswith("1 image of 3 is blank (pixel values within 4 of 255)")
    assert flat.evidence == (2,)
    assert contrast.claim == "bee is the brightest class (mean pixel value 255 of 255), ant the darkest (75)."
    assert contrast.evidence == (0, 1)
    assert empty.effect.value == pytest.approx(1 / 3)
    assert empty.effect.interval is None  # three equal images
    assert empty.evidence[-1] == 2


def test_fewer_images_are_read_evenly(stand_in):
    session = stand_in([0, 0, 1], images=IMAGES)
    assert PixelValues().compute(session, PixelValuesParams(images=2)).tables["classes"]["images"].tolist() == [1, 1, 0]


def test_of_many_classes_the_brightest_and_the_darkest_are_drawn(stand_in):
    images = np.array([[0, 10], [0, 30], [0, 20]]).reshape(3, 1, 2, 1)
    assert PixelValues().compute(stand_in([0, 1, 2], images=images), PixelValuesParams(classes=2)).notes["order"] == [
        1,
        0,
    ]


def test_many_blank_images_are_a_fault_with_their_rows_also_where_they_were_saved_as_jpeg(stand_in):
    chance = np.random.default_rng(0)
    images = chance.integers(0, 256, (200, 6, 6, 1))
    images[10:20] = 128 + chance.integers(-2, 3, (10, 6, 6, 1))
    found = PixelValues().compute(stand_in([0, 1] * 100, images=images), PixelValuesParams()).findings[0]
    assert (found.kind, found.severity, found.evidence) == ("blank-images", "serious", tuple(range(10, 20)))
    assert found.cost.value == 0.05
