"""The classes of a session as a tree: given, or found from the confusions."""

import json

import numpy as np
import pytest

import workbench as wb
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.session.found_tree import ALONE, found_tree

NAMES = ("cat", "car", "dog", "bus", "sky")
TREE = {"animals": ["cat", "dog"], "things": ["car", "bus"], "other": ["sky"]}


def confused(pairs):
    """Ten right images of each class, and errors (true, predicted, how many)."""
    labels, predicted = np.arange(5).repeat(10).tolist(), np.arange(5).repeat(10).tolist()
    for true, other, count in pairs:
        labels += [true] * count
        predicted += [other] * count
    return Predictions(4 * np.eye(5, dtype=np.float32)[predicted], np.array(labels))


@pytest.fixture
def told():
    return confused([(0, 2, 4), (2, 0, 2), (1, 3, 5), (3, 0, 1)])


def opened(told, **given):
    return wb.Session(predictions=told, cache=False, **given)


def test_groups_are_found_from_the_confusions_and_called_after_their_worst_classes(told):
    counts = np.zeros((5, 5), np.int64)
    np.add.at(counts, (told.labels, told.predicted), 1)
    tree = found_tree(counts, NAMES)
    groups = {tree.names[node]: [NAMES[c] for c in tree.leaves(node)] for node in tree.top}
    assert groups == {"cat, dog": ["cat", "dog"], "car, bus": ["car", "bus"], ALONE: ["sky"]}


def test_one_pair_of_classes_makes_no_groups():
    counts = np.diag([9, 9, 9]) + np.eye(3, k=1, dtype=np.int64) * np.array([[2], [0], [0]])
    assert found_tree(counts, ("a", "b", "c")) is None


def given_to(told):
    """The tree by the names that classes without names have."""
    own = opened(told).class_names
    return {group: [own[NAMES.index(each)] for each in members] for group, members in TREE.items()}


def test_a_tree_that_is_given_is_kept_with_every_part_of_the_session(told, tmp_path):
    assert opened(told).hierarchy is None and opened(told).class_tree.found
    file = tmp_path / "tree.json"
    file.write_text(json.dumps(given_to(told)))
    session = opened(told, hierarchy=file)
    assert session.class_tree is session.hierarchy and session.hierarchy.source == "tree.json"
    assert session.subset(range(20)).hierarchy is session.hierarchy


def test_images_are_chosen_by_the_groups_of_their_label_and_prediction(told):
    images = opened(told, hierarchy=given_to(told)).images
    assert len(images.where("group:animals predicted_group:animals correct:no")) == 6
    assert len(images.where("group:things predicted_group:animals")) == 1  # a bus that is taken for a cat
    assert len(images.where("error_distance>1")) == 1
    assert len(images.where("error_distance:1")) == 11
    assert len(images.where("group:other")) == 10


def test_few_classes_have_no_groups_to_choose_by_unless_they_are_given(told):
    with pytest.raises(WorkbenchError, match="There is no field 'group'"):
        opened(told).images.where("group:animals")


def test_a_tree_of_other_classes_is_refused(told):
    with pytest.raises(WorkbenchError, match="no class of the data"):
        opened(told, hierarchy=TREE)
