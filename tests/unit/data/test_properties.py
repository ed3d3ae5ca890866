import numpy as np
import pytest

from workbench.data.properties import PROPERTIES, image_properties, unlike


def pictures(*images):
    return np.array(images, np.uint8)[..., None]


def test_a_block_has_the_properties_that_one_counts_by_hand():
    image = np.zeros((4, 6), np.uint8)
    image[1:3, 3:5] = 255
    row = image_properties(pictures(image)).iloc[0]
    contrast = (1 / 6 * 5 / 6) ** 0.5
    expected = {
        "brightness": 4 / 24,
        "contrast": contrast,
        "background": 0,
        "area": 4 / 24,
        "aspect": 1,
        "lean": 0,
        "symmetry": 0,
        "centre_x": 4 / 6,
        "centre_y": 2 / 4,
        "edges": 8 / 38 / contrast,  # 8 of 4·5 + 3·6 pairs of neighbours differ, by 1
        "horizontal": 0.5,
        "noise": 0.75 * (np.pi / 2) ** 0.5 / 6 / contrast,  # the mask gives ±1 at 6 of 8 places
        "entropy": 0.650022,  # of 1/6 and 5/6
    }
    assert row.to_dict() == pytest.approx(expected, abs=1e-6)
    assert list(expected) == list(PROPERTIES)[:13]


def test_shape_is_told_from_the_background_whichever_is_brighter():
    image = np.zeros((7, 9), np.uint8)
    image[2:4, 1:7] = 255
    plain, inverted = image_properties(pictures(image, 255 - image)).iloc[[0, 1]].to_dict("records")
    for name in ("area", "aspect", "centre_x", "centre_y", "symmetry", "edges", "noise"):
        assert plain[name] == pytest.approx(inverted[name])
    assert plain["aspect"] == pytest.approx((35 / 12 / (3 / 12)) ** 0.5)  # variances of 6 and of 2 places in a row
    assert (plain["background"], inverted["background"]) == (0, 1)
    assert inverted["brightness"] == pytest.approx(1 - plain["brightness"])


def test_darkening_leaves_edges_and_noise_as_they_are():
    image = np.random.default_rng(0).integers(0, 255, (12, 12))
    bright, dark = image_properties(pictures(image // 2 * 2, image // 2)).to_dict("records")
    assert dark["brightness"] == pytest.approx(bright["brightness"] / 2)
    assert dark["contrast"] == pytest.approx(bright["contrast"] / 2)
    assert (dark["edges"], dark["noise"]) == pytest.approx((bright["edges"], bright["noise"]))


def test_a_diagonal_leans_and_its_mirror_leans_the_other_way():
    image = np.zeros((7, 7), np.uint8)
    image[[2, 3, 4], [2, 3, 4]] = 200
    assert image_properties(pictures(image, image[:, ::-1]))["lean"].tolist() == pytest.approx([1, -1])


def test_rows_and_columns_of_stripes_differ_in_the_direction_of_edges():
    image = np.zeros((8, 8), np.uint8)
    image[::2] = 255
    assert image_properties(pictures(image, image.T))["horizontal"].tolist() == [1, 0]


def test_an_even_image_has_nothing_to_measure():
    row = image_properties(pictures(np.full((5, 5), 51))).iloc[0]
    assert row[["brightness", "background"]].tolist() == pytest.approx([0.2, 0.2])
    nothing = {
        "contrast": 0,
        "area": 0,
        "aspect": 1,
        "lean": 0,
        "symmetry": 1,
        "centre_x": 0.5,
        "centre_y": 0.5,
        "edges": 0,
        "horizontal": 0.5,
        "noise": 0,
        "entropy": 0,
    }
    assert row[list(nothing)].to_dict() == pytest.approx(nothing, abs=1e-6)


def test_colour_is_measured_where_there_is_some():
    red, grey = np.array([255, 0, 0]), np.array([102, 102, 102])
    images = np.stack([np.full((4, 4, 3), each, np.uint8) for each in (red, grey)])
    table = image_properties(images)
    assert table["brightness"].tolist() == pytest.approx([0.299, 0.4])
    assert table["saturation"].tolist() == pytest.approx([1, 0])
    assert table["red_green"].tolist() == pytest.approx([1, 0])
    assert table["yellow_blue"].tolist() == pytest.approx([0.5, 0])
    assert list(table) == list(PROPERTIES)


def test_batches_do_not_matter(monkeypatch):
    images = np.random.default_rng(1).integers(0, 255, (7, 6, 5, 3), dtype=np.uint8)
    whole = image_properties(images)
    monkeypatch.setattr("workbench.data.properties.BATCH", 2)
    np.testing.assert_allclose(image_properties(images), whole, rtol=1e-6)


def test_what_is_unlike_is_said_with_both_means():
    dark, bright = np.full((4, 4), 51), np.full((4, 4), 204)
    table = image_properties(pictures(dark, dark, bright, bright + 1, bright))
    labels, members = np.zeros(5, np.int64), np.array([1, 1, 0, 0, 0], bool)
    said = unlike(table, labels, members)
    assert "mean brightness 0.20 instead of 0.80" in said
    assert said.endswith("in others of their classes")
    assert unlike(table, np.array([0, 0, 1, 1, 1]), members) == "no visible difference from others of their classes"
