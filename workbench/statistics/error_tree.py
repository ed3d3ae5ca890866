"""A tree that says in words where the errors are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.data.properties import property_of
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd

DEPTH = 3
"""Of the tree that is read."""


@dataclass(frozen=True)
class Condition:
    """`value > low` and `value <= high` for one column; a column beyond the properties is a class."""

    column: int
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Node:
    """A node of a tree: its conditions from the root, and how deep it lies."""

    conditions: tuple[Condition, ...]
    depth: int


def nodes(values: Array, target: Array, *, depth: int, least: int) -> list[Node]:
    """Grow a regression tree and return its nodes, the root first, in the order in which one reads it.

    Args:
        values: `(n, P)` float.
        target: `(n,)` float.
        depth: of the tree.
        least: rows in a leaf.
    """
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=least, random_state=0).fit(values, target).tree_
    found: list[Node] = []

    def walk(node: int, above: tuple[Condition, ...], level: int) -> None:
        found.append(Node(above, level))
        if tree.children_left[node] >= 0:
            column, threshold = int(tree.feature[node]), float(tree.threshold[node])
            walk(tree.children_left[node], _narrowed(above, Condition(column, high=threshold)), level + 1)
            walk(tree.children_right[node], _narrowed(above, Condition(column, low=threshold)), level + 1)

    walk(0, (), 0)
    return found


def _narrowed(conditions: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """Add a condition; of several on one column one remains."""
    old = next((c for c in conditions if c.column == new.column), Condition(new.column))
    joined = Condition(new.column, max(old.low, new.low), min(old.high, new.high))
    return (*(c for c in conditions if c.column != new.column), joined)


def matching_rows(conditions: tuple[Condition, ...], values: Array) -> Array:
    """Say which rows of `(N, P)` fulfil all conditions: `(N,)` bool; compared in float32, as the tree does."""
    inside = np.ones(len(values), bool)
    for each in conditions:
        column = values[:, each.column].astype(np.float32)
        inside &= (column > each.low) & (column <= each.high)
    return inside


def in_words(conditions: tuple[Condition, ...], columns: list[str], names: tuple[str, ...]) -> str:
    """Say conditions: "mean brightness at most 0.21 and noise above 0.4"; a column after the last one is a class."""
    said = []
    for each in conditions:
        if each.column >= len(columns):
            name = names[each.column - len(columns)]
            said.append(f"{name}" if each.low > -np.inf else f"not {name}")
            continue
        words = property_of(columns[each.column]).words
        low, high = f"{each.low:.3g}", f"{each.high:.3g}"
        if each.low == -np.inf:
            said.append(f"{words} at most {high}")
        else:
            said.append(f"{words} above {low}" if each.high == np.inf else f"{words} {low} to {high}")
    return " and ".join(said)


def error_tree(
    properties: pd.DataFrame, predictions: Predictions, parts: tuple[Array, Array], names: tuple[str, ...]
) -> tuple[pd.DataFrame, list[Array]]:
    """Grow a tree on some images that splits right from wrong, and count the errors of others at its nodes.

    Args:
        properties: N rows of `image_properties`; the true class is a feature too.
        predictions: of N images.
        parts: rows that it is grown on, and rows that it is measured on.
        names: K class names.

    Returns:
        A row a node in the order of reading: rule (what its last split says), depth, images, errors, error_rate with
        low and high (95 % Wilson interval), coverage (share of all errors), lift (error rate over that of the root);
        and the rows of the images of each node.
    """
    import pandas as pd

    find, confirm = parts
    wrong, least = ~predictions.correct, max(len(find) // 50, 4)
    # A class of fewer images cannot be a leaf: of a thousand classes a column each would be gigabytes for nothing.
    split = np.flatnonzero(np.bincount(predictions.labels[find], minlength=len(names)) >= least)
    names = tuple(names[each] for each in split)

    def known(part: Array) -> Array:
        classes = predictions.labels[part][:, None] == split
        return np.hstack([properties.to_numpy(np.float32)[part], classes], dtype=np.float32)

    rows, members, total, values = [], [], int(wrong[confirm].sum()), known(confirm)
    for node in nodes(known(find), wrong[find].astype(np.float64), depth=DEPTH, least=least):
        inside = matching_rows(node.conditions, values)
        members.append(confirm[inside])
        errors, count = int(wrong[confirm][inside].sum()), int(inside.sum())
        rule = in_words(node.conditions[-1:], list(properties.columns), names) if node.conditions else "all images"
        share, ends = errors / max(count, 1), wilson(errors, count)
        lift = share * len(confirm) / total if total else 1.0
        rows.append((rule, node.depth, count, errors, share, *map(float, ends), errors / max(total, 1), lift))
    columns = ["rule", "depth", "images", "errors", "error_rate", "low", "high", "coverage", "lift"]
    return pd.DataFrame(rows, columns=columns), members
