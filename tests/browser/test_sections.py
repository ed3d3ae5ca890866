"""Overview, analyses, and images of your own."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.tiny import made_images
from workbench.diagnosis.registry import analyses, grouped

PIXELS = """[...document.querySelector('[data-canvas]').getContext('2d').getImageData(0, 0, 28, 28).data]
    .filter((_, k) => k % 4 === 0)"""
DRAWN = f"expected => {PIXELS}.every((pixel, k) => pixel === expected[k])"


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def test_the_first_view_is_the_overview_and_leads_everywhere(visit, settled):
    page = visit()
    expect(page.locator("#answer .card")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollHeight") <= 1350  # 1.5 screens
    facts = page.locator("#main dd").filter(has_text="tiny").first
    expect(facts).to_be_hidden()
    page.get_by_text("About this run").click()
    expect(facts).to_be_visible()
    expect(page.locator("#main .groups a")).to_have_count(len(analyses()))
    problem = page.locator("#answer .finding").filter(has=page.locator("template")).first
    assert problem.evaluate("line => line.clientHeight") < 48  # one line each
    problem.locator("summary").focus()
    page.keyboard.press("Enter")
    evidence = page.locator("#answer .evidence a").first
    image = evidence.get_attribute("href").rpartition("=")[2]
    evidence.click()
    settled(page)
    assert f"image={image}" in page.url
    page.go_back()
    settled(page)
    expect(page.locator("#answer .card").first).to_be_visible()


def test_every_analysis_is_in_the_menu(visit, settled):
    page = visit()
    page.get_by_role("button", name="Analyses").click()
    links = page.locator("#analyses a")
    titles = [kind.title for kinds in grouped().values() for kind in kinds.values()]
    assert links.all_text_contents() == titles
    links.filter(has_text="Class balance").click()
    settled(page)
    expect(page.locator("#main h2")).to_have_text("Class balance")
    expect(page.locator("#main")).to_contain_text(analyses()["class-balance"].question())
    expect(page).to_have_title("Class balance – Workbench")
    expect(page.locator("#analyses")).to_be_hidden()
    expect(page.locator("#answer .chart img")).to_be_visible()
    page.wait_for_function("document.querySelector('#answer .chart img').naturalWidth > 300")


def test_the_places_of_a_figure_lead_to_their_images_by_pointer_and_by_keyboard(visit, settled, session):
    page = visit("?section=most-confused")
    places = page.locator("#answer .spots a")
    expect(places.first).to_be_attached()
    tile = page.locator("#answer .spots a[href*='image=']").first
    row = int(tile.get_attribute("href").rpartition("=")[2])
    tile.hover()
    expect(page.locator(".spot-tip")).to_contain_text(str(session.dataset.names[row]))
    tile.click()
    settled(page)
    assert f"image={row}" in page.url
    expect(page.locator("#detail")).to_contain_text(str(session.dataset.names[row]))
    page.go_back()
    settled(page)
    bar = page.locator("#answer .spots a[href*='where=']").first
    count = bar.get_attribute("aria-label").rpartition(": ")[2].partition(" of ")[0]
    assert page.locator("#answer .spots a[tabindex='0']").count() == 1  # one stop for all
    places.first.focus()
    page.keyboard.press("End")
    expect(page.locator("#answer .spots a:focus")).to_have_attribute("tabindex", "0")
    bar.focus()
    page.keyboard.press("Enter")
    settled(page)
    assert "section=images" in page.url
    expect(page.locator("#main")).to_contain_text(f"{count} images" if count != "1" else "1 image")


def test_figures_follow_the_theme_and_are_never_made_smaller(visit, settled):
    page = visit("?section=class-balance", width=390, height=844, color_scheme="dark")
    drawn = "[data-figure][src*='theme=dark']"
    page.locator(drawn).wait_for()
    size = page.locator(drawn).evaluate("image => [image.naturalWidth, image.clientWidth, document.body.scrollWidth]")
    assert size[0] == size[1] > 390 >= size[2]


def test_a_changed_parameter_is_a_link_and_a_wrong_one_a_sentence(visit, settled):
    page = visit("?section=top-losses")
    count = page.locator("#main input[name=count]")
    count.fill("3")
    page.get_by_role("button", name="Run").click()
    page.wait_for_function("location.search === '?section=top-losses&count=3'")
    settled(page)
    expect(page.locator("#answer .table").first.locator("tbody tr")).to_have_count(3)
    page.reload()
    settled(page)
    expect(count).to_have_value("3")
    count.fill("-5")
    page.get_by_role("button", name="Run").click()
    settled(page)
    expect(page.locator("#answer .problem")).to_contain_text("count must be at least 1")
    expect(count).to_have_value("-5")
    page.get_by_role("button", name="Defaults").click()
    page.wait_for_function("location.search === '?section=top-losses'")
    settled(page)
    expect(page.locator("#answer .problem")).to_have_count(0)
    page.go_back()
    page.go_back()
    page.wait_for_function("location.search === '?section=top-losses&count=3'")


def test_an_uploaded_image_is_explained_and_can_be_inverted(visit, settled):
    images, _ = made_images(1, 5)
    page = visit("?section=own")
    expect(page.locator("#detail")).to_contain_text("Upload or draw")
    name = "<img src=x onerror=alert(1)>.png"
    page.locator("[data-upload]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": png(255 - images[0])}
    )
    page.wait_for_function("location.search.includes('own=')")
    settled(page)
    expect(page.locator("#main .done")).to_contain_text(name)
    expect(page.locator("#main .hint")).to_be_visible()
    expect(page.locator("#detail figure")).to_have_count(4)
    before = page.locator("#detail .pr").inner_text()
    page.get_by_label("Invert (dark ↔ light)").check()
    expect(page.locator("#detail .pr")).not_to_have_text(before, use_inner_text=True)
    settled(page)
    page.wait_for_function(DRAWN, arg=images[0].ravel().tolist())
    page.reload()
    settled(page)
    expect(page.locator("#detail figure")).to_have_count(4)


def test_what_is_no_image_is_one_sentence_and_nothing_is_lost(visit, settled):
    page = visit("?section=own&start=1")
    expect(page.locator("#detail figure")).to_have_count(4)
    for content, said in ((b"not an image", "not an image"), (bytes(17 * 2**20), "at most 16 MB")):
        page.locator("[data-upload]").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": content})
        expect(page.locator("#main .problem")).to_contain_text(said)
        settled(page)
        expect(page.locator("#detail figure")).to_have_count(4)


def test_drawing_changes_exact_pixels_and_undo_brings_them_back(visit, settled):
    page = visit("?section=own&start=0")
    canvas = page.locator("[data-canvas]")
    page.wait_for_function(f"{PIXELS}.some((pixel) => pixel > 0)")  # the image is there
    before = page.evaluate(PIXELS)
    page.locator("[data-width]").fill("1")
    box = canvas.bounding_box()
    step = box["width"] / 28
    page.mouse.move(box["x"] + 3.5 * step, box["y"] + 25.5 * step)
    page.mouse.down()
    page.mouse.move(box["x"] + 8.5 * step, box["y"] + 25.5 * step)
    page.mouse.up()
    page.wait_for_function("location.search.includes('own=')")
    settled(page)
    line = [25 * 28 + x for x in range(3, 9)]
    assert all(before[k] != 255 for k in line)
    page.wait_for_function(DRAWN, arg=[255 if k in line else before[k] for k in range(784)])
    expect(page.locator("#detail figure")).to_have_count(4)
    page.get_by_role("button", name="Undo").click()
    settled(page)
    page.wait_for_function(DRAWN, arg=before)
    page.get_by_role("button", name="Clear").click()
    settled(page)
    page.wait_for_function(DRAWN, arg=[0] * 784)


def test_the_canvas_starts_from_the_image_looked_at(visit, settled):
    page = visit("?section=errors&image=7")
    page.get_by_role("link", name="Your image").click()
    settled(page)
    page.get_by_role("button", name="Start from the selected image").click()
    page.wait_for_function("location.search === '?section=own&start=7'")
    settled(page)
    expect(page.locator("#detail figure")).to_have_count(4)


def test_the_api_is_documented_from_the_bar_and_by_a_link(browser, site, settled, complaints_of):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints, asked = complaints_of(page), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/?section=errors")
    settled(page)
    page.get_by_role("button", name="API", exact=True).click()
    docs = page.locator(".api-docs")
    expect(docs).to_contain_text("3 API endpoints")
    for name in ("/predict", "/explain", "/analyze"):
        expect(docs).to_contain_text(name)
    expect(docs.locator("span.desc").first).to_contain_text("POST /api/predict")
    expect(docs).not_to_contain_text("/look")
    page.goto(f"{site}/?view=api")
    expect(docs).to_contain_text("3 API endpoints")
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
