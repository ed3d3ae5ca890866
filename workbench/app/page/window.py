"""Which rows and columns of a confusion matrix the page shows, in which order; groups of classes that open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.app.page.board import SHOWN, Board
from workbench.app.page.view import ANY, View
from workbench.core.class_tree import ClassTree
from workbench.core.types import Array
from workbench.session.found_tree import ungrouped

USUAL, SPANS = 15, (10, 15, 25, 40)
"""Classes that a window shows along each side."""
WHOLE = 32
"""Lines up to which groups are shown without a window."""
FEWEST = 4
"""Classes from which another order than the data's can tell something."""
ALSO = 6
"""Further classes that are named where several have what was looked for in their names."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row or a column: a class, or a group of classes.

    Attributes:
        name: of it.
        classes: that it holds.
        group: its node in the tree; None for a class.
        together: whether its classes belong together; those that are in no group do not.
    """

    name: str
    classes: tuple[int, ...]
    group: int | None = None
    together: bool = True


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of the matrix.

    Attributes:
        arrange: order of the classes: "data", "confusions", "errors" or "groups".
        rows, columns: what is shown.
        top, left: places of the first ones in that order.
        of: how many rows and columns there are in that order.
        span: how many may be shown along each side.
        counts: `(rows, columns)` images; of a group and itself its errors only.
        rights: `(rows,)` images of a row that are put into it, and `images`: all of them.
        others: images of each row in the columns that are not shown, and of each column in the rows that are not.
        opened: nodes whose rows and columns these are; None where no group is looked at.
        found: classes that have what was looked for in their names, the best first; None where nothing was.
    """

    arrange: str
    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    top: int
    left: int
    of: tuple[int, int]
    span: int
    counts: Array
    rights: Array
    images: Array
    others: tuple[Array, Array]
    opened: tuple[int, int] | None
    found: tuple[int, ...] | None

    @property
    def whole(self) -> bool:
        """Whether nothing is left out of the order."""
        return (len(self.rows), len(self.columns)) == self.of


def arrangements(board: Board) -> list[str]:
    """Return the orders that there are; one alone where another one can tell nothing."""
    if len(board.counts) < FEWEST:
        return ["data"]
    return ["data", "confusions", "errors", *(["groups"] if board.tree is not None else [])]


def usual_arrangement(board: Board) -> str:
    """Return the order in which a matrix is shown unless another one is asked for."""
    if len(board.counts) <= SHOWN:
        return "data"
    return "groups" if board.tree is not None and not board.tree.found else "confusions"


@dataclass(frozen=True, kw_only=True)
class _Order:
    """All rows and columns that there are in an order."""

    arrange: str
    rows: list[Line]
    columns: list[Line]
    opened: tuple[int, int] | None


def window_of(board: Board, names: Sequence[str], view: View) -> Window:
    """Return what is shown for a settled view; whatever is asked for that there is not is left out."""
    known = arrangements(board)
    arrange = view.arrange if view.arrange in known else usual_arrangement(board)
    order = _order(board, names, arrange, view)
    found = find_classes(names, view.near) if view.near else None
    span, most = int(view.span) if view.span else USUAL, max(len(order.rows), len(order.columns))
    if most <= (WHOLE if arrange == "groups" else SHOWN):
        span = most
    return _cut(board, order, _corner(view, order, span, _middle(board, view, found)), span, found)


def find_classes(names: Sequence[str], text: str) -> tuple[int, ...]:
    """Return the classes that have a text in their names, those that are called so or begin so first."""
    wanted = " ".join(text.split()).casefold()
    plain = [" ".join(name.split()).casefold() for name in names]
    ranks = [0 if n == wanted else 1 if n.startswith(wanted) else 2 if wanted in n else 3 for n in plain]
    order = sorted(range(len(names)), key=ranks.__getitem__)
    return tuple(each for each in order if ranks[each] < 3) if wanted else ()


def _opened(tree: ClassTree, asked: str) -> tuple[int, int]:
    parts = asked.split(",")
    nodes = [int(part) for part in parts if part and int(part) <= tree.root]
    known = len(nodes) == len(parts) == 2 and (nodes[0] == nodes[1] or not _holds(tree, *nodes))
    return (nodes[0], nodes[1]) if known else (tree.root, tree.root)


def _holds(tree: ClassTree, one: int, other: int) -> bool:
    """Whether one of two nodes lies above the other: then some cells would hold right images beside errors."""
    return any(_above(tree, low, high) for low, high in ((one, other), (other, one)))


def _above(tree: ClassTree, node: int, sought: int) -> bool:
    while node >= 0 and node != sought:
        node = tree.parents[node]
    return node == sought


def _order(board: Board, names: Sequence[str], arrange: str, view: View) -> _Order:
    tree = board.tree if arrange == "groups" else None
    if tree is None:
        lines = [Line(name=names[c], classes=(c,)) for c in board.order_of(arrange).tolist()]
        return _Order(arrange=arrange, rows=lines, columns=lines, opened=None)
    opened = _opened(tree, view.open)
    rows, columns = (_below(tree, node) for node in opened)
    return _Order(arrange=arrange, rows=rows, columns=columns, opened=opened)


def _below(tree: ClassTree, node: int) -> list[Line]:
    """Return what is in a group; a class has nothing in it, and stands alone."""
    found, alone = [], ungrouped(tree)
    for each in tree.children[node] or (node,):
        group = each if each >= tree.classes else None
        members = tuple(tree.leaves(each).tolist())
        found.append(Line(name=tree.names[each], classes=members, group=group, together=each != alone))
    return found


def _middle(board: Board, view: View, found: tuple[int, ...] | None) -> tuple[int, int]:
    """Return the classes around which a window lies: what was looked for, what is chosen, or the largest cell."""
    if found:
        return found[0], found[0]
    true, predicted = (None if each == ANY else each for each in (view.true, view.predicted))
    if true is None and predicted is None:
        return board.largest
    both = [each for each in (true, predicted) if each is not None]
    return both[0], both[-1]


def _corner(view: View, order: _Order, span: int, middle: tuple[int, int]) -> tuple[int, int]:
    """Return where a window begins: where it is asked for, else so that what is chosen lies in its middle."""
    sides = (order.rows, order.columns)
    most = [max(len(side) - span, 0) for side in sides]
    if view.corner:
        top, left = map(int, view.corner.split(","))
        return min(top, most[0]), min(left, most[1])
    at = [
        next((n for n, line in enumerate(side) if each in line.classes), 0)
        for side, each in zip(sides, middle, strict=True)
    ]
    if abs(at[0] - at[1]) < span // 2:  # then both fit beside the diagonal
        at = [sum(at) // 2] * 2
    top, left = (min(max(place - span // 2, 0), end) for place, end in zip(at, most, strict=True))
    return top, left


def _cut(board: Board, order: _Order, corner: tuple[int, int], span: int, found: tuple[int, ...] | None) -> Window:
    top, left = corner
    shown, beside = tuple(order.rows[top : top + span]), tuple(order.columns[left : left + span])
    counts = board.counts.astype(np.float64)  # BLAS has no whole numbers; these are exact up to 2^53
    into = _members(shown, len(counts)), _members(beside, len(counts))
    cells = np.rint(into[0] @ counts @ into[1].T).astype(np.int64)
    images = np.rint(into[0] @ counts.sum(axis=1)).astype(np.int64)
    taken = np.rint(into[1] @ counts.sum(axis=0)).astype(np.int64)
    rights = np.array([int(board.counts[np.ix_(line.classes, line.classes)].sum()) for line in shown], np.int64)
    others = images - cells.sum(axis=1), taken - cells.sum(axis=0)
    for row, line in enumerate(shown):
        for column, other in enumerate(beside):
            if line.group is not None and line.group == other.group:
                cells[row, column] -= int(board.counts.diagonal()[list(line.classes)].sum())
    return Window(
        arrange=order.arrange,
        rows=shown,
        columns=beside,
        top=top,
        left=left,
        of=(len(order.rows), len(order.columns)),
        span=span,
        counts=cells,
        rights=rights,
        images=images,
        others=others,
        opened=order.opened,
        found=found,
    )


def _members(lines: Sequence[Line], classes: int) -> Array:
    into = np.zeros((len(lines), classes))
    for place, line in enumerate(lines):
        into[place, list(line.classes)] = 1
    return into
