"""The recipes of CONTRIBUTING.md work as they are printed: files written, tests run, everything found."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests import forks

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


@pytest.fixture(scope="module")
def plug_ins(tree, tmp_path_factory):
    """A plug-in folder with every recipe, in a folder where nothing else is."""
    folder = tmp_path_factory.mktemp("own") / "my_plugins"
    shutil.copytree(tree / "my_plugins", folder)
    for name in ("analyses/least_confident.py", "workbench/attribution/methods/gradient_l2.py"):
        place = folder / Path(name).parent.name
        place.mkdir()
        shutil.copy(tree / name, place)
    return folder


def python(tree: Path, *arguments: object, source: Path | None = None, code: int = 0) -> str:
    """Run Python in a folder, on the source that is there or on another, and return what it printed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = str(source or tree)
    (done,) = forks.run(forks.Call(tuple(map(str, arguments)), tree, environment))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_there_are_six_files_and_the_method_is_short(tree):
    names = [name for name, _ in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))]
    assert len(names) == 6
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


def test_as_plug_ins_they_keep_the_contracts(plug_ins):
    said = python(plug_ins.parent, "-m", "workbench", "plugin-check", "my_plugins", source=ROOT)
    assert "FAIL" not in said
    found = set(re.findall(r"^ok +(\S+)", said, re.MULTILINE))
    assert found == {"analyses/least-confident", "methods/gradient-l2", "properties/left-half", "sources/two-squares"}
    counts = re.findall(r"(\d+) of (\d+) checks hold", said)[0]
    assert counts[0] == counts[1] and int(counts[0]) >= 25


def test_as_plug_ins_they_stand_on_the_command_line(plug_ins, tmp_path):
    workbench = ("-m", "workbench", "--plugins", plug_ins)
    train = ("train", "mini", "--data", "two-squares", "--recipe", "report", "--epochs", 1, "--batch-size", 20)
    python(tmp_path, *workbench, *train, source=ROOT)
    said = python(tmp_path, *workbench, "analyze", "least-confident", "mini", "--count", 3, source=ROOT)
    assert "Which images is the model least sure about?" in said
    said = python(tmp_path, *workbench, "explain", 0, "--run", "mini", "--method", "gradient-l2", source=ROOT)
    assert "test-0-gradient-l2.png" in said
    assert "gradient-l2" in python(tmp_path, *workbench, "explain", "--help", source=ROOT)
    python(tmp_path, *workbench, "figures", "mini", "--only", "least-confident", source=ROOT)
    assert (tmp_path / "figures/mini/least-confident.png").is_file()
