"""Section Compare on hand-made predictions: what is opened holds what was counted, and nothing else is opened."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import EVIL, LABELS, predictions
from workbench.app.page import comparing
from workbench.app.page.application import create_app
from workbench.app.page.comparing import NotCompared, address_of, read_address
from workbench.app.page.images.found import find
from workbench.app.page.images.sets import NotAnswered
from workbench.app.page.images.tiles import tiles_of
from workbench.app.page.page import Panes
from workbench.app.page.palette import hits
from workbench.app.page.panes.comparing import answer_html, chance_in_words, side_html
from workbench.app.page.panes.images.shelf import shelf_html
from workbench.app.page.view import read
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.result import Result
from workbench.diagnosis import changed_findings, registry
from workbench.diagnosis.changed_findings import FindingChange
from workbench.diagnosis.opening import Session

SECOND = np.array([0, 0, 2, 1, 1, 1, 0, 2])
"""Rows 1 and 5 are fixed, 6 is broken, 3 is wrong as before and 2 otherwise."""


def run(name, dataset, **other):
    made = {"class_names": dataset.class_names, "image_shape": dataset.image_shape, "created": "2026-11-29", **other}
    about = {"architecture": "small", "epochs": 2, "metrics": {"test": {"accuracy": 0.75}}}
    return SimpleNamespace(name=name, manifest=SimpleNamespace(**about, **made))


@pytest.fixture
def opened(monkeypatch, desk, dataset, tmp_path):
    """Runs of the place, one of them of other classes, and the names of those that were opened."""
    asked = []
    there = [
        run("better", dataset),
        run("large", dataset, image_shape=(32, 32, 3)),
        run("strange", dataset, class_names=("a", "b", "c")),
        run("turned", dataset, class_names=dataset.class_names[::-1]),
    ]

    def beside(session, name):
        asked.append(name)
        said = predictions(LABELS, SECOND, np.full(8, 4.0), 3)
        return Session(predictions=said.logits, dataset=session.dataset, name=name, cache=False)

    monkeypatch.setattr(comparing, "list_runs", lambda: there)
    monkeypatch.setattr(comparing, "open_on", beside)
    desk.session.workspace = tmp_path / "said.workspace"
    return asked


@pytest.fixture
def compared(desk, opened):
    key, job = desk.comparing.start(desk.session, "better", None)
    assert job.done.wait(PATIENCE), key
    assert not job.error
    return job.value


def rows(desk, address, **view):
    return find(desk, read({"section": "images", "set": address, **view})).images.rows.tolist()


def test_every_number_of_a_table_opens_as_many_images(desk, compared):
    opens = 0
    for table, frame in compared.result.tables.items():
        for row in range(len(frame)):
            for column in frame.columns:
                if not (address := compared.opens(table, column, row)):
                    continue
                found, value = rows(desk, address), frame[column].iloc[row]
                if column.startswith("recall"):
                    value = round((1 - value) * frame["images"].iloc[row])
                elif column == "class":
                    value = (desk.session.class_names.index(value) == LABELS).sum()
                assert len(found) == value, (table, column, row)
                opens += 1
    assert opens >= 18
    assert sorted(rows(desk, compared.address("fixed"))) == [1, 5]
    assert rows(desk, compared.address("broken")) == [6]
    assert rows(desk, compared.address("fixed", label=EVIL)) == [5]
    assert rows(desk, compared.address("both_wrong_otherwise"), where="label:T-shirt/top") == [2]


def test_what_there_is_not_is_a_sentence_and_no_file_is_opened_by_an_address(desk, opened):
    address = address_of("better", "fixed", label="a/b & c")
    assert read_address(address) == ("better", "fixed", {"label": "a/b & c"})
    with pytest.raises(NotCompared, match="comparison with better, which is not computed here"):
        rows(desk, address)
    view = read({"section": "images", "set": address})
    assert "Compute it now" in shelf_html(desk, view)
    for name in ("/etc/passwd", "../baseline", ""):
        with pytest.raises(WorkbenchError, match="There is no run"):
            desk.comparing.start(desk.session, name, None)
    with pytest.raises(WorkbenchError, match=r"strange cannot be compared with .* here: it knows 'a', 'b' and 'c'"):
        desk.comparing.start(desk.session, "strange", None)
    assert opened == []
    shelf_html(desk, read({"section": "images", "set": address_of("better", "fixed"), "compute": "set"}))
    assert opened == ["better"]
    assert desk.jobs.get("compare-better").done.wait(PATIENCE)
    assert sorted(rows(desk, address_of("better", "fixed"))) == [1, 5]
    for wrong in ("fixd", "fixed?label=wolf", "fixed?group=x", "fixed?group=7", "left?true=Bag&predicted=Bag"):
        with pytest.raises(WorkbenchError, match=r"There (is|are)|named by its number"):
            rows(desk, f"compare/better/{wrong}")
    with pytest.raises(WorkbenchError, match="A set is"):
        rows(desk, "compared/better/fixed")


def test_the_pane_shows_counts_tests_and_images_with_hostile_names(desk, compared, parse, monkeypatch):
    view = read({"section": "compare", "against": "better"})
    page = parse(answer_html(desk, view))
    assert "No difference in accuracy beyond chance" in page.text
    assert [each["alt"] for each in page.all("img") if each.get("src") == "x"] == []
    links = [each["href"] for each in page.all("a")]
    assert "?section=images&set=compare%2Fbetter%2Ffixed" in links
    assert "?section=images&set=compare%2Fbetter%2Fbroken&image=6" in links
    assert "p = 1" in page.text and "+12.50 points" in page.text
    assert EVIL in page.text
    head = parse(side_html(desk, view))
    assert [each["value"] for each in head.all("option")] == ["better"]
    nothing = parse(answer_html(desk, read({"section": "compare"})))
    assert [each["href"] for each in nothing.all("a")] == ["?section=compare&against=better"]
    assert (
        "large: it takes images of 32 × 32 × 3 (height, width, channels), and these have 28 × 28 × 1." in nothing.text
    )
    assert "strange: it knows 'a', 'b' and 'c' and it does not know 'T-shirt/top'" in nothing.text
    assert "turned: it has the same classes in another order." in nothing.text
    assert "from the terminal: workbench compare MODEL FILE --data DATA" in nothing.text
    monkeypatch.setattr(comparing, "list_runs", list)
    none = parse(answer_html(desk, read({"section": "compare"})))
    assert "There is no run here with these classes" in none.text
    gone = parse(Panes(desk).answer({"section": "compare", "against": "nowhere"}))
    assert "There is no run 'nowhere' here" in gone.text


def test_tiles_have_both_predictions(desk, compared):
    found = find(desk, read({"section": "images", "set": compared.address("broken")}))
    (tile,) = tiles_of(found, desk.part("data"), 0, 1, 64)["tiles"]
    assert (tile["predicted"], tile["wrong"]) == (desk.session.class_names[2], False)
    assert tile["second"] == {"predicted": "T-shirt/top", "sure": "96", "wrong": True}
    everything = find(desk, read({"section": "images"}))
    assert "second" not in tiles_of(everything, desk.part("data"), 0, 1, 64)["tiles"][0]


def test_tables_are_sorted_and_written_as_those_of_analyses_with_their_links(desk, compared):
    from starlette.testclient import TestClient

    client = TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")
    shown = client.get("/table/compare-better/0.html?sort=-fixed").text
    assert shown.index("T-shirt/top") < shown.index("Bag &amp;")
    assert "set=compare%2Fbetter%2Fbroken%3Flabel%3DBag" in shown
    assert client.get("/table/compare-better/0.csv").text.startswith("class,images,recall A,recall B,")
    assert next(each for each in hits(desk, "better") if each.kind == "Runs").query["against"] == "better"


def test_findings_are_diagnosed_when_asked_and_shown_by_what_became_of_them(desk, compared, monkeypatch, parse):
    went, came = (
        Result(findings=(Finding(claim, kind="underperforming-class", evidence=shown),), analysis="overview")
        for claim, shown in ((f"{EVIL} is missed", (2, 3)), ("Bags are missed", (6, 1, 4)))
    )
    about = {"kind": "underperforming-class", "subject": "all images", "analysis": "overview"}
    changes = (
        FindingChange(state="came", **about, second=came.findings[0], second_in=came),
        FindingChange(state="went", **about, first=went.findings[0], first_in=went),
    )
    answers, made = {}, []
    monkeypatch.setattr(registry, "cached", lambda session, *_: answers.get(session.name))
    monkeypatch.setattr(registry, "compute", lambda session, *_: answers.setdefault(session.name, came))

    def both(*_, ask=False):
        made.extend([1] if ask else [])
        return ("one", "other") if made else None

    monkeypatch.setattr(changed_findings, "both_diagnoses", both)
    monkeypatch.setattr(changed_findings, "changed_findings", lambda *_: changes)
    asked = {"section": "compare", "against": "better"}
    assert "Diagnose both" in answer_html(desk, read(asked))
    answer_html(desk, read({**asked, "compute": "findings"}))
    assert desk.jobs.get("compare-findings-better").done.wait(PATIENCE)
    page = parse(answer_html(desk, read(asked)))
    assert f"{EVIL} is missed" in page.text
    assert page.text.index("Came") < page.text.index("Went")
    shown = [parse_qs(each["href"]) for each in page.all("a") if "%2Ffinding%2F" in each["href"]]
    of_b, of_a = (each["set"][0] for each in shown)
    assert (of_b, of_a) == ("compare/better/B/finding/overview/0", "compare/better/A/finding/overview/0")
    assert "B: 3 images →" in page.text and "A: 2 images →" in page.text
    answers[desk.session.name] = went
    assert rows(desk, of_a) == [2, 3]
    with pytest.raises(NotAnswered):
        rows(desk, of_b)
    assert "Compute it now" in shelf_html(desk, read({"section": "images", "set": of_b}))
    shelf_html(desk, read({"section": "images", "set": of_b, "compute": "set"}))
    found = find(desk, read({"section": "images", "set": of_b}))
    assert (found.images.rows.tolist(), found.title) == ([6, 1, 4], "Bags are missed")
    assert found.compared is compared  # each with both predictions
    json.dumps([each.record for each in changes])


def test_a_comparison_that_nobody_waits_for_ends(desk, opened, monkeypatch):
    owner = SimpleNamespace(client="page", gone=lambda: True)
    _, job = desk.comparing.start(desk.session, "better", owner)
    assert job.done.wait(PATIENCE)
    assert (job.error, desk.comparing.known("better")) == ("Stopped.", None)
    _, job = desk.comparing.start(desk.session, "better", None)
    assert job.done.wait(PATIENCE)
    assert not job.error


def test_chance_is_said_in_words():
    said = [chance_in_words(p) for p in (1.0, 0.7, 0.05, 1e-9)]
    assert said == [
        "no difference to explain",
        "by chance more often than not",
        "by chance about once in 20 times",
        "by chance less than once in 10,000 times",
    ]
