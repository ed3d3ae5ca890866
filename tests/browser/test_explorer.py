"""The error explorer, used end to end."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import expect

from tests.tiny import HOSTILE

FIRST = "?section=errors&true=0&predicted=1"


def query(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def content(page):
    """What the panes show, but for the verdicts, which come later."""
    return page.evaluate("""() => ['matrix', 'gallery', 'detail'].map(name => {
        const copy = document.querySelector(`#${name} .html-container > div`).cloneNode(true);
        copy.querySelectorAll('[data-verdict]').forEach(verdict => verdict.remove());
        return copy.innerHTML; })""")


def cell(page, true, predicted):
    return page.locator(f"#matrix td button[data-go*='true={true}&predicted={predicted}&']")


def test_from_a_cell_to_an_image_to_its_maps_and_back(visit, settled):
    page = visit("?section=errors")
    cells = page.locator("#matrix td button")
    expect(cells.first).to_be_visible()
    # A class that is recognised, then another of its images, then another class to explain.
    cell(page, 0, 0).click()
    expect(cell(page, 0, 0)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("location.search.includes('true=0&predicted=0')")
    settled(page)
    thumbs = page.locator("#gallery .grid button")
    assert thumbs.count() > 1
    first = page.locator("#detail h2").first.text_content()
    thumbs.nth(1).click()
    settled(page)
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")
    assert page.locator("#detail h2").first.text_content() != first
    assert query(page)["image"] in thumbs.nth(1).get_attribute("data-go")
    figures = page.locator("#detail figure")
    expect(figures).to_have_count(4)
    before = [figures.nth(k).locator("img").last.get_attribute("src") for k in range(4)]
    page.locator("#detail .pr li button").nth(1).click()
    settled(page)
    assert query(page)["explain"] != "predicted"
    after = [figures.nth(k).locator("img").last.get_attribute("src") for k in range(4)]
    assert before != after
    # The address is the view: a reload shows the same, Back goes one view back each.
    there = content(page)
    page.reload()
    settled(page)
    assert content(page) == there
    page.go_back()
    page.wait_for_function("!location.search.includes('explain')")
    settled(page)
    assert [figures.nth(k).locator("img").last.get_attribute("src") for k in range(4)] == before
    page.go_back()
    settled(page)
    assert page.locator("#detail h2").first.text_content() == first
    page.go_forward()
    settled(page)
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")


def test_predicted_true_and_difference(visit, settled):
    page = visit("?section=errors&true=any&predicted=any")
    sources = {page.locator("#detail figure").nth(1).locator("img").last.get_attribute("src")}
    expect(page.locator("#detail .ex header > .seg button[aria-pressed=true]")).to_have_text("true − predicted")
    for word in ("predicted", "true", "difference"):
        page.locator(f"#detail .ex .seg button[data-go='explain={word}']").click()
        settled(page)
        sources.add(page.locator("#detail figure").nth(1).locator("img").last.get_attribute("src"))
        assert query(page).get("explain", "predicted") == word
    assert len(sources) == 3  # an error shows the difference first
    expect(page.locator("#detail .unit").first).to_contain_text("Δ logit")
    ends = page.locator("#detail .ends").first.locator("b")
    colours = [ends.nth(k).evaluate("end => getComputedStyle(end).color") for k in range(2)]
    chips = [page.locator(f"#detail .pr li.{role} span").first for role in ("p", "t")]
    assert colours == [chip.evaluate("name => getComputedStyle(name).color") for chip in chips]


def test_hostile_class_names_are_text_everywhere(visit, settled):
    for view in ("?section=errors&true=any&predicted=any", "", "?section=most-confused", "?section=own&start=0"):
        page = visit(view)
        assert page.evaluate("[...document.images].every(i => /^(data:|http:..127)/.test(i.src))")
        assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
        assert page.locator("body").text_content().count(HOSTILE[0]) > 0
        page.context.close()


def test_the_last_of_six_rapid_clicks_wins_everywhere(visit, settled):
    page = visit("?section=errors&true=0&predicted=0")
    # Matrix, gallery and chips alternate, faster than any answer can come.
    page.evaluate("""async () => {
        const cell = (t, p) => document.querySelector(`#matrix td button[data-go*='true=${t}&predicted=${p}&']`);
        const thumb = () => document.querySelectorAll('#gallery .grid button')[1];
        for (const button of [cell(1, 1), thumb(), cell(2, 2), cell(3, 3), thumb(), cell(2, 2)]) {
            button.click();
            await new Promise(done => setTimeout(done, 60));
        }}""")
    page.wait_for_function("location.search.includes('true=2&predicted=2')")
    settled(page)
    expect(page.locator("#matrix td button[aria-pressed=true]")).to_have_count(1)
    expect(cell(page, 2, 2)).to_have_attribute("aria-pressed", "true")
    chosen = page.locator("#gallery .grid button[aria-pressed=true]")
    expect(chosen).to_have_count(1)
    assert f"image={query(page)['image']}" in chosen.get_attribute("data-go")
    name = re.search(r"(test/\d+):", chosen.get_attribute("aria-label")).group(1)
    expect(page.locator("#detail h2").first).to_have_text(name)


def test_the_keyboard_reaches_and_moves_through_matrix_and_gallery(visit, settled):
    page = visit("?section=errors&true=0&predicted=0")
    assert page.locator("#matrix table [tabindex='0']").count() == 1
    cell(page, 0, 0).focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("all errors predicted")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('true=0&predicted=any')")
    settled(page)
    page.goto("/?section=errors&true=1&predicted=1")
    settled(page)
    page.locator("#gallery .grid button[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("#gallery .grid button").nth(1)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("document.activeElement.matches('#gallery .grid button[aria-pressed=true]')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_cells_as_shares_the_other_order_native_grid_and_another_layer(visit, settled):
    page = visit("?section=errors&true=1&predicted=1")
    page.get_by_role("button", name="% of row").click()
    settled(page)
    expect(page.locator("#matrix .ramp")).to_contain_text("%")
    page.get_by_role("button", name="least confident").click()
    settled(page)
    assert query(page)["order"] == "unsure"
    page.get_by_role("button", name=re.compile(r"Maps \(\d\)")).click()
    page.get_by_role("button", name="native resolution").click()
    settled(page)
    expect(page.locator("#detail .unit").first).to_contain_text("as it is")
    expect(page.locator("#methods")).to_be_visible()
    page.locator("#methods .entry input").last.check()
    settled(page)
    expect(page.locator("#detail figure")).to_have_count(5)
    layers = page.locator("#detail select[data-set=layer]")
    other = layers.locator("option").first.get_attribute("value")
    page.keyboard.press("Escape")
    layers.select_option(other)
    settled(page)
    expect(page.locator("#detail .unit").first).to_contain_text(other)
    assert query(page)["layer"] == other


def test_the_explorer_fits_a_laptop_and_a_phone(visit):
    wide = visit("?section=errors")
    assert wide.evaluate("document.documentElement.scrollHeight") <= 900
    assert wide.evaluate("document.documentElement.scrollWidth") <= 1440
    for view in ("?section=errors", "", "?section=own&start=1", "?section=per-class"):
        phone = visit(view, 390, 844)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        phone.context.close()


def test_dark_follows_the_system_and_keeps_text_readable(visit):
    page = visit("?section=errors", color_scheme="dark")
    colours = page.evaluate("""() => ['#matrix', '#matrix h2', '#detail .pr span'].map(s => {
        const style = getComputedStyle(document.querySelector(s)); return [style.backgroundColor, style.color]})""")
    assert colours[0][0] == "rgb(22, 26, 33)"
    assert sum(map(int, re.findall(r"\d+", colours[1][1])[:3])) > 600
    light = visit("?section=errors", color_scheme="light")
    assert light.evaluate("getComputedStyle(document.querySelector('#matrix')).backgroundColor") == "rgb(255, 255, 255)"
