"""WCAG 2.2 AA of every kind of view, measured by axe-core in light and dark: laptop, large screen and phone."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.base import AXE_SCRIPT

LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
COLOURS = ("color-contrast", "link-in-text-block")
"""What may change with the scheme: the rest of a view is the same in both."""
ROOM = (*COLOURS, "target-size", "scrollable-region-focusable")
"""What may change with the size besides."""
SIZES = ((1440, 900), (1920, 1080), (390, 844))
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


def faults(page, only=LEVELS):
    """What axe-core finds, a line for each: the rule, the element, and what to mend."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(only)}, resultTypes: ['violations']}})")
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


GO = """address => {
    const link = document.querySelector('#bar a').parentElement.appendChild(document.createElement('a'));
    link.href = address; link.click(); link.remove(); }"""


def in_both_schemes(page):
    """What is found in the scheme that the page has, and against the colours of the other one."""
    found = faults(page)
    exchange(page)
    found += faults(page, COLOURS)
    exchange(page)
    return found


def exchange(page):
    """Light for dark or dark for light, to the end of the last transition."""
    page.evaluate("document.body.classList.toggle('dark')")
    page.wait_for_function("document.getAnimations().every(each => !(each instanceof CSSTransition))")


@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "light"), (SIZES[2], "dark")])
def test_nothing_is_found_against_wcag_2_2_aa(visit, settled, size, scheme):
    """All views on one page, as a user goes from one to the next: opening a page anew takes longer than measuring."""
    page = visit(width=size[0], height=size[1], color_scheme=scheme)
    found = {}

    def look(name):
        found[name] = in_both_schemes(page)
        if size == SIZES[0]:  # the large screen has the same view with more room
            page.set_viewport_size({"width": SIZES[1][0], "height": SIZES[1][1]})
            found[f"{name}, large"] = faults(page, ROOM)
            page.set_viewport_size({"width": size[0], "height": size[1]})

    for name, query in VIEWS.items():
        page.evaluate(GO, query)
        settled(page)
        assert query.partition("&")[0].lstrip("?") in page.url  # it is there, and not at the default
        if name == "overview":
            page.locator("#answer .finding summary").first.click()
        if name == "images":
            page.locator("#main .tile a").first.focus()
            page.keyboard.press("x")
        look(name)
        if name == "images":
            page.keyboard.press("?")
            page.get_by_role("dialog").wait_for()
            look("keys")
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
    page.get_by_role("button", name="Analyses").click()
    look("menu")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
    look("palette")
    assert not any(found.values()), "\n".join(f"{name}: {fault}" for name in found for fault in found[name])


def test_what_is_wrong_would_be_found(visit):
    page = visit()
    page.evaluate("""document.querySelector('#main').insertAdjacentHTML('afterbegin',
        '<p style="color: #888; background: #999">pale</p><button></button><img>')""")
    said = " ".join(faults(page))
    assert "color-contrast" in said and "button-name" in said and "image-alt" in said
