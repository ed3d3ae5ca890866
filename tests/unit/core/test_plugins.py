"""What a user brings is found, what is broken is left out in one line, and what clashes is named."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.core import plugins, provenance
from workbench.core.errors import WorkbenchError
from workbench.data import load_dataset
from workbench.data.properties import PROPERTIES, image_properties
from workbench.data.sources import sources
from workbench.diagnosis import registry
from workbench.diagnosis.faults import faults
from workbench.exporting.formats import formats
from workbench.training.architectures import architectures

ANALYSIS = """
from workbench.core.finding import Finding
from workbench.core.result import Result
from workbench.session.analysis import Analysis
from {helper} import LIMIT


class Many(Analysis):
    '''How many images are there?

    More words.
    '''

    def compute(self, session, params):
        import pandas as pd

        table = pd.DataFrame({{"images": [len(session.dataset)]}})
        return Result(tables={{"images": table}}, findings=(Finding(f"There are more than {{LIMIT}}."),))

    def draw(self, result):
        raise NotImplementedError
"""
PROPERTY = """
from workbench.data.image_property import ImageProperty


class Corner(ImageProperty):
    '''How bright the upper left pixel is.'''

    words, unit = "brightness of the corner", "of 1"

    def measure(self, pixels):
        pixels += 1  # its own copy
        return pixels[:, 0, 0].mean(axis=-1) - 1
"""
SOURCE = """
import numpy as np
from workbench.core.dataset import Dataset
NAME = "two-squares"


def load(split, data_dir, progress):
    images = np.zeros((2, 4, 4, 1), np.uint8)
    return Dataset(images, np.array([0, 1]), class_names=("a", "b"), indices=np.arange(2), name=f"{NAME}/{split}")
"""
BUILD = "def build(image_shape, classes):\n    return None\n"


@pytest.fixture
def plant(tmp_path, monkeypatch, caplog):
    """Return what writes a plug-in folder and names it; what was said is in `plant.said`."""
    caplog.set_level(logging.WARNING, logger="workbench.core.plugins")
    plugins._left_out.clear()
    named = []

    def write(files, folder="mine"):
        for name, source in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, "utf-8")
        if str(tmp_path / folder) not in named:
            named.append(str(tmp_path / folder))
        monkeypatch.setenv("WORKBENCH_PLUGINS", os.pathsep.join(named))
        return tmp_path / folder

    write.said = lambda: [record.getMessage() for record in caplog.records]
    yield write
    for name in [name for name in sys.modules if name.startswith("workbench_plugins_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("files", "helper"),
    [
        ({"analyses/many.py": ANALYSIS, "analyses/_limits.py": "LIMIT = 1\n"}, "._limits"),
        ({"analyses/many/__init__.py": ANALYSIS, "analyses/many/limits.py": "LIMIT = 1\n"}, ".limits"),
        ({"analyses/many.py": ANALYSIS, "limits.py": "LIMIT = 1\n"}, "..limits"),
    ],
)
def test_an_analysis_may_have_parts_and_share_them(plant, files, helper):
    plant({name: source.format(helper=helper) for name, source in files.items()})
    assert registry.analysis("many").question() == "How many images are there?"
    assert registry.ANALYSES.summaries()["many"] == "How many images are there?"
    assert registry.analysis("many").name() == "many"
    assert plant.said() == []


def test_without_its_folder_it_is_gone(plant, monkeypatch):
    plant({"analyses/many.py": ANALYSIS.format(helper=".limits").replace("from .limits import LIMIT", "LIMIT = 1")})
    assert "many" in registry.analyses()
    monkeypatch.delenv("WORKBENCH_PLUGINS")
    assert "many" not in registry.analyses()


def test_a_property_is_a_column_of_its_own_and_cannot_change_the_others(plant):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1), np.uint8)
    before = image_properties(images)
    plant({"properties/corner.py": PROPERTY})
    after = image_properties(images)
    assert list(after) == [*before, "corner"]
    np.testing.assert_allclose(after["corner"], images[:, 0, 0, 0] / 255, atol=1e-6)
    assert after[list(before)].equals(before)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("pixels", "measure must give (5,) finite numbers. It gave (5, 6, 6, 1)"),
        ("[float('nan')] * 5", "measure must give (5,) finite numbers. It gave (5,)"),
    ],
)
def test_a_property_that_fails_is_left_out(plant, body, said):
    folder = plant({"properties/corner.py": PROPERTY.replace("pixels[:, 0, 0].mean(axis=-1) - 1", body)})
    assert list(image_properties(np.zeros((5, 6, 6, 1), np.uint8))) == list(PROPERTIES)[:13]
    assert plant.said() == [f"The plug-in {folder}/properties/corner.py is left out: {said}."]


def test_a_source_a_network_and_a_fault_are_known_by_name(plant):
    fault = (
        "from workbench.diagnosis.planting.fault import Fault\n\n\nclass Dust(Fault):\n    '''Dust on the lens.'''\n"
        "    kind = None\n"
    )
    plant({"sources/squares.py": SOURCE, "architectures/tiny_one.py": BUILD, "faults/dust.py": fault})
    assert load_dataset("two-squares", split="test").name == "two-squares/test"
    assert "tiny-one" in architectures()
    assert "dust" in faults()
    assert "dust" not in formats()
    assert plant.said() == []


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("analyses/odd.py", "def (:\n", "SyntaxError: "),
        ("analyses/odd.py", "import nothing_of_this_name\n", "ModuleNotFoundError: No module named"),
        ("analyses/odd.py", "raise SystemExit('bye')\n", "SystemExit: bye"),
        ("analyses/odd.py", "raise ValueError('one\\ntwo')\n", "ValueError: one."),
        ("analyses/odd.py", "x = 1\n", "it must define exactly one Analysis. It defines 0"),
        (
            "analyses/odd.py",
            "from workbench.session.analysis import Analysis\nclass Odd(Analysis):\n    'Odd?'\n",
            "It defines 0. Odd lacks compute, draw.",
        ),
        (
            "analyses/many.py",
            ANALYSIS.replace("from {helper} import LIMIT", "").replace("'''How many", "1; '''How many").format(),
            "Many has no docstring, whose first line says what it is",
        ),
        ("sources/odd.py", "NAME = 3\n", "it must define NAME, a text, and load(split, data_dir, progress)"),
        ("architectures/odd.py", "built = 3\n", "it must define build(image_shape, classes)"),
        ("faults/odd.py", "x = 1\n", "it must define exactly one Fault. It defines 0"),
    ],
)
def test_a_broken_one_is_named_once_in_one_line_and_the_others_go_on(plant, name, source, said):
    folder = plant({name: source, "sources/squares.py": SOURCE})
    for _ in range(2):
        found = {*registry.analyses(), *sources(), *architectures(), *faults()}
    assert not {"odd", "many"} & found
    assert {"overview", "two-squares", "fashion-mnist", "baseline", "nothing"} <= found
    (line,) = plant.said()
    assert line.startswith(f"The plug-in {folder / name} is left out: ")
    assert said in line
    assert "\n" not in line


def test_two_of_a_name_are_an_error_that_names_both(plant):
    made = ANALYSIS.replace("from {helper} import LIMIT", "").format()
    one = plant({"analyses/overview.py": made})
    with pytest.raises(WorkbenchError, match=r"more than one analysis 'overview': .*analyses/overview.py and .*mine/"):
        registry.analyses()
    (one / "analyses/overview.py").rename(one / "analyses/mine.py")
    assert "mine" in registry.analyses()
    other = plant({"analyses/mine.py": made}, "other")
    with pytest.raises(WorkbenchError) as caught:
        registry.ANALYSES.names()
    assert str(one / "analyses/mine.py") in str(caught.value)
    assert str(other / "analyses/mine.py") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("properties/centre_x.py", PROPERTY, "centre_x.py has the name of an image property of the workbench"),
        ("sources/mine.py", SOURCE.replace("two-squares", "mnist"), "more than one data set 'mnist': .*mnist.py and"),
        ("architectures/vgg16.py", BUILD, "more than one architecture 'vgg16': .*vgg16.py and .*vgg16.py"),
    ],
)
def test_the_names_of_the_workbench_are_taken(plant, name, source, said):
    plant({name: source})
    with pytest.raises(WorkbenchError, match=said):
        _ = sources(), architectures(), image_properties(np.zeros((1, 4, 4, 1), np.uint8))


def test_a_folder_that_is_none_is_said(plant, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path / "none"))
    with pytest.raises(WorkbenchError, match=r"There is no plug-in folder '.*none'"):
        registry.analyses()
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    with pytest.raises(WorkbenchError, match="is no plug-in folder: it has none of the folders analyses, "):
        registry.analyses()
    monkeypatch.setenv("WORKBENCH_PLUGINS", f"{os.pathsep} {os.pathsep}")
    assert plugins.folders() == ()


def test_folders_that_look_like_plug_ins_and_are_none_are_named(plant):
    folder = plant(
        {"analysis/many.py": "", "methods/parted/part.py": "", "methods/_shared/part.py": "", "data/x.py": ""}
    )
    for _ in range(2):
        assert not list(plugins.modules("methods"))
    for_it = "plug-ins are looked for in 'analyses', not in a folder of this name"
    assert plant.said() == [
        f"The plug-in {folder}/analysis is left out: {for_it}.",
        f"The plug-in {folder}/methods/parted is left out: the folder has no __init__.py, so it is no module.",
    ]


def test_the_clone_itself_named_as_a_plug_in_folder_brings_nothing_twice(monkeypatch):
    before = list(registry.analyses())
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(Path(plugins.__file__).parents[2]))
    assert list(registry.analyses()) == before


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("methods/more/part.py", True),
        ("properties/corner.py", True),
        ("limits.py", True),
        ("analyses/_limits.py", True),
        ("analyses/other.py", False),  # an answer has the digest of its own analysis beside this one
    ],
)
def test_an_edit_of_what_an_analysis_may_use_is_another_code(plant, edited, changes):
    plain = provenance.code_digest()
    folder = plant(dict.fromkeys(("properties/corner.py", "methods/more/part.py", edited), "a = 1\n"))
    provenance.forget_code()
    before = provenance.code_digest()
    assert before != plain
    (folder / edited).write_text("a = 2\n")
    assert provenance.code_digest() == before  # what is imported is the old code still
    provenance.forget_code()
    assert (provenance.code_digest() != before) == changes


@pytest.mark.parametrize("form", ["analyses/__init__.py", "analyses.py"])
@pytest.mark.parametrize("first", ["", "import analyses; "])
def test_what_is_called_analyses_in_the_working_folder_is_left_alone(tmp_path, form, first):
    """`python -m` and notebooks have the working folder first on the path."""
    (tmp_path / form).parent.mkdir(exist_ok=True)
    (tmp_path / form).write_text("MINE = True\n" if first else "raise SystemExit('hostile')\n")
    if form.startswith("analyses/"):
        (tmp_path / "analyses/overview.py").write_text("raise SystemExit('hostile')\n")
    code = (
        f"import sys; sys.path.insert(0, ''); {first}import workbench as wb; kinds = wb.analyses(); "
        "print(len(kinds), kinds['overview'].question(), kinds['slices'].name()); "
        "import analyses; print(analyses.MINE)"
    )
    asked = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(plugins.__file__).parents[2])}
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    count, _, said = done.stdout.partition(" ")
    assert int(count) >= 35, done.stderr
    assert "slices" in said
    assert said.endswith("True\n") if first else "hostile" in done.stderr  # the user's own import is the user's own


def test_an_entry_point_brings_a_module_of_an_installed_package(tmp_path):
    about = tmp_path / "brought-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[workbench.properties]\ncorner = brought.corner\n[workbench.analyses]\nnone = brought.none:Many\n"
    )
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought/__init__.py").touch()
    (tmp_path / "brought/corner.py").write_text(PROPERTY)
    code = (
        "import numpy as np; from workbench.data.properties import image_properties; import workbench as wb\n"
        "print('corner' in image_properties(np.zeros((2, 4, 4, 1), np.uint8)), len(wb.analyses()))\n"
        "from workbench.core import plugins; print(len(list(plugins.code())))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{Path(plugins.__file__).parents[2]}{os.pathsep}{tmp_path}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", str(len(registry.analyses())), "2"]
    assert done.stderr.strip() == (
        "The plug-in brought.none is left out: there is no module of this name, as its entry point says."
    )
