"""What stands beside a map and under the pointer, against what Python says."""

from __future__ import annotations

import re
import threading
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect

from tests.patience import PATIENCE
from workbench.app.page import judges
from workbench.attribution.methods import explainer
from workbench.session import judging

ERRORS = "?section=errors&true=any&predicted=any"


def badge(page, place=0):
    return page.locator("#detail .badge").nth(place)


def shown(verdict):
    """What stands in the badge before what is known of the weights."""
    right = "" if verdict.untold else f"{100 * verdict.reliability.value:.0f} %"
    return f"{verdict.words}{right}weights"


def explained(page, session, method, **more):
    """The attribution of the error on screen, true − predicted."""
    row = int(parse_qs(urlparse(page.url).query)["image"][0])
    return session.attribute(method, [row], contrast=("label", "predicted"), **more)


def test_the_verdict_comes_after_the_map_and_the_weights_after_the_verdict(
    visit, settled, session, monkeypatch, request
):
    begun, release, real = threading.Event(), threading.Event(), judging.randomisation_of
    request.addfinalizer(release.set)

    def held(session, method):
        begun.set()
        release.wait(PATIENCE)
        return real(session, method)

    monkeypatch.setattr(judges, "randomisation_of", held)
    page = visit(f"{ERRORS}&methods=square-grad,random&options=square-grad.samples:6,random.seed:5")
    expect(badge(page)).to_contain_text(re.compile("weights: (not tested yet|being tested)"))
    expect(badge(page, 1)).to_contain_text("weights: not tested yet")  # one test at a time
    assert begun.wait(PATIENCE)
    for place, (method, params) in enumerate({"square-grad": {"samples": 6}, "random": {"seed": 5}}.items()):
        made = explained(page, session, method, **params)
        row = int(parse_qs(urlparse(page.url).query)["image"][0])
        verdict = judging.add_verdicts(
            session, explainer(method)(**params), made, session.dataset.images[[row]], test=False
        ).verdicts[0]
        expect(badge(page, place)).to_contain_text(shown(verdict))
    badge(page).click()
    told = page.locator("#verdict-square-grad")
    expect(told).to_be_visible()
    expect(told).to_contain_text("rests on where the map lies alone")
    page.locator("#gallery .grid button").nth(1).click()  # nobody waits for the test
    settled(page)
    page.go_back()
    settled(page)
    release.set()
    expect(badge(page)).to_contain_text(re.compile("weights (matter|ignored)"))
    expect(badge(page, 1)).to_contain_text(re.compile("weights (matter|ignored)"))
    verdict = explained(page, session, "square-grad", samples=6, verdict=True).verdicts[0]
    expect(badge(page)).to_contain_text(f"({verdict.randomised:.2f})".replace("-", "−").replace("−0.00", "0.00"))
    expect(badge(page).locator("b")).to_contain_text(verdict.words)
    badge(page).click()
    expect(told).to_contain_text(f"beats {verdict.percentile:.0f} % of 50")
    expect(told.locator("a").first).to_have_attribute("href", "https://arxiv.org/abs/1311.2901")


def told(page):
    """Value, row, column, and cell, as the page says them."""
    text = page.locator("#value").inner_text().replace("−", "-")
    found = re.search(
        r"^(\S+) .*row (\d+), column (\d+) of 28×28(?:.*cell (\d+), (\d+) of (\d+)×(\d+))?", text, re.DOTALL
    )
    return float(found[1]), [int(each) for each in found.groups()[1:] if each is not None]


def test_the_raw_value_is_under_the_pointer_and_under_the_keyboard(visit, session):
    page = visit(f"{ERRORS}&methods=integrated-gradients,grad-cam")
    pixels, layer = (page.locator("#detail .st").nth(place) for place in range(2))
    step = pixels.bounding_box()["width"] / 28
    values = explained(page, session, "integrated-gradients").values[0]
    for row, column in ((0, 0), (13, 5), (27, 27)):
        pixels.hover(position={"x": (column + 0.5) * step, "y": (row + 0.5) * step})
        expect(page.locator("#value")).to_contain_text(f"row {row}, column {column} of 28×28")
        assert told(page)[0] == pytest.approx(values[row, column], rel=1e-4, abs=1e-30)
    expect(page.locator("#value")).to_contain_text("logit difference")
    coarse = explained(page, session, "grad-cam").values[0]
    layer.hover(position={"x": 20.5 * step, "y": 2.5 * step})
    cell = [2 * coarse.shape[0] // 28, 20 * coarse.shape[1] // 28]
    expect(page.locator("#value")).to_contain_text("row 2, column 20 of 28×28")
    assert told(page)[1] == [2, 20, *cell, *coarse.shape]
    assert told(page)[0] == pytest.approx(coarse[tuple(cell)], rel=1e-4, abs=1e-30)
    page.mouse.move(5, 5)
    expect(page.locator("#value")).to_be_hidden()
    # The keyboard goes from value to value of the map's own grid.
    page.locator("#detail .badge").nth(1).focus()
    page.keyboard.press("Tab")
    expect(page.locator("#value")).to_be_visible()
    at = told(page)[1][2:4]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    here = [max(0, place - 1) for place in at]
    expect(page.locator("#value")).to_contain_text(f"cell {here[0]}, {here[1]} of")
    assert told(page)[0] == pytest.approx(coarse[tuple(here)], rel=1e-4, abs=1e-30)
    page.keyboard.press("Escape")
    expect(page.locator("#value")).to_be_hidden()


def test_methods_are_grouped_and_their_parameters_are_part_of_the_address(visit, settled):
    page = visit(f"{ERRORS}&methods=integrated-gradients")
    page.get_by_role("button", name=re.compile(r"Maps \(1\)")).click()
    heads = page.locator("#methods h3").all_text_contents()
    assert [head.split()[0] for head in heads] == ["Class", "Gradients", "Perturbations", "Attention", "Control"]
    expect(page.locator("#methods input[type=checkbox]:checked")).to_have_count(1)
    papers = page.locator("#methods a[target=_blank]")
    assert papers.count() > 15
    assert papers.first.get_attribute("rel") == "noopener noreferrer"
    page.keyboard.press("Escape")
    before = page.locator("#detail .st img").last.get_attribute("src")
    page.get_by_role("button", name="Integrated gradients").click()
    about = page.locator("#about-integrated-gradients")
    expect(about).to_contain_text("Good for")
    about.locator("[name=steps]").fill("7")
    about.locator("[name=reference]").select_option("white")
    about.get_by_role("button", name="Apply").click()
    page.wait_for_function("location.search.includes('options=')")
    settled(page)
    expect(page.locator("#detail .unit").first).to_contain_text("steps 7 · reference white")
    assert page.locator("#detail .st img").last.get_attribute("src") != before
    page.reload()
    settled(page)
    expect(page.locator("#about-integrated-gradients [name=steps]")).to_have_value("7")
    page.get_by_role("button", name="Integrated gradients").click()
    page.locator("#about-integrated-gradients").get_by_role("button", name="Defaults").click()
    page.wait_for_function("!location.search.includes('options=')")
    settled(page)
    assert page.locator("#detail .st img").last.get_attribute("src") == before


def test_a_phone_shows_maps_with_verdicts_and_values_without_scrolling_sideways(visit):
    page = visit(ERRORS, 390, 844, has_touch=True)
    first = page.locator("#detail .st").first
    first.scroll_into_view_if_needed()
    expect(badge(page)).to_contain_text("weights")
    first.tap()
    expect(page.locator("#value")).to_contain_text("of 28×28")
    box = page.locator("#value").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    badge(page).tap()
    expect(page.locator("#verdict-grad-cam")).to_be_visible()
    box = page.locator("#verdict-grad-cam").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
