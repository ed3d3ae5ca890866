"""The report in Chromium: without a network, by WCAG 2.2 AA, its places and its print."""

from __future__ import annotations

import json
import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT

pytestmark = pytest.mark.browser
LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
LOADED = "[...document.images].every(each => each.complete && each.naturalWidth > 0)"


@pytest.fixture
def opened(browser, made, tmp_path, complaints_of):
    """Open the file with the network off; at the end nothing was asked for, and nothing complained."""
    file = tmp_path / "report.html"
    file.write_text(made.html, encoding="utf-8")
    contexts, asked, heard = [], [], []

    def open_it(width=1440, height=900, **settings):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        heard.append(complaints_of(page, console=True))
        page.goto(file.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}
    assert [said for each in heard for said in each] == []


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_it_loads_with_the_network_off_and_axe_finds_nothing(opened, width, height, scheme):
    page = opened(width, height, color_scheme=scheme)
    assert page.evaluate(LOADED)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for folded in page.locator("details > summary").all():
        folded.click()
    context = page.context.browser.new_context(bypass_csp=True, offline=True, color_scheme=scheme)
    beside = context.new_page()  # the page lets no script run: axe-core is let in
    beside.set_viewport_size({"width": width, "height": height})
    beside.set_content(page.content())
    beside.evaluate(AXE_SCRIPT)
    found = beside.evaluate(f"axe.run({{runOnly: {json.dumps(LEVELS)}, resultTypes: ['violations']}})")
    context.close()
    assert [f"{rule['id']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]] == []


def test_a_place_opens_the_line_that_says_what_it_is(opened, made):
    chart = next(each for each in made.report.charts if each.places)
    page = opened()
    line = page.locator(f"#{chart.name}-1")
    assert not line.is_visible()
    page.locator(f'a[href="#{chart.name}-1"]').click(force=True)
    line.wait_for(state="visible")
    assert chart.places[0].title[:20] in line.text_content().replace("\u00a0", " ")


def test_it_prints_to_a4(opened):
    page = opened()
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}
    assert len(sizes) >= 2
