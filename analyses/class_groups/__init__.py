"""Classes in groups: given as a tree, or found from the confusions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.class_tree import ClassTree
from workbench.core.errors import unknown
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, percent, plural
from workbench.data.sampling import worst_first
from workbench.session.analysis import Analysis
from workbench.session.found_tree import ungrouped
from workbench.session.images.fields import groups_are_fields
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate, wilson
from workbench.statistics.tree_errors import distance_by_chance, error_distance, group_accuracy

from .drawing import draw
from .halves import found_in_half

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.core.predictions import Predictions
    from workbench.session.session import Session

COLUMNS = ["group", "classes", "images", "right", "errors_within", "errors_outside", "recall", "low", "high"]
NONE = "The confusions show no groups: classes are not confused more often with some than with others."


class ClassGroupsParams(Params):
    """Which groups, and how many of them."""

    level: int = Field(1, ge=1, le=20, description="level of the groups below the root of a tree; 1 is the coarsest")
    open: str | None = Field(None, description="group that is opened, to see what is in it; auto: none")
    groups: int = Field(
        30, ge=2, le=60, description="most groups to draw by name; the ones with the most errors are kept"
    )


class ClassGroups(Analysis[ClassGroupsParams]):
    """Do errors stay among classes that belong together?"""

    group = "Errors"
    title = "Groups of classes"
    Params = ClassGroupsParams
    reads_hierarchy: ClassVar[bool] = True

    def compute(self, session: Session, params: ClassGroupsParams) -> Result:
        """Sum the confusions over groups, and measure how far errors go in a tree that was given."""
        import pandas as pd

        tree, said = session.class_tree, session.predictions
        if tree is None:
            empty = pd.DataFrame(columns=COLUMNS)
            return Result({"groups": empty}, findings=(Finding(NONE, effect=Estimate(0.0)),), notes={"groups": []})
        counts = confusion_counts(said.labels, said.predicted, tree.classes)
        nodes = _nodes(tree, params)
        of_class = np.full(tree.classes, -1)  # place of the node above each class among `nodes`
        for place, node in enumerate(nodes):
            of_class[tree.leaves(node)] = place
        inside = of_class >= 0
        sums = _summed(counts, of_class, len(nodes))
        shown = _worst(sums - _right(counts, of_class, len(nodes)), params.groups)
        others = len(shown) < len(nodes) or not inside.all()
        notes: dict[str, Any] = {
            "groups": [tree.names[nodes[place]] for place in shown],
            "members": [[session.class_names[c] for c in tree.leaves(nodes[place])] for place in shown],
            "is_class": [nodes[place] < tree.classes for place in shown],
            "alone": [nodes[place] == ungrouped(tree) for place in shown],
            "nodes": len(nodes) - (ungrouped(tree) in nodes),
            "open": params.open or "",
            "found": tree.found,
            "others": others,
            "by_field": groups_are_fields(session) and nodes == list(tree.top),
            "levels": tree.levels,
        }
        arrays = _drawn(counts, sums, of_class, shown)
        return Result(
            _tables(tree, said, counts, nodes),
            arrays=arrays,
            findings=(*_findings(session, tree, said), *_between(tree, said, nodes, of_class, opened=params.open)),
            notes=notes,
            context={} if tree.found else {"hierarchy": tree.source},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the confusions between groups, how often each is recognised, and how far errors go."""
        return draw(result, self.question(), NONE)


def _nodes(tree: ClassTree, params: ClassGroupsParams) -> list[int]:
    """Return the nodes that are looked at: those of a level, or what is in the group that is opened."""
    if params.open is None:
        level = tree.at_level(params.level)
        return list(dict.fromkeys(level[tree.order].tolist()))
    groups = {tree.names[node]: node for node in range(tree.classes, tree.root)}
    if params.open not in groups:
        raise unknown("group", params.open, groups)
    return list(tree.children[groups[params.open]])


def _summed(counts: Array, of_class: Array, groups: int) -> Array:
    """Sum `(K, K)` counts over groups: `(groups, groups)`; exact up to 2^53."""
    rows, columns = np.nonzero(counts)
    inside = (of_class[rows] >= 0) & (of_class[columns] >= 0)
    rows, columns = rows[inside], columns[inside]
    cells = of_class[rows] * groups + of_class[columns]
    sums = np.bincount(cells, counts[rows, columns], groups * groups)
    return np.rint(sums).astype(np.int64).reshape(groups, groups)


def _right(counts: Array, of_class: Array, groups: int) -> Array:
    """Images of each group whose very class is predicted, on a diagonal: `(groups, groups)`."""
    inside = of_class >= 0
    right = np.bincount(of_class[inside], counts.diagonal()[inside], groups)
    return np.diag(right.astype(np.int64))


def _worst(errors: Array, most: int) -> Array:
    """Places of the groups with the most errors, in the order of the tree."""
    involved = errors.sum(axis=0) + errors.sum(axis=1)
    return np.sort(np.argsort(-involved, kind="stable")[:most])


def _drawn(counts: Array, sums: Array, of_class: Array, shown: Array) -> dict[str, Array]:
    """Return the errors between the shown groups, within each on the diagonal, and those with all other classes."""
    drawn = np.isin(of_class, shown)
    size = len(shown)
    right = _right(counts, of_class, len(sums)).diagonal()[shown]
    cells = np.zeros((size + 1, size + 1), np.int64)
    cells[:size, :size] = sums[np.ix_(shown, shown)] - np.diag(right)
    for place, group in enumerate(shown):
        members = of_class == group
        cells[place, size] = counts[np.ix_(members, ~drawn)].sum()
        cells[size, place] = counts[np.ix_(~drawn, members)].sum()
    images = np.array([counts[of_class == group].sum() for group in shown], np.int64)
    return {"cells": cells, "right": right, "images": images}


def _tables(tree: ClassTree, said: Predictions, counts: Array, nodes: list[int]) -> dict[str, pd.DataFrame]:
    """List the groups, and of a tree that was given its levels and how far errors go in it."""
    import pandas as pd

    rows = [_of_group(tree, counts, node) for node in nodes]
    tables = {"groups": pd.DataFrame(rows, columns=COLUMNS)}
    if tree.found:
        return tables  # how far errors go in a tree that is made of them says nothing
    levels = []
    for level in range(1, tree.levels + 2):
        share = group_accuracy(tree, said.labels, said.predicted, level)
        levels.append((level, len(np.unique(tree.at_level(level))), share.value, share.low, share.high))
    tables["levels"] = pd.DataFrame(levels, columns=["level", "groups", "accuracy", "low", "high"])
    if not said.correct.all():
        tables["distances"] = _distances(tree, said)
    return tables


def _of_group(tree: ClassTree, counts: Array, node: int) -> tuple[Any, ...]:
    members = tree.leaves(node)
    images, right = int(counts[members].sum()), int(counts.diagonal()[members].sum())
    if node == ungrouped(tree):  # its classes have nothing in common into which an image could be put
        return (tree.names[node], len(members), images, right, 0, images - right, np.nan, np.nan, np.nan)
    stay = int(counts[np.ix_(members, members)].sum())
    low, high = (float(end) for end in wilson(stay, images))
    recall = stay / images if images else np.nan
    return (tree.names[node], len(members), images, right, stay - right, images - stay, recall, low, high)


def _distances(tree: ClassTree, said: Predictions) -> pd.DataFrame:
    """Count errors, of which there is one at least, by how far they go, beside how many would go so far by chance."""
    import pandas as pd

    wrong, every = ~said.correct, np.arange(tree.classes)
    farthest = int(tree.heights[tree.root])
    count = np.bincount(tree.distance(said.labels[wrong], said.predicted[wrong]), minlength=farthest + 1)
    expected = np.zeros(farthest + 1)
    for label, images in zip(*np.unique(said.labels[wrong], return_counts=True), strict=True):
        apart = np.bincount(tree.distance(np.full(tree.classes, label), every), minlength=farthest + 1)
        expected[1:] += images * apart[1:] / (tree.classes - 1)
    total = int(wrong.sum())
    low, high = wilson(count, total)
    return pd.DataFrame(
        {
            "levels_apart": np.arange(1, farthest + 1),
            "errors": count[1:],
            "share": count[1:] / total,
            "low": low[1:],
            "high": high[1:],
            "by_chance": expected[1:] / total,
        }
    )


def _findings(session: Session, tree: ClassTree, said: Predictions) -> list[Finding]:
    wrong = ~said.correct
    errors = int(wrong.sum())
    top = tree.at_level(1)
    stays = (top[said.labels] == top[said.predicted]) & (said.correct | (top[said.labels] != ungrouped(tree)))
    out = worst_first(said, np.flatnonzero(~stays))
    whole = rate(int(stays.sum()), len(said))
    found = []
    if tree.found:
        found.append(_of_found(session, tree, errors, int((wrong & stays).sum()), out))
    else:
        within = f"{int((wrong & stays).sum()):,} of {plural(errors, 'error')}" if errors else "No error"
        claim = (
            f"Put into the right of {plural(len(tree.top), 'group')}: {whole}; the accuracy over all "
            f"{plural(tree.classes, 'class')} is {percent(float(said.correct.mean()))}. {within} "
            f"{'stays' if errors < 2 else 'stay'} within the group of the label."
        )
        found.append(Finding(claim, effect=whole, evidence=out))
        if (far := error_distance(tree, said.labels, said.predicted)) is not None:
            chance = distance_by_chance(tree, said.labels, said.predicted)
            apart = tree.distance(said.labels, said.predicted)
            farthest = np.flatnonzero(wrong)[np.argsort(-apart[wrong], kind="stable")]
            claim = (
                f"Errors go {far} levels up on average, of {int(tree.heights[tree.root])} to the root; to any other "
                f"class by chance they would go {number(chance)}."
            )
            found.append(Finding(claim, effect=far, evidence=ImageSet(farthest)))
    return found


def _of_found(session: Session, tree: ClassTree, errors: int, within: int, out: Any) -> Finding:
    groups = len(tree.top) - (ungrouped(tree) is not None)
    share, halves = rate(within, errors), found_in_half(session.predictions, tree.classes)
    claim = (
        f"{plural(groups, 'group')} of classes were found from the confusions: {within:,} of "
        f"{plural(errors, 'error')} stay within them, {share}. They were found from these very errors"
    )
    if halves is None:
        claim += "; there are too few to find them in one half and see the other."
    else:
        kept, chance = halves
        claim += f": of those of the other half, groups of one half hold {kept}, and {percent(chance)} by chance."
        share = kept
    return Finding(claim, effect=share, evidence=out)


def _between(
    tree: ClassTree, said: Predictions, nodes: list[int], of_class: Array, *, opened: str | None
) -> list[Finding]:
    """Name the two groups between which most errors go, if there are any."""
    groups = np.array([node != ungrouped(tree) for node in nodes])
    one, other = of_class[said.labels], of_class[said.predicted]
    across = (one >= 0) & (other >= 0) & (one != other) & groups[one] & groups[other]
    if not across.any():
        return []
    cells = np.bincount(one[across] * len(nodes) + other[across], minlength=len(nodes) ** 2)
    a, b = divmod(int(cells.argmax()), len(nodes))
    rows = np.flatnonzero(across & (one == a) & (other == b))
    share = rate(len(rows), int((one == a).sum()))
    where = "between groups" if opened is None else f"within {opened}"
    claim = (
        f"Most common {where}: {tree.names[nodes[a]]} predicted as {tree.names[nodes[b]]}, {len(rows):,} of "
        f"{plural(int((one == a).sum()), 'image')}, {share}."
    )
    return [Finding(claim, effect=share, evidence=worst_first(said, rows))]
