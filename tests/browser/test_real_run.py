"""The committed run on the real images."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.chromium import MILLISECONDS
from workbench.training.runs import list_runs

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not any(run.name == "baseline" for run in list_runs()),
        reason="there is no run `baseline`: `make train` makes it",
    ),
]


@pytest.fixture(scope="module")
def baseline():
    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running
    from workbench.diagnosis.opening import open_session

    session = open_session("baseline")
    app, taken = create_app(session), bind("127.0.0.1", 0)
    with running(app, taken):
        yield session, f"http://127.0.0.1:{taken.getsockname()[1]}"
    app.state.desk.close()


def test_the_baseline_is_explored_without_scrolling(browser, baseline, settled):
    session, address = baseline
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/?section=errors")
    settled(page)
    wrong = int((~session.predictions.correct).sum())
    expect(page.locator("#bar")).to_contain_text(
        f"10,000 images · accuracy {100 - wrong / 100:.2f} % · {wrong:,} errors"
    )
    counts = [int(text) for text in page.locator("#matrix td button").all_text_contents()]
    assert sum(counts) == 10_000
    pressed = page.locator("#matrix td button[aria-pressed=true]")
    errors = page.locator("#matrix td button:not(.right)").all_text_contents()
    assert int(pressed.text_content()) == max(map(int, errors))
    expect(page.locator("#gallery .grid button")).to_have_count(min(24, int(pressed.text_content())))
    expect(page.locator("#detail figure")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
    sizes = page.evaluate("[...document.querySelectorAll('.px')].map(i => [i.naturalWidth, i.width])")
    assert all(shown % native == 0 for native, shown in sizes)
    context.close()


def test_the_overview_shows_the_manifest_and_what_the_diagnosis_knows_by_now(browser, baseline):
    session, address = baseline
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address)
    facts = page.locator("#main dl")
    for fact in (session.run.manifest.recipe, f"{session.run.manifest.parameters:,}", "fashion-mnist"):
        expect(facts).to_contain_text(fact)
    # The diagnosis takes a minute where nobody has made it before; the first findings come at once.
    expect(page.locator("#answer .finding .claim").first).to_be_visible(timeout=2 * MILLISECONDS)
    context.close()
