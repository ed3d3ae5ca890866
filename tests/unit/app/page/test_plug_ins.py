"""An analysis that a plug-in brings is a section of the page, with its options."""

from __future__ import annotations

import sys

import pytest

from workbench.app.page.page import Panes

ANALYSIS = """
import pandas as pd
from pydantic import Field

from workbench.core.finding import Finding
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.session.analysis import Analysis


class Options(Params):
    least: int = Field(2, ge=1, le=9, description="how many at least")


class OfMine(Analysis[Options]):
    '''How many images have I?'''

    Params = Options

    def compute(self, session, params):
        count = len(session.dataset)
        said = f"There are {count} images, at least {params.least}."
        return Result(tables={"images": pd.DataFrame({"images": [count]})}, findings=(Finding(said),))

    def draw(self, result):
        from matplotlib.figure import Figure

        return Figure()
"""


@pytest.fixture
def panes(desk, tmp_path, monkeypatch, answers_are_waited_for):
    (tmp_path / "plug-ins/analyses").mkdir(parents=True)
    (tmp_path / "plug-ins/analyses/of_mine.py").write_text(ANALYSIS)
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path / "plug-ins"))
    yield Panes(desk)
    for name in [name for name in sys.modules if name.startswith("workbench_plugins_")]:
        del sys.modules[name]


def test_it_is_listed_asked_and_answered(panes, parse):
    shown, _ = panes.look({"view": {"section": "errors"}})
    assert any(a["href"] == "?section=of-mine" for html in shown.values() if html for a in parse(html).all("a"))
    shown, reply = panes.look({"view": {"section": "of-mine", "least": "4"}})
    page = parse(shown["main"])
    assert "How many images have I?" in page.text
    assert [(a["value"], a["min"], a["max"]) for a in page.all("input", name="least")] == [("4", "1", "9")]
    assert "There are 8 images, at least 4." in parse(panes.answer(reply["view"])).text
