from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from workbench.core.finding import Finding
from workbench.core.result import Result

HOSTILE = '<img src=x onerror="alert(1)">'


def test_a_result_made_by_hand_says_how_it_is_drawn():
    with pytest.raises(TypeError, match=r"workbench\.diagnosis\.registry\.draw"):
        Result().draw()


def test_its_drawer_gets_the_result():
    figure = Figure()
    drawn = []
    result = Result(analysis="x", drawer=lambda given: (drawn.append(given), figure)[1])
    assert result.draw() is figure
    assert drawn == [result]


def test_in_a_notebook_it_shows_findings_figure_and_first_table_and_names_are_only_text():
    tables = {"pairs": pd.DataFrame({"true": [HOSTILE], "rate": [0.123456]}), "second": pd.DataFrame({"hidden": [1]})}
    findings = (Finding(f"{HOSTILE} leads."), Finding("Second."))
    shown = Result(tables=tables, findings=findings, analysis=HOSTILE, drawer=lambda _: Figure())._repr_html_()
    assert "<img src=x" not in shown
    assert shown.count("&lt;img src=x") == 3
    assert (
        shown.index("leads.") < shown.index("Second.") < shown.index("data:image/png;base64,") < shown.index("0.1235")
    )
    assert "hidden" not in shown
    assert Result()._repr_html_() == "<ul></ul>"
