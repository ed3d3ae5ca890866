"""How long a click takes, in headless Chromium, from the click to what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np

import workbench as wb

# Clicks a button, and waits until other pictures are shown; milliseconds in the browser. Pictures, not any change of
# the pane: gradio marks it as pending at once.
TIMED = """([buttons, place, pictures]) => new Promise(done => {
  const shown = () => [...document.querySelectorAll(pictures)].map(picture => picture.src).join();
  const before = shown(), started = performance.now();
  const look = () => {
    const taken = performance.now() - started;
    if (shown() && shown() !== before) done(taken);
    else if (taken > 10000) done(NaN);  // the click showed what was there already
    else requestAnimationFrame(look);
  };
  document.querySelectorAll(buttons)[place].click();
  look();
})"""
CELLS = "[...document.querySelectorAll('#matrix td button')].map(cell => parseInt(cell.textContent) || 0)"


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, its number, and the bar of the design."""
    from playwright.sync_api import sync_playwright

    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running

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
        cells = [place for place, count in enumerate(page.evaluate(CELLS)) if count >= 5][:10]
        galleries, maps = [], []
        for number, cell in enumerate(cells):
            galleries.append(page.evaluate(TIMED, ["#matrix td button", cell, "#gallery .grid img"]))
            page.wait_for_timeout(1500)
            image = 1 + number % 4  # the first is explained already
            maps.append(
                page.evaluate(TIMED, ["#gallery .grid button", image, "#detail .maps figure:nth-of-type(4) img"])
            )
            page.wait_for_timeout(1000)
        browser.close()
    yield f"click on a cell → its gallery, median of {len(galleries)}", f"{np.nanmedian(galleries):.0f} ms", "< 200 ms"
    yield f"click on an image → its four maps, median of {len(maps)}", f"{np.nanmedian(maps):.0f} ms", "< 500 ms"
