import numpy as np
import pytest

from workbench.core.predictions import Predictions
from workbench.statistics import error_tree as error_tree_module
from workbench.statistics.error_tree import Condition, error_tree, in_words, matching_rows, nodes
from workbench.statistics.slicing import (
    Part,
    components,
    from_embeddings,
    from_pixels,
    from_properties,
    least_members,
    pixel_components,
)

COLUMNS = ["brightness", "noise"]
NAMES = ("cat", "dog")


def test_a_tree_finds_the_corner_and_says_it():
    values = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]] * 10)
    wrong = (values[:, 0] > 0.5) & (values[:, 1] > 0.5)
    found = nodes(values, wrong.astype(float), depth=2, least=2)
    assert found[0].conditions == ()
    assert found[0].depth == 0
    corner = [each for each in found if np.array_equal(matching_rows(each.conditions, values), wrong)]
    assert corner[0].depth == 2
    assert set(in_words(corner[0].conditions, COLUMNS, NAMES).split(" and ")) == {
        "mean brightness above 0.5",
        "noise above 0.5",
    }


def test_several_conditions_on_one_property_are_joined():
    values = np.array([[0.1], [0.3], [0.5], [0.7], [0.9]] * 4)
    found = nodes(values, (values[:, 0] == 0.5).astype(float), depth=2, least=2)
    middle = next(each for each in found if np.array_equal(matching_rows(each.conditions, values), values[:, 0] == 0.5))
    assert in_words(middle.conditions, COLUMNS, NAMES) == "mean brightness 0.4 to 0.6"


def test_a_class_is_a_feature_with_a_name():
    said = in_words((Condition(3, low=0.5), Condition(2, high=0.5)), COLUMNS, NAMES)
    assert said == "dog and not cat"


def test_the_tree_is_grown_on_one_half_and_counted_on_the_other():
    import pandas as pd

    dark = np.arange(40) % 4 == 0
    properties = pd.DataFrame({"brightness": np.where(dark, 0.1, 0.8), "noise": 0.0})
    right = ~dark
    right[[20, 21]] = True, False  # on the half that counts, one dark image is right and one bright one is wrong
    logits = np.stack([np.where(right, 4.0, -4.0), np.zeros(40)], axis=1).astype(np.float32)
    table, members = error_tree(
        properties, Predictions(logits, np.zeros(40, np.int64)), (np.arange(20), np.arange(20, 40)), NAMES
    )
    assert table["rule"].tolist() == ["all images", "mean brightness at most 0.45", "mean brightness above 0.45"]
    assert table[["images", "errors"]].to_numpy().tolist() == [[20, 5], [5, 4], [15, 1]]
    assert table["coverage"].tolist() == [1, 0.8, 0.2]
    assert table["lift"].round(9).tolist() == [1, 3.2, round(1 / 15 / 0.25, 9)]
    assert [rows.tolist() for rows in members[1:]] == [
        [20, 24, 28, 32, 36],
        sorted({*range(20, 40)} - {*range(20, 40, 4)}),
    ]


def test_of_many_classes_only_those_that_can_be_a_leaf_are_columns_of_the_tree(monkeypatch):
    import pandas as pd

    seen, grow = [], error_tree_module.nodes
    monkeypatch.setattr(
        error_tree_module, "nodes", lambda values, *a, **k: seen.append(values) or grow(values, *a, **k)
    )
    labels = np.where(np.arange(4000) % 4 == 0, 250, np.arange(4000) % 500)  # class 250 is large, and wrong
    logits = np.zeros((4000, 500), np.float32)
    logits[np.arange(4000), np.where(labels == 250, 1, labels)] = 5
    names = tuple(f"class {number}" for number in range(500))
    parts = np.arange(2000), np.arange(2000, 4000)
    properties = pd.DataFrame({"brightness": np.zeros(4000)})
    table, _ = error_tree(properties, Predictions(logits, labels), parts, names)
    assert [(values.shape, values.dtype) for values in seen] == [((2000, 2), np.float32)]
    assert set(table["rule"]) == {"all images", "class 250", "not class 250"}
    assert table.set_index("rule").loc["class 250", "errors"] == (labels[2000:] == 250).sum()


def made(seed=0):
    chance = np.random.default_rng(seed)
    labels = np.arange(400) % 2
    odd = (np.arange(400) % 20) < 2
    values = chance.normal(size=(400, 2)) + 12 * odd[:, None]
    return Part(values, values, labels), odd


def test_an_odd_group_is_among_those_from_properties_and_from_pixels():
    part, odd = made()
    find = np.arange(0, 400, 2)
    worse = odd.astype(float) - 0.1
    trees = list(from_properties(part, part, worse, find, names=NAMES, columns=COLUMNS))
    clusters = list(from_pixels(part, part, find, 0))
    for groups in (trees, clusters):
        exact = [each for each in groups if (each.members & odd).sum() >= 18 and not (each.members & ~odd).any()]
        assert exact
        assert all((each.members <= each.alike).all() for each in groups)
    assert any(np.array_equal(each.learned, each.members) for each in trees)  # the same images as training images


def test_errors_of_the_half_that_confirms_are_not_looked_at():
    part, odd = made()
    find = np.arange(200)
    worse = odd.astype(float)
    other = worse.copy()
    other[200:] = np.random.default_rng(1).random(200)
    one, two = (
        [each.rule for each in from_properties(part, None, target, find, names=NAMES, columns=COLUMNS)]
        for target in (worse, other)
    )
    assert one == two


def test_embeddings_are_clustered_within_what_is_predicted():
    part, _ = made()
    for each in from_embeddings(part.pixels, part.labels, np.arange(400), 0):
        assert len(set(part.labels[each.members])) == 1


def test_components_of_others_are_along_the_same_axes():
    values = np.array([[0.0, 0], [2, 0], [4, 0], [6, 0]])
    own, other = components(values, np.arange(4), np.array([[9.0, 5]]), most=1)
    assert abs(own[:, 0]).tolist() == [3, 1, 1, 3]
    assert abs(other[0, 0]) == 6


def test_pixels_read_in_parts_lie_where_all_of_them_at_once_do():
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (5000, 6, 5, 3), np.uint8)  # more than one portion
    others = random.integers(0, 256, (7, 6, 5, 3), np.uint8)
    rows = np.arange(0, 5000, 2), np.arange(1, 5000, 2)
    flat, their = (each.reshape(len(each), -1) / np.float32(255) for each in (images, others))
    for found, chosen in zip(pixel_components(images, rows, others), rows, strict=True):
        for places, values in zip(found, components(flat, chosen, their), strict=True):
            assert places.dtype == np.float32
            assert places == pytest.approx(values, abs=1e-5)
    ((only,),) = pixel_components(images[:50], [np.arange(50)])
    assert only.shape == (50, 24)


def test_the_least_size_grows_with_the_data():
    assert [least_members(count) for count in (50, 5000, 30000)] == [4, 10, 20]
