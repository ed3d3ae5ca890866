"""Trainings that the page begins: what stands in their files, and what is said of one that was killed."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.patience import PATIENCE
from workbench.app.page import retraining, retraining_process
from workbench.app.page.application import create_app
from workbench.app.page.panes.retrain import retrain_html
from workbench.app.page.retraining import Order, Said, begin, lock_path, stop, told, trainings
from workbench.core.errors import WorkbenchError
from workbench.core.locks import holding
from workbench.core.progress import Stop


@pytest.fixture
def order(tmp_path):
    place = str(tmp_path)
    return Order(kind="once", name="mine-2", run=f"{place}/mine", workspace=f"{place}/a.workspace", runs=place)


@pytest.fixture
def begun(monkeypatch):
    """Command lines of the processes that would be begun."""
    asked = []
    monkeypatch.setattr(retraining, "STARTED", PATIENCE)
    monkeypatch.setattr(
        retraining.subprocess, "Popen", lambda command, **how: asked.append(command) or SimpleNamespace(poll=lambda: 0)
    )
    return asked


def state(tmp_path):
    return [each.state for each in trainings(tmp_path)]


def test_a_training_is_running_while_its_process_lives_and_can_go_on_when_that_is_gone(order, begun, tmp_path):
    begin(order)
    assert begun[0][1:3] == ["-m", "workbench.app.page.retraining_process"]
    assert state(tmp_path) == ["running"]  # the process is about to begin
    with pytest.raises(WorkbenchError, match="'mine-2' is being trained"):
        begin(order.model_copy(update={"name": "other"}))
    with holding(lock_path(tmp_path, "mine-2"), "it"):
        told(tmp_path, order, Said(what="epoch 1/2", share=0.4, process=7))
        assert (state(tmp_path), trainings(tmp_path)[0].said.what) == (["running"], "epoch 1/2")
    assert state(tmp_path) == ["stopped"]  # killed, without a word
    with pytest.raises(WorkbenchError, match="No training 'mine-2' is running"):
        stop(tmp_path, "mine-2")
    begin(trainings(tmp_path)[0].order)
    told(tmp_path, order, Said(state="done", sentence="Done.", run="mine-2", process=8))
    assert (state(tmp_path), len(begun)) == (["done"], 2)


def test_what_cannot_be_trained_is_refused_and_damaged_files_are_left_out(order, begun, tmp_path):
    (tmp_path / "there").mkdir()
    for name, kind, why in (
        ("there", "once", "There is a run 'there' already"),
        ("../x", "once", "The name of a run is made of letters"),
        ("new", "often", "A training is 'once' or 'proof'"),
    ):
        with pytest.raises(WorkbenchError, match=why):
            begin(order.model_copy(update={"name": name, "kind": kind}))
    assert (begun, trainings(tmp_path)) == ([], [])
    begin(order)
    (tmp_path / ".retraining" / "x.order.json").write_text('{"kind": "on')
    (tmp_path / ".retraining" / "mine-2.said.json").write_text('{"state": "do')
    assert state(tmp_path) == ["running"]


def test_the_process_says_how_far_all_of_it_is_and_ends_where_it_is_asked_to(order, tmp_path, monkeypatch):
    monkeypatch.setattr(retraining_process, "PAUSE", 0.0)
    (tmp_path / ".retraining").mkdir()
    teller = retraining_process.Teller(order)
    shares = []
    for what, done, total in (
        ("all trainings", 0, 4),
        ("mine-before-0: all epochs", 1, 2),
        ("mine-before-0: epoch 2/2", 1, 100),
        ("all trainings", 1, 4),
        ("mine-after-0: all epochs", 1, 2),
    ):
        teller(what, done, total)
        shares.append(json.loads((tmp_path / ".retraining" / "mine-2.said.json").read_text())["share"])
    assert shares == [0.0, 0.125, 0.125, 0.25, 0.375]
    teller.stop()
    with pytest.raises(Stop):
        teller("all trainings", 2, 4)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (WorkbenchError("train/3: labelled 'Coat' now."), ("failed", "train/3: labelled 'Coat' now.")),
        (Stop(), ("stopped", "Stopped. It can go on from its last epoch.")),
        (ValueError("odd"), ("failed", "Unexpected error: see ")),
    ],
)
def test_whatever_ends_a_training_is_one_sentence(order, tmp_path, monkeypatch, raised, said):
    def train(*_):
        raise raised

    monkeypatch.setattr(retraining_process, "_train", train)
    monkeypatch.setattr(retraining_process.signal, "signal", lambda *_: None)
    (tmp_path / ".retraining").mkdir()
    place = tmp_path / ".retraining" / "mine-2.order.json"
    place.write_text(order.model_dump_json())
    assert retraining_process.main(str(place)) == 1
    (found,) = trainings(tmp_path)
    assert (found.state, found.said.sentence[: len(said[1])]) == said
    if said[1].startswith("Unexpected"):
        assert "ValueError: odd" in retraining.log_path(tmp_path, "mine-2").read_text()


def test_the_section_says_why_there_is_nothing_to_train_and_wrong_orders_are_refused(
    desk, parse, tmp_path, monkeypatch
):
    from starlette.testclient import TestClient

    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    client = TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")
    assert "Only a run can be trained again" in parse(retrain_html(desk)).text
    body = {"kind": "once", "name": "new", "copies": "", "seeds": 3, "control": False}
    assert client.post("/retrain/begin", json=body).status_code == 400
    desk.session.run = SimpleNamespace(name="mine", path=tmp_path / "mine")
    desk.session.workspace = tmp_path / "a.workspace"
    assert "No training image was corrected yet" in parse(retrain_html(desk)).text
    for changes, why in (
        ({"copies": "some"}, "There is no kind of copies 'some'"),
        ({"seeds": 1}, "`seeds` must be a whole number from 2 to 20"),
        ({"seeds": True}, "`seeds` must be"),
        ({"name": 3}, "A training needs a `name` and a `kind`"),
        ({"again": "nothing"}, "There is no training 'nothing'"),
    ):
        answer = client.post("/retrain/begin", json={**body, **changes})
        assert (answer.status_code, answer.json()["error"][: len(why)]) == (400, why)
    assert client.post("/retrain/stop", json={"name": "nothing"}).status_code == 400
    assert client.get("/status/retrain-nothing").json()["done"] is True
