"""The web application from outside: headers, hosts, addresses, ports."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.verdicts import verdict
from workbench.app.page.application import create_app
from workbench.app.page.opinion import Opinion, Weights
from workbench.app.page.server import bind
from workbench.core.attribution import BELIEVED, Attribution
from workbench.core.errors import Unavailable


@pytest.fixture
def client(desk):
    from starlette.testclient import TestClient

    return TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")


def test_every_answer_forbids_foreign_content(client):
    for path in ("/", "/healthz", "/workbench/app.js", "/nothing"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy


def test_another_host_name_is_refused(client):
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"host": "localhost:7860"}).json() == {"ok": True}


@pytest.mark.parametrize(
    "path",
    [
        "/figure/nothing.png",
        "/figure/nothing.json",
        "/table/nothing/0.csv",
        "/workbench/page.py",
        "/workbench/..%2fpage.py",
        "/monitoring",
        "/points/nothing",
        "/verdict/nothing",
        "/values/nothing",
        "/gradio_api/run/look",
        "/openapi.json",
        "/gradio_api/file=/etc/passwd",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code in (403, 404, 405)
    assert client.post(path, json={"data": []}).status_code in (403, 404, 405)


def test_progress_is_told_by_key(client, desk):
    desk.loading.progress("Predictions", 256, 1024)
    told = {"done": False, "what": "Predictions: 256 of 1,024", "share": 0.25, "parts": 0}
    assert client.get("/status/loading").json() == told
    assert client.get("/status/unknown").json()["done"] is True


def test_the_figure_and_the_tables_of_an_answer_can_be_fetched(client, desk):
    key, job = desk.answer("class-balance", {}, wait=PATIENCE)
    assert job.error == ""
    figure = client.get(f"/figure/{key}.png")
    assert figure.content[:8] == b"\x89PNG\r\n\x1a\n"
    table = client.get(f"/table/{key}/0.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) == 1 + len(next(iter(job.value.tables.values())))
    assert client.get(f"/table/{key}/99.csv").status_code == 404


def test_the_points_of_an_answer_without_a_map_are_not_served(client, desk):
    key, job = desk.answer("class-balance", {}, wait=PATIENCE)
    assert job.error == ""
    assert client.get(f"/points/{key}").status_code == 404


def test_the_raw_values_of_a_map_on_screen_can_be_fetched_exactly(client, desk):
    values = np.array([[[1.0, -2.5e-9], [np.float32(0.1), 3e30]]], np.float32)
    made = Attribution(
        values,
        target=np.array([0]),
        score="logit",
        signed=True,
        method="saliency",
        params={},
        layer=None,
        image_size=(2, 2),
    )
    key = desk.judges.put(SimpleNamespace(key="k", pixels=np.zeros((2, 2, 1), np.uint8)), made)
    answer = client.get(f"/values/{key}")
    np.testing.assert_array_equal(np.frombuffer(answer.content, "<f4").reshape(2, 2), values[0])
    assert answer.headers["content-type"] == "application/octet-stream"


def test_the_verdict_of_a_map_on_screen_is_html_for_its_place(client, desk, monkeypatch):
    made = Attribution(
        np.ones((1, 2, 2), np.float32),
        target=np.array([0]),
        score="logit",
        signed=True,
        method="saliency",
        params={},
        layer=None,
        image_size=(2, 2),
    )
    key = desk.judges.put(SimpleNamespace(key="k", pixels=np.zeros((2, 2, 1), np.uint8)), made)
    known = Opinion(None, Weights("waiting"))
    monkeypatch.setattr(desk.judges, "opinion", lambda session, asked, wait: known if asked == key else None)
    assert client.get(f"/verdict/{key}").json() == {"open": True}
    known = Opinion(verdict(randomised=0.2), Weights("known"))
    answer = client.get(f"/verdict/{key}").json()
    assert BELIEVED in answer["badge"]
    assert "beats 98 % of 50" in answer["told"]
    assert answer["open"] is False
    known = Opinion(None, Weights("waiting"), "it <broke>")
    answer = client.get(f"/verdict/{key}").json()
    assert "it &lt;broke&gt;" in answer["told"]
    assert answer["open"] is False


def test_a_port_in_use_is_one_sentence_that_says_how_to_choose_another():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"Port {port} is in use.*--port {port + 1}.*--port 0"):
            bind("127.0.0.1", port)


def test_port_zero_is_any_free_one_and_a_wrong_one_is_refused():
    with bind("127.0.0.1", 0) as taken:
        assert taken.getsockname()[1] > 0
    with pytest.raises(Unavailable, match="70000"):
        bind("127.0.0.1", 70000)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/figure/nothing.png", 404, "not kept any more."),
        ("/table/nothing/0.html", 404, "not kept any more."),
        ("/values/nothing", 404, "not kept any more."),
        ("/verdict/nothing", 404, "not kept any more."),
        ("/points/nothing", 404, "not kept any more."),
        ("/workbench/page.py", 404, "not kept any more."),
        ("/table/nothing/first.csv", 400, "`place` cannot be read"),
        ("/table/nothing/0.html?rows=1e9", 400, "`rows` cannot be read"),
        ("/status/nothing?hidden=perhaps", 400, "`hidden` cannot be read"),
    ],
)
def test_an_address_of_which_nothing_comes_says_why_in_a_sentence(client, path, status, said):
    answer = client.get(path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]
