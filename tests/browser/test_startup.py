"""What the page shows before the model is there."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from playwright.sync_api import expect

from tests.patience import PATIENCE
from workbench.app.page.desk import Desk
from workbench.app.page.page import warm
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.opening import Session, open_session

FIRST_VIEW = """
import json, sys, threading
from pathlib import Path
import httpx
from workbench.diagnosis.opening import open_session
from workbench.app.page.application import create_app
from workbench.app.page.server import bind, running

app = create_app(open_session(Path(sys.argv[1])))
desk, load, found = app.state.desk, app.state.desk._load, {}

def recorded(session):
    found["tensorflow before the model"] = "tensorflow" in sys.modules
    load(session)

desk._load = recorded
taken = bind("127.0.0.1", 0)
with running(app, taken), httpx.Client(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=600) as client:
    events = client.get("/config").json()["dependencies"]
    first = next(event for event in events if any(target[1] == "load" for target in event["targets"]))
    client.get("/?section=errors")
    client.post("/gradio_api/queue/join?section=errors", json={
        "data": [], "fn_index": first["id"], "session_hash": "s", "event_data": None, "trigger_id": None})
    with client.stream("GET", "/gradio_api/queue/data?session_hash=s") as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:") or "{}") if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                shown = json.dumps(message["output"])
                break
    found["matrix"], found["gallery"] = "Confusion matrix" in shown, "data:image/png" in shown
    assert desk.loading.done.wait(600)
    found["error"] = desk.loading.error
    found["tensorflow at the end"] = "tensorflow" in sys.modules
desk.close()
print(json.dumps(found))
"""


def test_the_first_view_is_served_before_tensorflow_is_imported(tiny_run):
    run = Path(tiny_run.folder) / tiny_run.name
    done = subprocess.run([sys.executable, "-c", FIRST_VIEW, str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    import json

    assert json.loads(done.stdout.splitlines()[-1]) == {
        "tensorflow before the model": False,
        "matrix": True,
        "gallery": True,
        "error": "",
        "tensorflow at the end": True,
    }


def test_a_session_that_takes_its_time_is_waited_for_with_its_progress(served, tiny_run, request):
    opening = threading.Event()
    request.addfinalizer(opening.set)

    def opener() -> Session:
        from workbench.core.progress import report

        report("Fetching the images", 3, 7)
        opening.wait(PATIENCE)
        return open_session(tiny_run.folder / tiny_run.name)

    page = served(Desk(opener, warm), "?section=errors")
    expect(page.locator("#matrix .waiting")).to_contain_text("Opening the run")
    expect(page.locator("#matrix .what")).to_contain_text("Fetching the images: 3 of 7")
    opening.set()
    expect(page.locator("#matrix td button").first).to_be_visible()
    expect(page.locator("#bar")).to_contain_text("tiny")
    expect(page.locator("#detail figure")).to_have_count(4)


def test_predictions_that_need_the_model_are_waited_for_and_the_page_fills_itself(served, tiny_run, request):
    loading = threading.Event()
    request.addfinalizer(loading.set)
    session = open_session(model=tiny_run.model, data=tiny_run.data)
    session.cache = False

    class Slow(Desk):
        def _load(self, session):
            loading.wait(PATIENCE)
            super()._load(session)

    page = served(Slow(session, warm), "?section=errors")
    expect(page.locator("#gallery .waiting")).to_contain_text("predicts every image")
    page.get_by_role("button", name="Analyses").click()
    page.locator("#analyses a").get_by_text("Samples and their labels", exact=True).click()
    expect(page.locator("#main h2")).to_be_visible()
    page.wait_for_function("location.search.includes('section=samples')")  # else there is nothing to go back from
    page.go_back()
    expect(page.locator("#matrix .waiting")).to_be_visible()
    loading.set()
    expect(page.locator("#matrix td button").first).to_be_visible()
    expect(page.locator("#gallery .grid img").first).to_be_visible()
    expect(page.locator("#detail figure")).to_have_count(4)


def test_a_model_that_cannot_be_opened_is_one_sentence_and_what_is_saved_is_shown(served, tiny_run):
    class Broken(Desk):
        def _load(self, session):
            raise WorkbenchError("model.keras is <damaged>.")

    page = served(Broken(open_session(tiny_run.folder / tiny_run.name)), "?section=errors")
    expect(page.locator("#matrix td button").first).to_be_visible()
    expect(page.locator("#detail .problem")).to_have_text("model.keras is <damaged>.")
    expect(page.locator("#detail .pr li").first).to_be_visible()
