"""How long a click takes, in headless Chromium, from the click to what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np

import workbench as wb

# Clicks, and waits until other pictures are shown; milliseconds in the browser. Pictures, not any change of the
# pane: gradio marks it as pending at once.
TIMED = """([click, pictures]) => new Promise(done => {
  const shown = () => [...document.querySelectorAll(pictures)].map(picture => picture.src).join();
  const before = shown(), started = performance.now();
  const look = () => {
    const taken = performance.now() - started;
    if (shown() && shown() !== before) done(taken);
    else if (taken > 10000) done(NaN);  // the click showed what was there already
    else requestAnimationFrame(look);
  };
  document.querySelector(click).click();
  look();
})"""


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and the bar of the design."""
    from playwright.sync_api import sync_playwright

    from workbench.ui.app import create_app
    from workbench.ui.server import bind, running

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        yield "page", "no Chromium here", ""
        return
    taken = bind("127.0.0.1", 0)
    with running(create_app(wb.open_session("baseline")), taken), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"http://127.0.0.1:{taken.getsockname()[1]}/?section=errors")
        page.wait_for_selector("#detail .maps figure", timeout=120_000)
        page.wait_for_timeout(15_000)  # every method is compiled in the background
        galleries, maps = [], []
        for place in range(3, 13):
            cell = f"#matrix tbody button >> nth={place}"
            handle = page.locator(cell).element_handle()
            handle.evaluate("button => button.id = 'timed'")
            galleries.append(page.evaluate(TIMED, ["#timed", "#gallery .grid img"]))
            page.wait_for_timeout(1500)
            page.evaluate("document.querySelectorAll('#timed').forEach(button => button.removeAttribute('id'))")
        for place in range(1, 11):
            page.locator(f"#gallery .grid button >> nth={1 + place % 3}").evaluate("button => button.id = 'timed'")
            maps.append(page.evaluate(TIMED, ["#timed", "#detail .maps figure:nth-of-type(4) img"]))
            page.wait_for_timeout(800)
            page.evaluate("document.querySelectorAll('#timed').forEach(button => button.removeAttribute('id'))")
            if place % 4 == 3:
                page.locator(f"#matrix .chips button >> nth={place // 4}").click()
                page.wait_for_timeout(2000)
        browser.close()
    yield "click on a cell → its gallery, median of 10", f"{np.nanmedian(galleries):.0f} ms", "< 200 ms"
    yield "click on an image → its four maps, median of 10", f"{np.nanmedian(maps):.0f} ms", "< 500 ms"
