"""The recipes of CONTRIBUTING.md work as they are printed: files written, tests run, everything found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the source with the recipes' files written into it."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("workbench", "analyses"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, code in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code, "utf-8")
    return folder


def python(tree: Path, *arguments: str) -> str:
    """Run Python on the copied tree and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_four_files_and_the_method_is_short(tree):
    names = [name for name, _ in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))]
    assert len(names) == 4
    method = next(name for name in names if name.startswith("workbench/attribution/methods/"))
    assert len((tree / method).read_text("utf-8").splitlines()) <= 40


def test_their_tests_pass(tree):
    said = python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert re.search(r"\b2 passed", said)


def test_they_stand_on_the_command_line_and_in_python(tree):
    assert "Which images is the model least sure about?" in python(tree, "-m", "workbench", "analyze", "--help")
    code = (
        "import workbench as wb; found = [wb.methods(), wb.methods()]; "  # twice: the first loads a package
        "print('gradient-l2' in found[1], 'least-confident' in wb.analyses())"
    )
    assert python(tree, "-c", code).split() == ["True", "True"]
