"""WCAG 2.2 AA of every kind of view, measured by axe-core in light and dark, on a laptop and on a phone."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.base import AXE_SCRIPT

LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
VIEWS = {
    "overview": "?section=start",
    "errors": "?section=errors",
    "detail": "?section=errors&true=0&predicted=0&image=0",
    "images": "?section=images",
    "chosen-images": "?section=images&where=confidence%3E0.2&image=3",
    "changed-image": "?section=images&image=3&edit=1",
    "training-images": "?section=images&part=train",
    "retrain": "?section=retrain",
    "own": "?section=own&start=3",
    "figure": "?section=most-confused",
    "found-rows": "?section=top-losses&_find0=e&_sort0=-loss",
    "map-of-images": "?section=embedding-map",
}


def faults(page):
    """What axe-core finds, a line for each: the rule, the element, and what to mend."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(LEVELS)}, resultTypes: ['violations']}})")
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


GO = """address => {
    const link = document.querySelector('#bar a').parentElement.appendChild(document.createElement('a'));
    link.href = address; link.click(); link.remove(); }"""


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_nothing_is_found_against_wcag_2_2_aa(visit, settled, width, height, scheme):
    """All views on one page, as a user goes from one to the next: opening a page anew takes longer than measuring."""
    page = visit(width=width, height=height, color_scheme=scheme)
    found = {}
    for name, query in VIEWS.items():
        page.evaluate(GO, query)
        settled(page)
        assert query.partition("&")[0].lstrip("?") in page.url  # it is there, and not at the default
        if name == "overview":
            page.locator("#answer .finding summary").first.click()
        found[name] = faults(page)
    page.keyboard.press("Control+k")
    page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
    found["palette"] = faults(page)
    assert not any(found.values()), "\n".join(f"{name}: {fault}" for name in found for fault in found[name])


def test_what_is_wrong_would_be_found(visit):
    page = visit()
    page.evaluate("""document.querySelector('#main').insertAdjacentHTML('afterbegin',
        '<p style="color: #888; background: #999">pale</p><button></button><img>')""")
    said = " ".join(faults(page))
    assert "color-contrast" in said and "button-name" in said and "image-alt" in said
