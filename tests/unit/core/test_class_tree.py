"""A tree of seven classes, by hand: animals (pets: cat, dog; birds: owl; and fox), things (car, bus), and sky."""

import numpy as np
import pytest

from workbench.core.class_tree import ClassTree, tree_of_groups

CAT, DOG, OWL, FOX, CAR, BUS, SKY, ANIMALS, PETS, BIRDS, THINGS, ROOT = range(12)


@pytest.fixture
def tree():
    names = ("cat", "dog", "owl", "fox", "car", "bus", "sky", "animals", "pets", "birds", "things", "")
    parents = (PETS, PETS, BIRDS, ANIMALS, THINGS, THINGS, ROOT, ROOT, ANIMALS, ANIMALS, ROOT, -1)
    return ClassTree(classes=7, names=names, parents=parents, source="by hand")


@pytest.mark.parametrize(
    ("one", "other", "levels"),
    [
        (CAT, CAT, 0),
        (CAT, DOG, 1),  # both are pets
        (CAR, BUS, 1),
        (CAT, FOX, 2),  # both are animals, and a cat is two steps below
        (OWL, FOX, 2),  # so they are from the other side, whose deepest animals are two steps below
        (CAT, CAR, 3),
        (CAR, SKY, 3),  # nothing but the root holds both, however near they are to it
    ],
)
def test_a_distance_is_the_height_of_the_smallest_group_that_holds_both(tree, one, other, levels):
    assert tree.distance(np.array(one), np.array(other)) == levels
    assert tree.distance(np.array([other]), np.array([one])).tolist() == [levels]


def test_nodes_know_what_is_below_and_above_them(tree):
    assert tree.top == (SKY, ANIMALS, THINGS)
    assert tree.children[ANIMALS] == (FOX, PETS, BIRDS)
    assert tree.leaves(ANIMALS).tolist() == [CAT, DOG, OWL, FOX]
    assert tree.leaves(SKY).tolist() == [SKY]
    assert tree.heights.tolist() == [0] * 7 + [2, 1, 1, 1, 3]
    assert tree.levels == 2


def test_a_level_has_groups_and_the_classes_that_are_in_none(tree):
    assert tree.at_level(1).tolist() == [ANIMALS, ANIMALS, ANIMALS, ANIMALS, THINGS, THINGS, SKY]
    assert tree.at_level(2).tolist() == [PETS, PETS, BIRDS, FOX, CAR, BUS, SKY]
    assert tree.at_level(9).tolist() == list(range(7))


def test_in_its_order_the_classes_of_a_group_stand_beside_each_other(tree):
    assert tree.order.tolist() == [SKY, FOX, CAT, DOG, OWL, CAR, BUS]


def test_groups_that_were_found_are_a_tree_of_one_level():
    tree = tree_of_groups(("a", "b", "c"), [("a, c", [2, 0]), ("b", [1])])
    assert tree.found and tree.names == ("a", "b", "c", "a, c", "b", "")
    assert [tree.leaves(node).tolist() for node in tree.top] == [[0, 2], [1]]
    assert tree.distance(np.array([0, 0]), np.array([2, 1])).tolist() == [1, 2]


def test_its_digest_changes_with_the_place_of_one_class(tree):
    other = ClassTree(classes=7, names=tree.names, parents=(BIRDS, *tree.parents[1:]), source=tree.source)
    assert other.digest != tree.digest == ClassTree(**vars_of(tree)).digest


def vars_of(tree):
    return {name: getattr(tree, name) for name in ("classes", "names", "parents", "source")}
