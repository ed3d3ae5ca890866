"""A tree of classes as a user gives it: nested JSON, a table of `class,parent`, or the same in Python."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workbench.core.class_tree import ClassTree
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.data.regular_file import read_regular

LARGEST = 2**23
"""Bytes of a file."""
DEEPEST = 40
"""Groups within each other."""
SHOWN = 6
"""Names that a sentence shows."""
ROOT = ""
FORMATS = 'Write `{"animals": ["cat", "dog"], …}` as .json, or a .csv with the columns class and parent.'

Edges = list[tuple[str, str]]
"""Name of a node and of the one above it; `ROOT` above the coarsest groups."""


def read_hierarchy(given: ClassTree | Mapping[str, Any] | Path | str, class_names: Sequence[str]) -> ClassTree:
    """Read a tree whose leaves are the K classes.

    Args:
        given: a `.json` file of objects within objects, whose innermost values are lists of classes; a `.csv` file with
            the columns class and parent (empty for the coarsest groups, which need no row of their own); or the
            objects of such a `.json` as a dict.
        class_names: K names, which must be exactly the leaves.

    Raises:
        Unavailable: if there is no such file.
        WorkbenchError: if it is no tree of these classes; says which names are unknown, missing or there twice, and
            which lie in a circle.
    """
    if isinstance(given, ClassTree):
        return _same_classes(given, class_names)
    if isinstance(given, Mapping):
        return _tree(_nested(given, "The hierarchy"), class_names, "The hierarchy", "given")
    path = Path(given)
    read = {".json": _of_json, ".csv": _of_csv}.get(path.suffix.lower())
    if read is None:
        raise WorkbenchError(f"A hierarchy is a .json or a .csv file. Got {str(path)!r}. {FORMATS}")
    try:
        text = read_regular(path, LARGEST).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise Unavailable(f"There is no hierarchy {str(path)!r}.") from error
    except UnicodeDecodeError as error:
        raise WorkbenchError(f"{path.name} must be text in UTF-8.") from error
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return _tree(read(text, path.name), class_names, path.name, path.name)


def _same_classes(tree: ClassTree, class_names: Sequence[str]) -> ClassTree:
    if tree.names[: tree.classes] != tuple(class_names):
        raise WorkbenchError("This hierarchy is one of other classes than those of the data.")
    return tree


def _of_json(text: str, name: str) -> Edges:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if twice:
            raise WorkbenchError(f"{name}: {twice[0]!r} stands twice in one group. Name it once.")
        return dict(pairs)

    try:
        held = json.loads(text, object_pairs_hook=once)
    except WorkbenchError:
        raise
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise WorkbenchError(f"{name} is no JSON{where}. {FORMATS}") from error
    if not isinstance(held, dict):
        raise WorkbenchError(f"{name} must hold an object of groups. Got a {type(held).__name__}. {FORMATS}")
    return _nested(held, name)


def _nested(held: Mapping[str, Any], name: str) -> Edges:
    """List the edges of objects within objects; what holds nothing is a class."""
    edges: Edges = []
    waiting: list[tuple[str, Any, int]] = [(ROOT, held, 0)]
    while waiting:
        above, value, depth = waiting.pop()
        if depth > DEEPEST:
            raise WorkbenchError(f"{name} has more than {DEEPEST} groups within each other.")
        if isinstance(value, Mapping):
            for each, below in value.items():
                edges.append((_named(each, name), above))
                waiting.append((_named(each, name), below, depth + 1))
        elif isinstance(value, list | tuple):
            for each in value:
                if isinstance(each, Mapping):
                    waiting.append((above, each, depth))
                else:
                    edges.append((_named(each, name), above))
        elif value is not None:
            raise WorkbenchError(f"{name}: {above!r} must hold a list of classes, or groups. Got {_shown(value)}.")
    return edges


def _named(value: Any, name: str) -> str:
    try:
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        text.encode("utf-8")
    except ValueError as error:  # half of a character, or more digits than Python writes
        raise WorkbenchError(f"{name}: {_shown(value)} cannot be written as text, and is no name.") from error
    if not text:
        raise WorkbenchError(f"{name}: a class or group must have a name. Got {_shown(value)}.")
    return text


def _of_csv(text: str, name: str) -> Edges:
    reader = csv.reader(io.StringIO(text, newline=""))  # a quoted name may hold a line break
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise WorkbenchError(f"{name}, line {reader.line_num}: {error}. {FORMATS}") from error
    head = [cell.strip().casefold() for cell in rows[0][1]] if rows else []
    if "class" not in head or "parent" not in head:
        raise WorkbenchError(f"{name} must have the columns class and parent. Got {join_names(head) or 'none'}.")
    one, other = head.index("class"), head.index("parent")
    edges: Edges = []
    for number, row in rows[1:]:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(one, other) or not row[one].strip():
            raise WorkbenchError(f"{name}, line {number}: each row needs a class and its parent. Got {row!r}.")
        edges.append((row[one].strip(), row[other].strip()))
    named = {node for node, _ in edges}
    without = dict.fromkeys(above for _, above in edges if above and above not in named)
    return [*edges, *((each, ROOT) for each in without)]


def _tree(edges: Edges, class_names: Sequence[str], name: str, source: str) -> ClassTree:
    """Check that edges are a tree of the classes, and number its nodes."""
    above = dict(edges)
    twice = [node for node, count in Counter(node for node, _ in edges).items() if count > 1]
    if twice:
        raise WorkbenchError(f"{name}: {_some(twice)} there more than once. Each class and group has one place.")
    if circle := _circle(above):
        raise WorkbenchError(f"{name}: {' → '.join(map(repr, circle))} is a circle. A group cannot hold itself.")
    if _depth(above) > DEEPEST:
        raise WorkbenchError(f"{name} has more than {DEEPEST} groups within each other.")
    known = {own.strip(): own for own in class_names}
    if len(known) != len(class_names):
        alike = [own for own in class_names if known[own.strip()] != own]
        raise WorkbenchError(
            f"{name}: the class {alike[0]!r} differs from another one in spaces at its ends only, so that no "
            "hierarchy can name it. Rename it in the data."
        )
    holders = set(above.values()) - {ROOT}
    if both := [each for each in known if each in holders]:
        raise WorkbenchError(f"{name}: {_some(both)} a class and a group at once. Give the group another name.")
    leaves = [node for node in above if node not in holders]
    if strange := [node for node in leaves if node not in known]:
        near = get_close_matches(strange[0][:200], known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise WorkbenchError(f"{name}: {_some(strange)} no class of the data.{hint}")
    if missing := [own for own in known if own not in above]:
        of = plural(len(known), "class")
        raise WorkbenchError(f"{name}: {_some(missing)} missing; it must hold each of the {of} once.")
    groups = _without_one_child([node for node in above if node in holders], above)
    if not groups:
        raise WorkbenchError(f"{name} has no groups: it must hold at least two classes under one name. {FORMATS}")
    places = {**{own: place for place, own in enumerate(known)}, **{n: len(known) + i for i, n in enumerate(groups)}}
    root = len(places)
    parents = [places.get(above[node], root) for node in places]
    called = (*class_names, *groups, ROOT)
    return ClassTree(classes=len(known), names=called, parents=(*parents, -1), source=source)


def _without_one_child(groups: list[str], above: dict[str, str]) -> list[str]:
    """Leave out groups that hold everything: a root with a name says nothing."""
    while True:
        top = [node for node, parent in above.items() if parent == ROOT]
        if len(top) != 1 or top[0] not in groups:
            return groups
        groups = [each for each in groups if each != top[0]]
        del above[top[0]]
        above.update({node: ROOT for node, parent in above.items() if parent == top[0]})


def _circle(above: Mapping[str, str]) -> list[str]:
    """Return nodes that lie above each other in a circle; none where there is no circle."""
    done: set[str] = set()
    for start in above:
        path: dict[str, None] = {}
        node = start
        while node in above and node not in done:
            if node in path:
                found = list(path)
                return [*found[found.index(node) :], node]
            path[node] = None
            node = above[node]
        done.update(path)
    return []


def _depth(above: Mapping[str, str]) -> int:
    """Return how many groups there are within each other at most; each node is looked at once."""
    depths = {ROOT: -1}
    for start in above:
        path, node = [], start
        while node not in depths:
            path.append(node)
            node = above.get(node, ROOT)
        for each in reversed(path):
            depths[each] = depths[above.get(each, ROOT)] + 1
    return max(depths.values())


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return "a number of more digits than can be written"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
