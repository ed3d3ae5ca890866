"""`workbench plugin-check` finds what is wrong with a plug-in, and says so in the line of the check that it breaks."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.core import plugins

METHOD = """
from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer


class Mine(Explainer):
    '''How bright each pixel is, times how fast the score changes with it.'''

    title: ClassVar[str] = "Mine"
    paper: ClassVar[str] = "nowhere 2026"
    use: ClassVar[str] = "Good for tests; not for models."
    signed: ClassVar[bool] = True
    power: int = {field}

    def formula(self, score, images):
        return {formula}
"""
FIELD = "Field(1, ge=1, description='of the brightness')"
FORMULA = "ops.sum(images**self.power * score.gradient(images), axis=-1)"
MEASURE = """
from typing import ClassVar

import numpy as np

from workbench.faithfulness.measure import Measure


class Mine(Measure):
    '''How large the map is.

    Source: nobody, arXiv:0000.00000.
    '''

    title: ClassVar[str] = "Size"
    paper: ClassVar[str] = "arXiv:0000.00000"
    unit: ClassVar[str] = "score"
    use: ClassVar[str] = "Tells how large it is; not how good."

    def formula(self, subject):
        return {formula}
"""
ANALYSIS = """
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from workbench.core.finding import Finding
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.session.analysis import Analysis


class Options(Params):
    {field}: int = Field(2, ge=1, description="how many rows at most")


class Mine(Analysis[Options]):
    '''Which images come first?'''

    Params = Options

    def compute(self, session, params):
        rows = tuple(range(min(2, len(session.dataset))))
        {more}
        table = pd.DataFrame({{"row": rows}})
        return Result(tables={{"rows": table}}, findings=(Finding("{claim}", evidence=rows),))

    def draw(self, result):
        figure = Figure()
        figure.subplots().plot(result.tables["rows"]["row"])
        {drawing}
        return figure
"""
PROPERTY = """
from workbench.data.image_property import ImageProperty


class Mine(ImageProperty):
    '''How bright it is.'''

    words, unit = "light", "of 1"

    def measure(self, pixels):
        return {formula}
"""
SOURCE = """
import numpy as np

from workbench.core.dataset import Dataset

NAME = "mine"
chance = np.random.default_rng(0)


def load(split, data_dir, progress):
    images = {images}
    return Dataset(images, np.arange(4) % 2, class_names=("a", "b"), indices=np.arange(4), name={name})
"""


def method(field=FIELD, formula=FORMULA):
    return "from pydantic import Field\n" + METHOD.format(field=field, formula=formula)


def analysis(field="count", more="pass", claim="They come first.", drawing="pass"):
    return ANALYSIS.format(field=field, more=more, claim=claim, drawing=drawing)


def source(images="np.zeros((4, 3, 3, 1), np.uint8)", name='f"{NAME}/{split}"'):
    return SOURCE.format(images=images, name=name)


@pytest.fixture
def check(tmp_path):
    """Return what writes files, checks their folder, and returns what was broken, by claim."""

    def run(files, code):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        done = CliRunner().invoke(main, ["plugin-check", str(tmp_path), "--json"])
        assert done.exit_code == code and done.stdout, done.output
        return {each["claim"]: each["broken"] for each in json.loads(done.stdout) if each["broken"]}

    yield run
    plugins._left_out.clear()
    for name in [name for name in sys.modules if name.startswith("workbench_plugins_")]:
        del sys.modules[name]


def test_what_is_right_passes(check):
    files = {
        "methods/mine.py": method(),
        "measures/mine.py": MEASURE.format(formula="np.abs(subject.maps).mean(axis=(1, 2))"),
        "analyses/mine.py": analysis(),
        "properties/mine.py": PROPERTY.format(formula="pixels.mean(axis=(1, 2, 3))"),
        "sources/mine.py": source(),
    }
    assert check(files, 0) == {}


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        (
            "methods/mine.py",
            method(formula="ops.sum(images**self.power * score.gradient(images), axis=-1) * ops.mean(images)"),
            {"one image is many images": "values differ by", "order does not matter": "values differ by"},
        ),
        (
            "methods/mine.py",
            method(formula="ops.sum(images * score.gradient(images), axis=-1)"),
            {"every parameter changes the map": "`power` = 3 gives the same map as its default."},
        ),
        (
            "methods/mine.py",
            method(field="1"),
            {"it says what it is, what it is good for": "Parameters need a description: power."},
        ),
        (
            "methods/mine.py",
            method(formula="ops.mean(images**self.power, axis=-1)"),
            {"class 0 is a class": "does not depend on the class, and `of_class` says otherwise"},
        ),
        (
            "methods/mine.py",
            method(formula="ops.mean(images**self.power * score.gradient(images), axis=(1, 2, 3))"),
            {"what it returns says how": "Its maps have () places."},
        ),
        (
            "measures/mine.py",
            MEASURE.format(formula="np.abs(subject.maps).mean(axis=(1, 2)) / np.abs(subject.maps).max()"),
            {"one image is many images": "One image alone: the numbers are"},
        ),
        (
            "measures/mine.py",
            MEASURE.format(formula="np.ones(len(subject.maps))"),
            {"it gives one number an image": "every map the same number, 1."},
        ),
        (
            "analyses/mine.py",
            analysis().replace("    Params = ", '    title = "my_own"\n    Params = '),
            {"it is listed in a group, under a title": "Its title must be a few words"},
        ),
        ("analyses/mine.py", analysis(claim="no sentence"), {"with its defaults it answers": "is a sentence"}),
        (
            "analyses/mine.py",
            analysis(claim="Image 1 comes first."),
            {"images are called by their names": "'Image 1 comes first.'"},
        ),
        (
            "analyses/mine.py",
            analysis(drawing="figure.suptitle('Row 12, $5')"),
            {"images are called by their names": "The figure calls an image by its number"},
        ),
        (
            "analyses/mine.py",
            analysis().replace('{"row": rows}', '{"image": rows}').replace('["rows"]["row"]', '["rows"]["image"]'),
            {"images are called by their names": "is called one of row, other_row, train_row"},
        ),
        ("analyses/mine.py", analysis(field="split"), {"its parameters can be options": "has an option of this name"}),
        (
            "analyses/mine.py",
            analysis(more="rows = (int(session.dataset.labels.argmax()), 99)"),
            {"with its defaults it answers": "evidence must be rows, int in 0…23"},
        ),
        (
            "analyses/mine.py",
            analysis(more="rows = (len(session.dataset) - 2, 1 // (len(session.dataset) - 1))"),
            {"one image, all right": "ZeroDivisionError"},
        ),
        (
            "analyses/mine.py",
            analysis(drawing="figure.suptitle('$x^2$')"),
            {"no name is drawn as mathematics": r"['$x^2$'] is drawn as mathematics"},
        ),
        (
            "analyses/mine.py",
            analysis(more="session.probe.model.set_weights([w + 1 for w in session.probe.model.get_weights()])"),
            {"model and data are left unchanged": "has changed the model", "it needs no model": ""},
        ),
        (
            "properties/mine.py",
            PROPERTY.format(formula="pixels.mean(axis=(1, 2, 3)) - pixels.mean()"),
            {"one image is many images": "An image alone gives another number"},
        ),
        (
            "properties/mine.py",
            PROPERTY.format(formula="pixels.mean(axis=(1, 2, 3)) / pixels.std(axis=(1, 2, 3))"),
            {"it gives one finite number an image": "grey and white images it gives", "one image is many": ""},
        ),
        ("sources/mine.py", source(name='"mine"'), {"a train part and a test part": "must be named 'mine/train'"}),
        (
            "sources/mine.py",
            source(images="chance.integers(0, 9, (4, 3, 3, 1), np.uint8)"),
            {"read again it is the same": "its images are others"},
        ),
        ("methods/grad_cam.py", method(), {"it can be loaded": "more than one attribution method 'grad-cam': "}),
        ("methods/mine.py", "import no_such_module", {"it can be loaded": "ModuleNotFoundError: No module named"}),
        ("faults/mine.py", "x = 1", {"it can be loaded": "must define exactly one Fault. It defines 0."}),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_wrong_is_named_by_the_check_that_it_breaks(check, name, text, broken):
    found = check({name: text}, 1)
    for claim, words in broken.items():
        (said,) = [why for each, why in found.items() if claim in each]
        assert words in said
    assert "\n" not in "".join(found.values())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "is no plug-in folder: it has none of the folders analyses, "),
        ({"methods/_part.py": ""}, "brings nothing: no .py file in any of analyses, "),
        ({"methods/readme.txt": ""}, "brings nothing: no .py file in any of analyses, "),
    ],
)
def test_a_folder_that_brings_nothing_is_an_error(tmp_path, files, said):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = CliRunner().invoke(main, ["plugin-check", str(tmp_path)])
    assert done.exit_code == 2
    assert said in done.stderr


def test_it_prints_a_line_for_each_check_and_how_many_hold(tmp_path):
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties/mine.py").write_text(PROPERTY.format(formula="pixels.mean(axis=(1, 2, 3)) * 0"))
    done = CliRunner().invoke(main, ["plugin-check", str(tmp_path)])
    *lines, last = done.stdout.strip().splitlines()
    assert [line[:4].strip() for line in lines] == ["ok", "ok", "ok", "ok", "FAIL"]
    assert lines[-1].endswith("it tells images apart: Noise, black, grey and white images all have the same number.")
    assert (last, done.exit_code) == ("4 of 5 checks hold.", 1)
