"""One server on a small trained run with hostile class names, one browser, and a page that tolerates nothing odd."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.chromium import MILLISECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from workbench.session.session import Session

READY = (
    "document.body.dataset.section && !document.body.classList.contains('asking')"
    " && !document.querySelector('.busy, [data-wait]')"
)
# A slow pane is dimmed only after a while. The page's own timers run in the order in which they are due, however slow
# the machine is; so that a quarter of a second passes is left to the page, and begins again where it was not ready.
STEADY = f"""turn => {{
    const ready = {READY};
    if (!ready) window.steady = null;
    else if (!window.steady || window.steady.turn !== turn) {{
        const begun = window.steady = {{ turn, over: false }};
        setTimeout(() => begun.over = true, 250);
    }}
    return window.steady && window.steady.over; }}"""
TURNS = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a browser."""
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def _pages_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page on a busy machine says more seldom that it is there, and what it waits for."""
    from workbench.app.page import judges, owners

    monkeypatch.setattr(owners, "BEGIN", 60.0)
    monkeypatch.setattr(owners, "SHOWN", 60.0)
    monkeypatch.setattr(judges, "WANTED", (60.0, 60.0))


@pytest.fixture(scope="session")
def session(tiny_run: Any) -> Session:
    """The small run, as the page has it."""
    from workbench.diagnosis.opening import open_session

    return open_session(tiny_run.folder / tiny_run.name)


@pytest.fixture(scope="session")
def site(session: Session) -> Iterator[str]:
    """Address of the page of the small run."""
    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running

    app = create_app(session)
    taken = bind("127.0.0.1", 0)
    with running(app, taken):
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    app.state.desk.close()


@pytest.fixture
def visit(browser: Browser, site: str, complaints_of: Any) -> Iterator[Any]:
    """Open an address in a context of its own; at the end, nothing was asked for outside and nothing complained."""
    contexts, outside, heard = [], [], []

    def note(request: Any) -> None:
        if not request.url.startswith((site, f"blob:{site}", "data:")):
            outside.append(request.url)

    def opened(query: str = "", width: int = 1440, height: int = 900, **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=site, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("request", note)
        heard.append(complaints_of(page, console=True))
        page.goto(f"/{query}")
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert outside == []
    assert [said for each in heard for said in each] == []


def settle(page: Page) -> None:
    """Wait until nothing is asked for, computed or dimmed any more."""
    page.wait_for_function(STEADY, arg=next(TURNS), timeout=MILLISECONDS)


@pytest.fixture
def settled() -> Any:
    return settle


@pytest.fixture
def served(browser: Browser) -> Iterator[Any]:
    """Serve a desk of its own and open its page."""
    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running

    stacks = []

    def opened(desk: Any, query: str) -> Page:
        taken = bind("127.0.0.1", 0)
        stack = running(create_app(desk), taken)
        stack.__enter__()
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        stacks.append((stack, context, desk))
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{taken.getsockname()[1]}/{query}")
        return page

    yield opened
    for stack, context, desk in stacks:
        context.close()
        desk.close()
        stack.__exit__(None, None, None)
