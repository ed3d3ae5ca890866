"""Classes as a tree: groups of classes, groups of groups, and how far apart two classes are in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.core.types import Array


@dataclass(frozen=True, kw_only=True)
class ClassTree:
    """K classes in groups.

    Nodes are numbered: 0 … K-1 are the classes in their order, the others are groups, and the last one is the root.

    Attributes:
        classes: K.
        names: of all M nodes; the root's is empty.
        parents: `(M,)` the node above each; -1 above the root.
        source: name of the file that it was read from; "given" where there is none; empty where it was found from the
            confusions of a model.
    """

    classes: int
    names: tuple[str, ...]
    parents: tuple[int, ...]
    source: str = ""

    @property
    def root(self) -> int:
        """Number of the node above all others."""
        return len(self.names) - 1

    @property
    def found(self) -> bool:
        """Whether it comes from the confusions of a model, and not from people."""
        return not self.source

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any name, class or group."""
        said = repr((self.classes, self.names, self.parents, self.source))
        return hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Nodes below each node, in the order of their numbers; none below a class."""
        below: list[list[int]] = [[] for _ in self.names]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                below[parent].append(node)
        return tuple(map(tuple, below))

    @cached_property
    def heights(self) -> Array:
        """`(M,)` int64: steps from each node down to the farthest class below it; 0 for a class."""
        heights = np.zeros(len(self.names), np.int64)
        for path in self.paths:
            known = path[path >= 0]
            np.maximum.at(heights, known, np.arange(len(known))[::-1])
        return heights

    @cached_property
    def paths(self) -> Array:
        """`(K, D)` int64: the nodes from the root down to each class, itself last; -1 after it."""
        found = []
        for node in range(self.classes):
            path = [node]
            while (above := self.parents[path[-1]]) >= 0:
                path.append(above)
            found.append(path[::-1])
        deepest = max(map(len, found))
        return np.array([path + [-1] * (deepest - len(path)) for path in found], np.int64)

    @property
    def levels(self) -> int:
        """Levels of groups between the root and the classes: at least 1."""
        return int(self.paths.shape[1]) - 2

    def at_level(self, level: int) -> Array:
        """Return `(K,)` int64: the node `level` steps below the root above each class; the class itself if it is there.

        Args:
            level: 1 for the coarsest groups.
        """
        here = self.paths[:, min(level, self.paths.shape[1] - 1)]
        return np.where(here >= 0, here, np.arange(self.classes))

    @cached_property
    def top(self) -> tuple[int, ...]:
        """The nodes right below the root: the coarsest groups, and classes that are in none."""
        return self.children[self.root]

    def leaves(self, node: int) -> Array:
        """Return the classes below a node, ascending; of a class itself."""
        return np.flatnonzero((self.paths == node).any(axis=1))

    @cached_property
    def order(self) -> Array:
        """`(K,)` int64: the classes as one meets them from the root down, those of a group beside each other."""
        found, waiting = [], [self.root]
        while waiting:
            node = waiting.pop()
            if node < self.classes:
                found.append(node)
            waiting.extend(reversed(self.children[node]))
        return np.array(found, np.int64)

    def distance(self, one: Array, other: Array) -> Array:
        """Steps up to the smallest group that holds both classes, from the class below it that is farthest away.

        0 for a class and itself; 1 where both are in a group that holds only classes. Of a mistake this is its
        hierarchical distance.

        Source: Bertinetto et al. 2020, arXiv:1912.09393, section 2: the height of the lowest common ancestor.

        Args:
            one: `(…)` int, classes.
            other: the same, of the same shape.

        Returns:
            `(…)` int64.
        """
        first, second = self.paths[one], self.paths[other]
        shared = (first == second) & (first >= 0)
        last = np.logical_and.accumulate(shared, axis=-1).sum(axis=-1) - 1
        return np.asarray(self.heights[np.take_along_axis(first, last[..., None], axis=-1)[..., 0]])


def tree_of_groups(names: Sequence[str], groups: Sequence[tuple[str, Sequence[int]]]) -> ClassTree:
    """Build a tree of one level of groups that was found from confusions.

    Args:
        names: K names of classes.
        groups: name and classes of each; every class is in exactly one.
    """
    count, root = len(names), len(names) + len(groups)
    parents = np.full(root + 1, root)
    parents[root] = -1
    for place, (_, members) in enumerate(groups):
        parents[list(members)] = count + place
    called = (*names, *(name for name, _ in groups), "")
    return ClassTree(classes=count, names=called, parents=tuple(parents.tolist()))
