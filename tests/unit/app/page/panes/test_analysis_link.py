import numpy as np
import pytest

import workbench as wb
from workbench.app.page.desk import Desk
from workbench.app.page.panes import bar, detail, section
from workbench.app.page.subjects import of_dataset
from workbench.app.page.view import SECTIONS, View
from workbench.diagnosis import registry


@pytest.fixture
def scores_alone():
    labels = np.arange(12) % 3
    return Desk(wb.Session(predictions=wb.Predictions(4.0 * np.eye(3)[labels], labels), cache=False))


def test_what_predictions_alone_cannot_answer_is_marked_and_says_why(scores_alone, parse):
    for html in (bar.bar_html(scores_alone, View()), section.section_html(scores_alone, View(section="calibration"))):
        off = {each["href"].partition("section=")[2]: each["title"] for each in parse(html).all("a", class_="off")}
        assert set(off) == {name for name in registry.analyses() if registry.missing(scores_alone.session, name)}
        assert {"attribution-gallery", "filters"} <= set(off) and "calibration" not in off
        assert all(title.startswith("Not available. ") for title in off.values())


def test_an_image_links_to_nothing_that_cannot_be_answered(scores_alone, desk, parse):
    here = parse(
        str(detail.image_html(scores_alone, of_dataset(scores_alone, 1))) + str(detail.also_html(scores_alone, 1))
    )
    asked = [a["href"][9:].partition("&")[0] for a in here.all("a")]
    assert [name for name in asked if name in SECTIONS] == ["images"]
    assert not [name for name in asked if name not in SECTIONS and registry.missing(scores_alone.session, name)]
    assert "Change it and watch" not in here.text and "attribution-gallery" not in here.text
    assert "Change it and watch" in parse(detail.image_html(desk, of_dataset(desk, 1))).text
