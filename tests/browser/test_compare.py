"""Section Compare end to end: two runs, from a count to its images, to one of them with both predictions and maps."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import faults
from tests.patience import PATIENCE
from tests.tiny import HOSTILE, moved_beside
from workbench.app.page import diagnosing
from workbench.app.page.desk import Desk
from workbench.diagnosis import registry
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.opening import open_session

VALUES = """async () => Promise.all(
    [...document.querySelectorAll('#detail .map-rows section:nth-of-type(2) [data-values]')].map(async (map) => {
        const answer = await fetch(`/values/${map.dataset.values}`);
        return [...new Float32Array(await answer.arrayBuffer())];
    }))"""
"""The raw values of the second method's three maps."""


@pytest.fixture(scope="module")
def other(tiny_run, tmp_path_factory) -> Iterator[str]:
    """A place of runs with the small one and another: the same network, its weights moved a little."""
    place = tmp_path_factory.mktemp("place")
    name = moved_beside(tiny_run, place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_RUNS", str(place))
        yield name


def test_from_the_palette_to_a_run_to_its_images_and_both_maps(visit, settled, other):
    page = visit("?section=images")
    page.keyboard.press("Control+k")
    page.keyboard.type("compare")
    page.get_by_role("option", name="Compare").first.click()
    page.wait_for_function("location.search === '?section=compare'")
    settled(page)
    page.get_by_label("run to compare with").select_option(other)
    page.wait_for_function("location.search === '?section=compare&against=moved'")
    settled(page)
    counts = dict(zip(("fixed", "broken"), page.locator(".outcomes .card b").all_inner_texts(), strict=False))
    outcome = "broken" if int(counts["broken"]) else "fixed"
    count = int(counts[outcome])
    assert count > 0  # the weights were moved enough to change something
    expect(page.locator("#answer section.table h3").first).to_have_text("By class")

    assert faults(page) == []

    # A table's heading sorts, and each number opens as many images as it counts.
    table = page.locator("#answer section.table").first
    table.get_by_role("button", name=outcome.capitalize()).click()
    expect(table.locator("th[aria-sort=descending]")).to_contain_text(outcome.capitalize())
    cell = table.locator("tbody tr").first.locator("td a").last
    number = int(cell.inner_text())
    cell.click()
    settled(page)
    expect(page.locator("#main .status b").first).to_have_text("1 image" if number == 1 else f"{number} images")
    page.go_back()
    settled(page)

    # Fixed or broken as a gallery, both predictions below each image.
    page.locator(".outcomes .card", has_text=outcome.capitalize()).first.click()
    settled(page)
    expect(page.locator("#main .status b").first).to_have_text("1 image" if count == 1 else f"{count} images")
    tile = page.locator("#main .tile").first
    expect(tile.locator(".second")).to_be_visible()
    told = tile.locator("a").get_attribute("title")
    assert "; B: predicted " in told
    tile.locator("a").click()
    settled(page)
    said = page.locator("#detail .both-said .pr")
    expect(said).to_have_count(2)
    a, b = (said.nth(k).locator("li.p").inner_text() for k in (0, 1))
    assert a.splitlines()[0] != b.splitlines()[0]
    assert {a.splitlines()[0], b.splitlines()[0]} <= set(HOSTILE)

    # The same method on both, on one scale, and the difference of what both say.
    rows = page.locator("#detail .map-rows > section")
    first = rows.first.locator("figure")
    expect(first).to_have_count(3)
    ends = [figure.locator(".bar span").last.inner_text() for figure in first.all()]
    assert len(set(ends)) == 1
    values = page.evaluate(VALUES)
    assert np.allclose(np.subtract(values[1], values[0]), values[2], atol=1e-5)
    assert np.abs(values[2]).max() > 0
    expect(first.locator("[data-verdict]")).to_have_count(2)  # of either map, and none of their difference
    assert faults(page) == []
    page.get_by_role("link", name=f"← {'1 image' if count == 1 else f'{count} images'}").click()
    settled(page)
    page.get_by_role("link", name="the comparison").click()
    page.wait_for_function("location.search === '?section=compare&against=moved'")
    settled(page)


FEW = ("overview", "per-class", "confusion-matrix", "most-confused", "label-issues")


def test_both_are_diagnosed_as_a_job_and_each_finding_opens_its_images(served, settled, tiny_run, other, monkeypatch):
    few = {name: registry.analysis(name) for name in FEW}
    monkeypatch.setattr(registry, "analyses", lambda: few)
    nothing = Diagnosis(findings=(), asked={}, left_out={}, context={}, quick=True)
    for name in ("diagnose", "known_diagnosis"):  # what the page asks by itself is no matter here
        monkeypatch.setattr(diagnosing, name, lambda *_, **__: nothing)
    go_on, told, ask = threading.Event(), [], registry.compute

    def compute(session, name, *given):
        told.append((session.name, name))
        assert len(told) != 5 or go_on.wait(PATIENCE)  # the second question to the second model
        return ask(session, name, *given)

    monkeypatch.setattr(registry, "compute", compute)
    page = served(Desk(open_session(tiny_run.folder / tiny_run.name)), f"?section=compare&against={other}")
    try:
        page.get_by_role("button", name="Diagnose both").click()
        expect(page.locator(".changes .waiting, .compared .waiting")).to_contain_text(f"{other}: Diagnosis: 1 of 3")
    finally:
        go_on.set()
    expect(page.locator(".changes h4").first).to_be_visible()
    assert "compute" not in page.url or page.locator(".changes .waiting").count() == 0
    assert {name for name, _ in told} == {"tiny", other}
    links = page.locator(".changes .shown a")
    sides = links.all_inner_texts()
    assert any(each.startswith("A: ") for each in sides) and any(each.startswith("B: ") for each in sides)
    for side in "AB":
        link = next(each for each in links.all() if each.inner_text().startswith(f"{side}: "))
        count = re.search(r"[\d,]+ (training )?image", link.inner_text())[0].replace("training ", "")
        link.click()
        page.wait_for_function("location.search.includes('section=images')")
        settled(page)
        expect(page.locator("#main .status b").first).to_contain_text(count)
        page.go_back()
        settled(page)


def test_a_model_compared_with_itself_has_nothing_fixed_or_broken(visit, settled, other):
    page = visit("?section=compare&against=tiny")
    expect(page.locator(".compared .sentence")).to_contain_text("are right on the same images, 80 images")
    assert page.locator(".outcomes .card b").all_inner_texts()[:2] == ["0", "0"]
    page.goto("?section=compare&against=nowhere")
    expect(page.locator("#answer .problem")).to_contain_text("There is no run 'nowhere' here")
    settled(page)
