"""The notebook does what it says, cell by cell, and what each cell shows is small."""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "debugging.ipynb"


def cells(kind):
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def shown_by(source, names):
    """Run a cell as a notebook does; return the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each cell shows, of a run in a folder of its own."""
    here = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("WORKBENCH_WORKSPACE", str(here / "workspaces"))
        names = {}
        return [shown_by(source, names) for source in cells("code")], here


def test_every_cell_shows_something_small(shown):
    for source, value in zip(cells("code"), shown[0], strict=True):
        text = value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)
        assert 0 < len(text) < 300_000, source


def test_what_it_finds_marks_and_writes_is_right(shown):
    values, here = shown
    errors = next(value for value in values if type(value).__name__ == "Images")
    assert errors.names.tolist() == ["test/5381", "test/7847"]  # counted by hand from the run's predictions
    with (here / "to-check.csv").open() as file:
        assert [(row["name"], row["tag"]) for row in csv.DictReader(file)] == [
            ("test/5381", "check"),
            ("test/7847", "check"),
        ]
    assert values[-1] == 0


def test_it_is_kept_without_what_it_showed():
    kept = json.loads(NOTEBOOK.read_text())
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept["cells"])
