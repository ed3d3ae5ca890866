"""What would change its mind: one draws on an image and watches, keeps it as a note, goes back."""

from __future__ import annotations

import re
import sys
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.test_explorer import query
from tests.patience import PATIENCE
from workbench.core.progress import Stop, report
from workbench.session.edited_image import probabilities_of
from workbench.session.smallest_flip import smallest_flip

BARS = """() => { window.turns = []; let down = null;
    const move = event => { if (event.buttons && down === null) down = performance.now(); };
    document.addEventListener('pointermove', move, true);
    new MutationObserver(() => { if (down !== null) turns.push(performance.now() - down); down = null; })
        .observe(document.querySelector('#detail .bars'), { childList: true, subtree: true }); }"""


@pytest.fixture(autouse=True)
def unmarked(session, tmp_path):
    from workbench.workspace.workspace import Workspace

    before, session._workspace = session._workspace, Workspace.open(tmp_path / "said.workspace")
    yield session._workspace
    session._workspace.close()
    session._workspace = before


SHOWN = """() => { const box = document.querySelector('#detail [data-edited]');
    const data = box.getContext('2d').getImageData(0, 0, box.width, box.height).data;
    return [...data].filter((_, at) => at % 4 === 0); }"""


def shown(page):
    """The pixels of the canvas."""
    return np.array(page.evaluate(SHOWN)).reshape(28, 28)


def until(page, pixels):
    """Wait until the canvas shows exactly these pixels."""
    page.wait_for_function(f"wanted => String(({SHOWN})()) === wanted", arg=",".join(map(str, pixels.ravel().tolist())))


def test_draw_and_watch_keep_it_as_a_note_and_go_back(visit, settled, session, unmarked):
    row = int(session.images.where("correct:yes").sort("-confidence").rows[0])
    pixels = np.asarray(session.dataset.images[row])[..., 0]
    page = visit(f"?section=images&image={row}")
    page.get_by_role("button", name="Change it and watch").click()
    settled(page)
    canvas = page.locator("#detail [data-edited]")
    expect(canvas).to_be_visible()
    until(page, pixels)
    page.evaluate(BARS)
    page.get_by_role("button", name="Paint").click()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = lambda x, y: (box["x"] + (x + 0.5) * box["width"] / 28, box["y"] + (y + 0.5) * box["height"] / 28)  # noqa: E731
    page.mouse.move(*at(5, 6))
    page.mouse.down()
    page.mouse.move(*at(20, 6), steps=8)
    # The bars follow while the button is still down.
    page.wait_for_function("window.turns.length > 0")
    expect(page.locator("#detail .said[data-said]")).to_contain_text("1 change: paint")
    page.mouse.up()
    expected = pixels.copy()
    expected[6:8, 5:22] = 255  # a brush of two pixels begins at the pixel under the pointer
    until(page, expected)
    # By keys: a box is hidden, undone, done again.
    page.get_by_role("button", name="Hide").click()
    canvas.focus()
    for key in ("ArrowLeft", "Space", "Shift+ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#detail [data-said]")).to_contain_text("2 changes: paint, hide")
    page.keyboard.press("Control+z")
    expect(page.locator("#detail [data-said]")).to_contain_text("1 change: paint")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#detail [data-said]")).to_contain_text("2 changes")
    hidden = shown(page)[6:12, 19:21]  # from where the pointer was
    assert len(np.unique(hidden)) == 1 and abs(int(hidden[0, 0]) - pixels.mean()) <= 0.5
    page.get_by_label("rotate").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#detail [data-said]")).to_contain_text("3 changes: paint, hide, rotate")
    # Kept: its picture and words lead to it again; Back closes it, and the journal can undo it.
    page.fill("#detail [name=note]", "a bar & a <b>box</b>")
    page.get_by_role("button", name="Keep as a note").click()
    expect(page.locator("#said")).to_contain_text("Kept: a bar & a <b>box</b>.")
    settled(page)
    (kept,) = unmarked.edits_of(str(session.dataset.keys[row]))
    assert [each.op for each in kept.edits] == ["paint", "hide", "rotate"]
    made = session.edited(row, kept.edits)
    until(page, made.pixels)
    page.locator("#detail .editor").get_by_role("button", name="Close").click()
    settled(page)
    expect(canvas).to_have_count(0)
    page.locator("#detail .kept a").click()
    settled(page)
    assert query(page)["edit"] == kept.slot
    expect(page.locator("#detail .kept a[aria-current]")).to_have_text("a bar & a <b>box</b>")
    until(page, made.pixels)
    name = session.class_names[made.predicted]
    assert (
        name.replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")[:8] in page.locator("#detail .verdict").inner_text()
    )
    page.go_back()
    settled(page)
    assert "edit" not in query(page)
    page.locator("#detail .acts").get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text("Undone: edit")
    expect(page.locator("#detail .kept")).to_have_count(0)


def test_what_flips_it_is_a_click_away_also_in_the_errors_and_can_be_explained(visit, settled, session):
    page = visit("?section=errors")
    page.get_by_role("button", name="Change it and watch").click()
    settled(page)
    page.get_by_role("button", name="Smallest change that flips it").click()
    expect(page.locator("#detail [data-told]")).to_contain_text(re.compile(r"flips it"))
    row = int(query(page)["image"])
    found = session.smallest_flip(row)
    expect(page.locator("#detail [data-told]")).to_have_text(found.words.translate({27: "\ufffd", 0x202E: "\ufffd"}))
    if found.edit is not None:
        page.wait_for_function("document.querySelector('#detail .verdict').classList.contains('flipped')")
        page.get_by_role("button", name="Maps of the changed image").click()
        settled(page)
        assert query(page)["section"] == "own"
        expect(page.locator("#detail .maps figure").first).to_be_visible()
    page.go_back()
    settled(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('edit=')")


def test_a_search_says_how_far_it_is_and_is_stopped(visit, settled, monkeypatch):
    asked, ended, until = [], [], time.monotonic() + PATIENCE

    def slow(*given):
        asked.append(probabilities_of(*given)[:1])
        while len(asked) > 3 and time.monotonic() < until:  # it goes on as long as anybody wants it
            report("Trying changes", 3, 1000)
            time.sleep(0.02)
        return np.tile(asked[0], (len(given[1]), 1))  # what was said of the original: nothing flips it

    def noted(*given):
        try:
            return smallest_flip(*given)
        finally:
            ended.append(sys.exc_info()[0])

    monkeypatch.setattr("workbench.session.smallest_flip.probabilities_of", slow)
    monkeypatch.setattr("workbench.app.page.editing.smallest_flip", noted)
    page = visit("?section=images&image=1&edit=1")
    page.get_by_role("button", name="Smallest change that flips it").click()
    told = page.locator("#detail [data-told]")
    expect(told).to_contain_text(re.compile(r"Trying changes: [\d,]+ of [\d,]+"))
    expect(page.get_by_role("progressbar", name="progress of the search")).to_be_visible()
    page.get_by_role("button", name="Stop the search").click()
    expect(told).to_have_text("The search was stopped.")
    expect(page.get_by_role("button", name="Smallest change that flips it")).to_be_visible()
    while not ended and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert ended == [Stop]  # nobody waits for it
