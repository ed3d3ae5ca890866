"""What holds of every tree of classes, and of every order of confusions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.core.class_tree import ClassTree
from workbench.data.hierarchy import read_hierarchy
from workbench.statistics.class_order import confusion_groups, confusion_order


@st.composite
def trees(draw):
    """Any tree of up to 12 classes and 8 groups, each of which holds something."""
    classes = draw(st.integers(2, 12))
    groups = draw(st.integers(1, 8))
    root = classes + groups
    above = [draw(st.integers(n + 1, root)) for n in range(classes, root)]  # later nodes lie above earlier ones
    parents = [draw(st.integers(classes, root)) for _ in range(classes)]
    over = {**dict(enumerate(parents)), **dict(enumerate(above, classes))}
    while empty := set(range(classes, root)).intersection(over).difference(over.values()):
        over = {node: parent for node, parent in over.items() if node not in empty}
    number = {node: place for place, node in enumerate([*over, root])}
    held = tuple(number[parent] for parent in over.values())
    names = (*(f"n{place}" for place in range(len(over))), "")
    return ClassTree(classes=classes, names=names, parents=(*held, -1), source="made")


def slow_distance(tree, one, other):
    """Go up from one class until the other is below, and down to the deepest class."""
    node = one
    while other not in tree.leaves(node):
        node = tree.parents[node]

    def height(at):
        return 1 + max(map(height, tree.children[at])) if tree.children[at] else 0

    return height(node)


@given(trees())
def test_distances_are_those_of_walking_up_and_symmetric_and_ultrametric(tree):
    every = np.arange(tree.classes)
    apart = tree.distance(*np.meshgrid(every, every, indexing="ij"))
    assert (apart == apart.T).all() and (apart.diagonal() == 0).all()
    assert [[slow_distance(tree, a, b) for b in every] for a in every] == apart.tolist()
    through = np.maximum(apart[:, :, None], apart[None])  # [a, c, b]: the longer of a … c and c … b
    assert (apart[:, None, :] <= through).all()


@given(trees())
def test_its_order_is_a_permutation_in_which_every_group_is_one_piece(tree):
    assert sorted(tree.order.tolist()) == list(range(tree.classes))
    place = np.argsort(tree.order)
    for node in range(tree.classes, len(tree.names)):
        at = np.sort(place[tree.leaves(node)])
        assert not len(at) or at[-1] - at[0] == len(at) - 1


@given(trees())
def test_what_is_written_as_a_table_is_read_as_the_same_tree(tmp_path_factory, tree):
    if any(not tree.children[node] for node in range(tree.classes, len(tree.names))):
        return  # a group without classes cannot be written
    if all(above == tree.root for above in tree.parents[: tree.classes]) or len(tree.top) == 1:
        return  # no groups, or one that holds all and is left out
    path = tmp_path_factory.mktemp("trees") / "tree.csv"
    rows = (f"{tree.names[node]},{tree.names[above]}\n" for node, above in enumerate(tree.parents) if above >= 0)
    path.write_text("class,parent\n" + "".join(rows), "utf-8")
    read = read_hierarchy(path, tree.names[: tree.classes])
    every = np.meshgrid(*2 * [np.arange(tree.classes)])
    assert (read.distance(*every) == tree.distance(*every)).all()
    assert {read.names[n]: read.names[p] for n, p in enumerate(read.parents) if p >= 0} == {
        tree.names[n]: tree.names[p] for n, p in enumerate(tree.parents) if p >= 0
    }


@given(arrays(np.int64, st.integers(1, 9).map(lambda k: (k, k)), elements=st.integers(0, 4)))
def test_every_matrix_has_an_order_and_groups_of_all_its_classes(counts):
    assert sorted(confusion_order(counts).tolist()) == list(range(len(counts)))
    assert len(confusion_groups(counts)) == len(counts)
