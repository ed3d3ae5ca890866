"""369 classes in the browser: a search, groups that open, a way back, and nothing against WCAG 2.2 AA."""

from dataclasses import replace

import numpy as np
import pytest

from tests.browser.test_accessibility import faults, in_both_schemes

CLASSES, GROUPS = 369, 18


@pytest.fixture(scope="module")
def many():
    """Predictions alone: errors stay within shuffled groups of classes, mostly."""
    import workbench as wb
    from workbench.core.predictions import Predictions

    chance = np.random.default_rng(0)
    group = chance.permutation(CLASSES) % GROUPS
    labels = np.arange(CLASSES).repeat(12)
    inside = np.array([chance.choice(np.flatnonzero(group == group[label])) for label in labels])
    anywhere = chance.integers(0, CLASSES, len(labels))
    other = np.where(chance.random(len(labels)) < 0.9, inside, anywhere)
    predicted = np.where(chance.random(len(labels)) < 0.35, other, labels)
    logits = chance.normal(size=(len(labels), CLASSES)).astype(np.float32)
    logits[np.arange(len(labels)), predicted] += 8
    names = tuple(f"{['small', 'large', 'bright', 'dull'][n % 4]} thing {n}" for n in range(CLASSES))
    tree = {f"family {g}": [names[c] for c in np.flatnonzero(group == g)] for g in range(GROUPS)}
    plain = wb.Session(predictions=Predictions(logits, labels), cache=False)
    named = replace(plain.dataset, class_names=names)
    return wb.Session(predictions=plain.predictions, dataset=named, hierarchy=tree, cache=False, name="many")


@pytest.fixture(scope="module")
def site(many):
    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running

    app = create_app(many)
    taken = bind("127.0.0.1", 0)
    with running(app, taken):
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    app.state.desk.close()


def test_a_class_is_searched_groups_open_and_back_leads_out_again(visit, settled):
    page = visit("?section=errors")
    assert "18 groups of 369 classes (given)" in page.locator("#matrix").inner_text()

    page.locator("#matrix button.group").get_by_text("family 3", exact=True).first.click()
    settled(page)
    opened = page.locator("#matrix .path").inner_text()
    assert "family 3" in opened
    members = page.locator("#matrix tbody th[scope=row] button")
    assert members.count() in (20, 21) and members.first.get_attribute("title").startswith("all errors of true")

    members.first.click()
    settled(page)
    assert page.locator("#matrix .path").inner_text() == opened  # it stays open while its errors are looked at
    assert "true=" in page.url and page.locator("#gallery .grid button").count() > 0

    page.go_back()
    settled(page)
    page.go_back()
    settled(page)
    assert "18 groups of 369 classes" in page.locator("#matrix").inner_text()

    page.get_by_label("find a class in the matrix").fill("dull thing 203")
    page.get_by_label("find a class in the matrix").press("Enter")
    settled(page)
    assert "dull thing 203" in page.locator("#matrix button.found").first.inner_text()
    assert (
        "of 369 classes, ordered so that confused ones stand near the diagonal" in page.locator("#matrix").inner_text()
    )
    assert page.locator("#matrix *").count() < 1200  # a part of it, and not 136,161 cells

    before = page.locator("#matrix .more").inner_text()
    small = page.locator("#matrix .mini")
    box = small.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + 3)
    settled(page)
    assert "Rows 5–19, columns 351–365" in page.locator("#matrix .more").inner_text() != before
    page.get_by_label("later rows").click()
    settled(page)
    assert "Rows 15–29, columns 351–365" in page.locator("#matrix .more").inner_text()


@pytest.mark.parametrize(("size", "scheme"), [((1440, 900), "light"), ((390, 844), "dark")])
def test_nothing_is_found_against_wcag_2_2_aa(visit, settled, size, scheme):
    found = {}
    for query in ("?section=errors", "?section=errors&arrange=confusions", "?section=start"):
        page = visit(query, width=size[0], height=size[1], color_scheme=scheme)
        settled(page)
        found[query] = in_both_schemes(page)
        if size[0] == 1440:
            page.set_viewport_size({"width": 1920, "height": 1080})
            found[f"{query} large"] = faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= max(size[0], 1920 if size[0] == 1440 else 0)
    assert {name: faults for name, faults in found.items() if faults} == {}
