"""Groups of classes that are found from a model's confusions, where nobody gave any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.core.class_tree import ClassTree, tree_of_groups
from workbench.core.types import Array
from workbench.statistics.class_order import confusion_groups, confusion_order

ALONE = "(in no group)"
"""Name of the node above the classes that are in no group: one line where there would be hundreds."""


def found_tree(counts: Array, names: Sequence[str]) -> ClassTree | None:
    """Return the groups of the classes that are confused among each other; None where there are fewer than two.

    A group is called after its class with the most errors in it, one of two after both; they come where
    `confusion_order` has them.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.
        names: K names.
    """
    groups = confusion_groups(counts)
    sizes = np.bincount(groups, minlength=1)
    if (sizes > 1).sum() < 2:
        return None
    order = confusion_order(counts)
    by_group = {int(group): np.flatnonzero(groups == group).tolist() for group in dict.fromkeys(groups[order].tolist())}
    found = [(_called(counts, names, each), each) for each in by_group.values() if len(each) > 1]
    if alone := [each[0] for each in by_group.values() if len(each) == 1]:
        found.append((ALONE, alone))
    return tree_of_groups(names, found)


def ungrouped(tree: ClassTree) -> int | None:
    """Return the node of a found tree above the classes that are in no group, which is no group; None without one."""
    return next((node for node in tree.top if tree.found and node >= tree.classes and tree.names[node] == ALONE), None)


def _called(counts: Array, names: Sequence[str], members: list[int]) -> str:
    inside = counts[np.ix_(members, members)]
    errors = inside.sum(axis=0) + inside.sum(axis=1) - 2 * inside.diagonal()
    worst = [names[members[place]] for place in np.argsort(-errors, kind="stable")]
    return ", ".join(worst) if len(members) == 2 else f"{worst[0]} + {len(members) - 1:,}"
