"""A map of images: a part of it is chosen by dragging, tapping and keys, and stands in the address."""

from __future__ import annotations

import re

from playwright.sync_api import expect

SECTION = "?section=embedding-map&perplexity=5"
DRAWN = """() => { const c = document.querySelector('.plot canvas');
    if (c.width < 301) return false;
    return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, k) => k % 4 === 3 && v > 0) }"""


def opened(visit, query: str = SECTION, **settings):
    page = visit(query, **settings)
    page.wait_for_function(DRAWN)
    return page


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = page.locator(".plot canvas").bounding_box()
    for place, (x, y) in enumerate((start, end)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        page.mouse.down() if place == 0 else page.mouse.up()


def test_a_dragged_region_shows_its_images_and_back_takes_it_away(visit, settled, session):
    page = opened(visit)
    expect(page.locator(".classes button")).to_have_count(len(session.class_names))
    drag(page, (0.01, 0.01), (0.99, 0.99))
    page.wait_for_function("location.search.includes('_region=')")
    settled(page)
    images = len(session.dataset)
    expect(page.locator(".inside h3")).to_have_text(re.compile(rf"^{images} images · "))
    expect(page.locator(".inside .evidence a")).to_have_count(min(images, 60))
    whole = page.url
    drag(page, (0.01, 0.01), (0.4, 0.6))
    page.wait_for_function("address => location.href !== address", arg=whole)
    settled(page)
    part = int(page.locator(".inside h3").inner_text().split()[0].replace("No", "0"))
    assert 0 < part < images
    page.reload()
    settled(page)
    expect(page.locator(".inside h3")).to_have_text(re.compile(rf"^{part} image"))
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=whole)
    settled(page)
    expect(page.locator(".inside h3")).to_have_text(re.compile(rf"^{images} images"))
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("!location.search.includes('_region')")


def test_keys_move_a_region_and_an_image_of_it_opens_in_the_explorer(visit, settled):
    page = opened(visit)
    page.locator(".plot canvas").focus()
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('_region=')")
    settled(page)
    first = page.locator(".inside .evidence a").first
    row = first.get_attribute("href").rpartition("=")[2]
    page.get_by_role("button", name="correct or wrong").click()
    page.wait_for_function("location.search.includes('_colour=correct')")
    settled(page)
    page.wait_for_function(DRAWN)
    assert "_region=" in page.url
    page.locator(".plot canvas").focus()
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('_region')")
    page.go_back()
    page.wait_for_function("location.search.includes('_region')")
    settled(page)
    page.locator(".inside .evidence a").first.click()
    page.wait_for_function("row => location.search.includes(`image=${row}`)", arg=row)


def test_on_a_phone_a_tap_chooses_what_lies_around_it_and_nothing_sticks_out(visit, settled):
    page = opened(visit, width=390, height=844, has_touch=True, color_scheme="dark")
    page.locator(".classes button").first.tap()
    page.wait_for_function("location.search.includes('_region=')")
    settled(page)
    assert int(page.locator(".inside h3").inner_text().split()[0]) > 0
    canvas = page.locator(".plot canvas")
    canvas.scroll_into_view_if_needed()
    before = page.url
    canvas.tap(position={"x": 40, "y": 60})
    page.wait_for_function("address => location.href !== address", arg=before)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
