"""The page shows first what `workbench advise` named, says so, and lets go of it where somebody chooses."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from tests.advised import keep, made_advice
from workbench.app.page.desk import Desk
from workbench.app.page.page import warm
from workbench.diagnosis.opening import open_session

ERRORS = "?section=errors&true=any&predicted=any"


@pytest.fixture
def advised(tiny_run, tmp_path):
    """A session of a copy of the small run, and what writes advice for a model beside it."""
    shutil.copytree(tiny_run.folder / tiny_run.name, tmp_path / "advised")
    session = open_session(tmp_path / "advised")

    def write(model=None):
        keep(session, made_advice(model or session.model_fingerprint))
        return session

    return write


def test_the_advised_maps_come_first_and_it_is_said_from_where(advised, served, settled, complaints_of):
    page = served(Desk(advised(), warm), "")
    complaints = complaints_of(page)
    page.goto(f"{page.url}{ERRORS}")
    settled(page)
    titles = page.locator(".ex > .maps figcaption > .name")
    expect(titles).to_have_text(["Saliency", "HSIC"])
    expect(page.locator(".ex > .maps figure .unit").nth(1)).to_contain_text("masks 250")
    note = page.locator(".ex .advice")
    expect(note).to_contain_text("workbench advise")
    expect(note).to_contain_text("40 images of made/test that had no part in the choice")
    page.get_by_role("button", name="Maps (2)").click()
    marked = page.locator("#methods .entry", has_text="Advised for this model")
    expect(marked).to_have_count(2)
    page.locator("#methods .entry", has_text="Integrated Gradients").locator("input").first.check()
    settled(page)
    expect(page.locator(".ex > .maps figure")).to_have_count(3)
    expect(page.locator(".ex .advice")).to_have_count(0)
    assert complaints == []


def test_advice_for_another_model_changes_nothing(advised, served, settled):
    page = served(Desk(advised("f" * 16), warm), ERRORS)
    settled(page)
    expect(page.locator(".ex > .maps figure")).to_have_count(4)
    expect(page.locator(".ex .advice")).to_have_count(0)
