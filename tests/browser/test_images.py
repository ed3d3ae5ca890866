"""Images on the page: found, selected, tagged, exported, undone; by mouse and keyboard, on two pages at once."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_explorer import query
from workbench.app.page.images.query_text import term_of


@pytest.fixture(autouse=True)
def unmarked(session, tmp_path):
    """Give each test a workspace of its own."""
    from workbench.workspace.workspace import Workspace

    before = session._workspace
    session._workspace = Workspace.open(tmp_path / "said.workspace")
    if session.training is not None:
        session.training._workspace = session._workspace
    session.known._said = -1
    yield session._workspace
    session._workspace.close()
    session._workspace = before


def tiles(page):
    return page.locator("#main .tile:not([hidden]):not(.coming)")


def found(page):
    return page.locator("#main .status .found")


def ask(page, settled, where):
    page.keyboard.press("/")
    page.keyboard.type(where)
    page.keyboard.press("Enter")
    page.wait_for_function("where => new URLSearchParams(location.search).get('where') === where", arg=where)
    settled(page)


def test_errors_with_a_likely_wrong_label_are_found_tagged_and_leave_as_a_table_of_names(visit, settled, session):
    surest = session.images.where("correct:no").sort("-confidence")
    name = session.class_names[int(session.dataset.labels[surest[0]])]
    page = visit("?section=images")
    expect(tiles(page).first).to_be_visible()
    # Of a class whose errors are sure; the label of the analysis is offered, computed, and narrowed by.
    where = f"{term_of('label', name)} correct:no confidence>0.1"
    ask(page, settled, where)
    expected = session.images.where(where)
    expect(found(page)).to_contain_text(f"{len(expected)} image")
    ask_again = f"{where} label_issue>=0"
    page.fill("#images-where", ask_again)
    page.keyboard.press("Enter")
    settled(page)
    if page.get_by_role("button", name="Compute it now").count():
        page.get_by_role("button", name="Compute it now").click()
        settled(page)
    expected = session.images.where(ask_again)
    expect(found(page)).to_contain_text(f"{len(expected)} image")
    assert len(expected) > 0
    # Select all of them by the keyboard, tag them, take the table.
    page.locator("#main .tile a").first.focus()
    page.keyboard.press("Control+a")
    expect(found(page)).to_contain_text(f"{len(expected)} selected")
    page.keyboard.press("t")
    page.keyboard.type("check")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Tagged 'check'")
    settled(page)
    expect(page.locator("#main .tile .marks i")).to_have_count(len(expected))
    assert session.workspace.tags() == {"check": len(set(expected.keys.tolist()))}
    assert session.workspace.log()[0].source == ask_again
    page.keyboard.press("e")
    with page.expect_download() as download:
        page.locator("#images-export").get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "images.csv"
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [line["name"] for line in table] == expected.names.tolist()
    assert {line["tag"] for line in table} == {"check"}


def test_the_keyboard_selects_tags_corrects_and_undoes(visit, settled, session):
    page = visit("?section=images&sort=-confidence")
    order = session.images.sort("-confidence")
    tiles(page).first.locator("a").focus()
    for key in ("j", "x", "j", "j", "x", "k"):
        page.keyboard.press(key)
    expect(found(page)).to_contain_text("2 selected")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("d")
    expect(page.locator("#said")).to_contain_text("To be dropped: 3 images.")
    settled(page)
    dropped = session.workspace.corrections()
    assert sorted(dropped["name"]) == sorted(order[1:4].names.tolist())
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("Undone: drop, 3 images.")
    assert len(session.workspace.corrections()) == 0
    settled(page)
    page.keyboard.press("Escape")
    expect(page.locator("#main .status .acts")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#images-help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#images-help")).to_be_hidden()


def test_an_image_opens_within_its_set_and_back_shows_the_same_place(visit, settled, session):
    page = visit("?section=images&sort=name")
    order = session.images.sort("name")
    page.evaluate("document.querySelector('#main .rolls').scrollTop = 500")
    page.wait_for_function("document.querySelectorAll('#main .tile.coming:not([hidden])').length === 0")
    place = 50  # in the middle of what is seen; which of the recycled tiles shows it may change
    name = str(order.names[place])
    tile = page.locator(f'#main .tile a[data-name="{name}"]')
    tile.hover()
    top = page.evaluate("document.querySelector('#main .rolls').scrollTop")
    assert top > 400
    tile.click()
    settled(page)
    expect(page.locator("#detail h2").first).to_have_text(name)
    assert query(page)["image"] == str(order[place])
    page.keyboard.press("j")
    page.wait_for_function("image => location.search.includes(`image=${image}`)", arg=order[place + 1])
    settled(page)
    expect(page.locator("#detail .walk")).to_contain_text(f"{place + 2} of {len(order)}")
    page.keyboard.press("n")
    page.keyboard.type("looks <b>odd</b>")
    page.locator("#images-note").get_by_role("button", name="Note").click()
    expect(page.locator("#detail .note")).to_have_text("looks <b>odd</b>")
    settled(page)
    page.go_back()
    page.wait_for_function("!location.search.includes('image=')")
    settled(page)
    assert page.evaluate("document.querySelector('#main .rolls').scrollTop") == top
    page.go_forward()
    settled(page)
    expect(page.locator("#detail .note")).to_be_visible()


def test_evidence_opens_its_set_and_back_is_where_one_was(visit, settled):
    page = visit("?section=per-class", 700, 500)
    page.evaluate("scrollTo(0, 300)")
    link = page.locator("#answer .evidence a").first
    link.evaluate("link => link.click()")
    page.wait_for_function("location.search.includes('set=finding')")
    settled(page)
    assert query(page)["set"].startswith("finding/per-class/")
    expect(page.locator("#detail .walk")).to_contain_text(re.compile(r"1 of \d+"))
    assert page.evaluate("scrollY") == 0
    page.go_back()
    settled(page)
    page.wait_for_function("scrollY === 300")


def test_a_frame_and_shift_select_what_they_meet(visit):
    page = visit("?section=images")
    expect(tiles(page).nth(8)).to_be_visible()
    columns = page.evaluate("workbench.images.columns()")
    first, other = (tiles(page).nth(place).bounding_box() for place in (0, columns + 1))
    page.mouse.move(first["x"] - 4, first["y"] - 4)
    page.mouse.down()
    page.mouse.move(other["x"] + 20, other["y"] + 20, steps=4)
    page.mouse.up()
    expect(found(page)).to_contain_text("4 selected")
    tiles(page).nth(2).locator("a").click(modifiers=["Control"])
    expect(found(page)).to_contain_text("5 selected")
    tiles(page).nth(4).locator("a").click(modifiers=["Shift"])
    expect(found(page)).to_contain_text("7 selected")


def test_the_maps_of_selected_images_are_compared_side_by_side(visit, settled, session):
    page = visit("?section=images&sort=-confidence")
    order = session.images.sort("-confidence")
    tiles(page).first.locator("a").focus()
    for key in ("x", "j", "j", "x"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Compare maps").click()
    page.wait_for_function("location.search.includes('attribution-gallery')")
    settled(page)
    assert query(page)["rows"] == f"{order[0]},{order[2]}"
    names = [str(name) for name in order.names[[0, 2]]]
    expect(page.locator("#answer .chart img")).to_be_visible()
    spots = page.locator("#answer .spots a[href*='image=']")
    expect(spots.first).to_be_attached()
    shown = spots.evaluate_all("all => all.map(each => each.ariaLabel)")
    assert [name for name in names if any(name in each for each in shown)] == names
    page.go_back()
    settled(page)
    expect(tiles(page).first).to_be_visible()


def test_a_bar_and_a_drag_on_a_histogram_narrow_the_query(visit, settled, session):
    page = visit("?section=images")
    page.get_by_role("group", name="correct").get_by_role("button", name="yes").click()
    settled(page)
    assert query(page)["where"] == "correct:yes"
    bars = page.locator(".hist[data-field=confidence] .bars")
    area = bars.bounding_box()
    page.mouse.move(area["x"] + 0.51 * area["width"], area["y"] + 20)
    page.mouse.down()
    page.mouse.move(area["x"] + 0.99 * area["width"], area["y"] + 20, steps=3)
    page.mouse.up()
    page.wait_for_function("location.search.includes('confidence')")
    settled(page)
    where = query(page)["where"]
    assert re.fullmatch(r"correct:yes confidence:0\.\d+\.\.", where)
    expect(found(page)).to_contain_text(f"{len(session.images.where(where))} image")
    page.go_back()
    settled(page)
    assert query(page)["where"] == "correct:yes"


def test_the_training_part_opens_and_its_images_have_maps(visit, settled, session):
    page = visit("?section=images")
    page.get_by_role("group", name="part of the data").get_by_role("button", name="train").click()
    settled(page)
    expect(found(page)).to_contain_text(f"{len(session.train)} images")
    tiles(page).nth(1).locator("a").click()
    settled(page)
    expect(page.locator("#detail h2").first).to_have_text(str(session.train.names[1]))
    expect(page.locator("#detail figure")).to_have_count(4)


def test_what_two_pages_tag_at_once_is_kept_and_each_sees_the_other(visit, settled, session):
    one, other = visit("?section=images"), visit("?section=images")
    for page, tag in ((one, "mine"), (other, "yours")):
        tiles(page).first.locator("a").focus()
        page.keyboard.press("x")
        page.keyboard.press("t")
        page.keyboard.type(tag)
        page.keyboard.press("Enter")
    expect(one.locator("#said")).to_contain_text("tag 'yours', 1 image")
    expect(one.locator("#main .tile").first.locator(".marks i")).to_have_count(2)
    expect(other.locator("#main .tile").first.locator(".marks i")).to_have_count(2)
    assert session.workspace.tags() == {"mine": 1, "yours": 1}
    one.keyboard.press("u")
    expect(one.locator("#said")).to_contain_text("Undone: tag, 1 image.")
    assert session.workspace.tags() == {"yours": 1}
    # What comes between reading the images and drawing what stands above them is not lost.
    before = one.locator("#main .status").get_attribute("data-last")
    session.images.tag("theirs")
    one.evaluate("window.workbench.again()")
    expect(one.locator("#main .status")).not_to_have_attribute("data-last", before)
    expect(one.locator("#main .tile").first.locator(".marks i")).to_have_count(2)
    for page in (one, other):
        settled(page)


def test_it_fits_a_phone_with_the_filters_folded(visit):
    page = visit("?section=images", 390, 844)
    expect(tiles(page).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("details.facets").get_attribute("open") is None
    small = page.evaluate("""() => [...document.querySelectorAll('#main :is(button, select, input, summary, label)')]
        .filter(each => each.offsetParent && !each.closest('.tile'))
        .filter(each => Math.min(each.offsetWidth, each.offsetHeight) < 24 && each.type !== 'checkbox')
        .map(each => each.outerHTML.slice(0, 80))""")
    assert small == []
