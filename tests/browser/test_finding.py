"""What one looks for is found: by name from anywhere, in a list that stays where it is, in tables that sort."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

LIST = "#main nav.list"


@pytest.fixture
def tagged(session, tmp_path):
    """Two kinds of things that people name."""
    session.workspace = tmp_path / "said.workspace"
    session.images.where("correct:no").tag("look again")
    session.workspace.save_set("for later", query="correct:no")


def test_each_kind_is_found_by_name_and_opened_by_the_keyboard(visit, settled, session, tagged):
    page = visit("?section=pixel-values")
    name = str(session.dataset.names[7])
    looked = [
        ("/", "class bal", "Analyses", "section=class-balance"),
        ("Control+k", "look again", "Tags", "section=images&where=tag%3A%22look+again%22"),
        ("Control+k", "for later", "Saved sets", "section=images&set=saved%2Ffor+later"),
        ("Control+k", name, "Images", "section=images&image=7"),
        ("Control+k", "confidence<0.5", "Query", "section=images&where=confidence%3C0.5"),
        ("Control+k", "overview", "Pages", "section=start"),
    ]
    field = page.get_by_role("combobox", name="Find")
    for keys, text, kind, query in looked:
        page.keyboard.press(keys)
        expect(field).to_be_focused()
        field.fill(text)
        chosen = page.get_by_role("group", name=kind).get_by_role("option").first
        expect(chosen).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))
        page.keyboard.press("Enter")
        page.wait_for_function("query => location.search === `?${query}`", arg=query)
        expect(field).to_be_hidden()
    settled(page)


def test_the_palette_is_gone_through_by_arrows_and_closed_without_a_trace(visit):
    page = visit("?section=pixel-values")
    before = page.url
    page.get_by_role("button", name="Search").click()
    options = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    expect(options.last).to_be_in_viewport()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.type("no such thing")
    expect(page.get_by_text("Nothing is called “no such thing”.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    assert page.url == before
    page.goto("/?section=images")
    page.locator("#images-where").wait_for()
    page.keyboard.press("/")  # there it is the query's
    expect(page.locator("#images-where")).to_be_focused()


def test_the_list_of_analyses_stands_above_the_form_and_stays_where_it_is(visit, settled):
    page = visit("?section=class-balance")
    assert page.evaluate(f"document.querySelector('{LIST}').getBoundingClientRect().bottom") < 500
    page.locator(LIST).evaluate("list => { list.scrollTop = 300; }")
    page.wait_for_function(f"document.querySelector('{LIST}').scrollTop === 300")
    place = page.locator(LIST).get_by_text("Learning curves")
    place.scroll_into_view_if_needed()
    before = page.locator(LIST).evaluate("list => list.scrollTop")
    place.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("location.search === '?section=learning-curves'")
    settled(page)
    assert page.locator(LIST).evaluate("list => list.scrollTop") == before
    expect(place).to_be_focused()
    expect(place).to_have_attribute("aria-current", "page")


def test_a_table_is_sorted_by_its_headings(visit):
    page = visit("?section=pixel-values")
    table = page.locator("#answer .table").first
    heading = table.get_by_role("button", name="Mean", exact=True)
    column = "cells => cells.map((cell) => +cell.textContent)"
    cells = table.locator(f"td:nth-child({1 + table.locator('th').all_inner_texts().index('Mean')})")
    heading.focus()
    page.keyboard.press("Enter")
    expect(table.locator("th[aria-sort=descending]")).to_contain_text("Mean")
    expect(heading).to_be_focused()
    values = cells.evaluate_all(column)
    assert values == sorted(values, reverse=True) and len(set(values)) > 1
    heading.click()
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("Mean")
    assert cells.evaluate_all(column) == sorted(values)
    table.locator("tbody a").first.click()
    page.wait_for_function("location.search.includes('predicted=any')")
    page.go_back()  # the order is part of the view
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("Mean")
    page.go_back()
    expect(table.locator("th[aria-sort=descending]")).to_contain_text("Mean")


def test_rows_of_a_long_table_are_found_and_the_address_has_what_is_shown(visit, settled):
    page = visit("?section=top-losses&count=40")
    table = page.locator("#answer .table").first
    rows, field = table.locator("tbody tr"), table.get_by_role("searchbox")
    before = rows.count()
    one = table.locator("tbody a.named span").first.inner_text()
    field.press_sequentially(one.upper())
    expect(rows.first).to_contain_text(one)
    expect(table.locator("[role=status]")).to_contain_text(f"with “{one.upper()}”, of {before}")
    expect(field).to_be_focused()
    table.locator("th button").first.click()
    page.wait_for_function("new URLSearchParams(location.search).get('_sort0')")
    found = rows.count()
    assert found < before
    page.reload()
    settled(page)
    expect(field).to_have_value(one.upper())
    expect(rows).to_have_count(found)
    expect(table.locator("th[aria-sort]")).to_have_count(1)
    field.fill("")
    expect(rows).to_have_count(before)
    assert "_find0" not in page.url and "_sort0" in page.url
    page.go_back()
    settled(page)
    expect(table.locator("th[aria-sort]")).to_have_count(0)
