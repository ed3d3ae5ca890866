"""What reaches the page, over real connections: only its own addresses, asked by its own pages, with whole bodies."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import time

import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import LABELS, NAMES, PREDICTED, SURE, predictions
from workbench.app.page import connection, gradio_calls, guard
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.page import Panes
from workbench.app.page.server import bind, running

JSON = {"Content-Type": "application/json"}
JOIN = "/gradio_api/queue/join"
ASK = b'{"data": [{"view": {}}], "fn_index": 0, "session_hash": "x"}'  # what a click of the page sends


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A page whose predictions are there and whose model is not."""
    import numpy as np

    from workbench.core.dataset import Dataset
    from workbench.diagnosis.opening import Session

    images = np.zeros((8, 28, 28, 1), np.uint8)
    dataset = Dataset(images, LABELS, class_names=NAMES, indices=np.arange(8), name="made/test")
    model = tmp_path_factory.mktemp("model") / "model.keras"
    model.write_bytes(b"never opened")
    session = Session(model, dataset, preprocessing="unit", cache=False)
    session._predictions = predictions(LABELS, PREDICTED, SURE, 3)
    desk, taken = Desk(session), bind("127.0.0.1", 0)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # of connections too: what nobody reads stays here
    with running(create_app(desk, background=False), taken):
        yield taken.getsockname()[1]
    desk.close()


def told(port, *parts):
    """Send bytes as they are; return the status and what came behind the head, (0, b"") where nothing came."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        answer = b""
        try:
            for part in parts:
                line.sendall(part)
            while not (
                head := re.match(rb"HTTP/1.1 (\d+)(?:.|\n)*?content-length: (\d+)(?:.|\n)*?\r\n\r\n", answer)
            ) or (len(answer) < head.end() + int(head[2])):
                if not (more := line.recv(65536)):
                    return 0, answer
                answer += more
        except OSError:
            return 0, answer
    return int(head[1]), answer[head.end() :]


def ask(port, method, path, body=None, **headers):
    lines = {"Host": f"127.0.0.1:{port}", **({} if body is None else {"Content-Length": len(body)})}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return told(port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""))


@pytest.fixture
def post(port):
    return lambda path, body, **headers: ask(port, "POST", path, body, **{**JSON, **headers})


# ---------------------------------------------------------------- who asks


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("testserver", 400),
        ("evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("evil.example@127.0.0.1", 400),
        ("127.0.0.1:evil", 400),
        ("127.0.0.1.evil.example", 400),
        ("127.1", 400),
        ("", 400),
        ("\xe9", 400),
    ],
)
def test_the_page_has_its_own_names_and_no_others(port, host, status):
    assert ask(port, "GET", "/healthz", Host=host)[0] == status


ORIGINS = [
    "http://evil.example",
    "null",
    "http://localhost:1",
    "http://127.0.0.1",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}@evil.example",
    "http://localhost:{port}",  # another name is another origin
    "http://127.0.0.1:{port}, http://127.0.0.1:{port}",
    "ftp://127.0.0.1:{port}",
    "",
]


@pytest.mark.parametrize("path", ["/api/analyze", "/gradio_api/queue/join", "/gradio_api/upload", "/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_a_foreign_page_sends_is_refused_wherever_it_goes(port, method, path):
    for origin in ORIGINS:
        status, said = ask(port, method, path, ASK, Origin=origin.format(port=port), **JSON)
        assert (origin, status) == (origin, 403)
        assert json.loads(said)["error"].count(".") == 1
    for site in ("cross-site", "same-site"):
        assert ask(port, method, path, ASK, Sec_Fetch_Site=site, **JSON)[0] == 403


def test_the_page_itself_and_programs_are_answered(port, post):
    assert post(JOIN, ASK)[0] == 200
    assert post(JOIN, ASK, Origin=f"http://127.0.0.1:{port}", Sec_Fetch_Site="same-origin")[0] == 200
    assert post(JOIN, ASK, Host="localhost:80", Origin="http://localhost")[0] == 200
    assert post(JOIN, ASK, Host="localhost", Origin="https://localhost")[0] == 200  # a proxy with TLS


def test_no_other_origin_may_read_an_answer(port):
    for origin in ("http://localhost:1", "http://evil.example"):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(f"GET /config HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\r\n".encode())
            head = line.recv(65536).partition(b"\r\n\r\n")[0].lower()
        assert b"access-control-allow" not in head
        assert b"cross-origin-resource-policy: same-origin" in head


# ---------------------------------------------------------------- what is asked

NOT_USED = """
upload upload_progress reset cancel component_server heartbeat/x proxy=http://127.0.0.1/ file=/etc/passwd
file/etc/passwd deep_link login login_check token user run/predict api/predict stream/x dev/reload runs
run-history/records queue/status startup-events custom_component/1/client/component/index.js
monitoring/summary openapi.json
"""


@pytest.mark.parametrize("name", NOT_USED.split())
def test_what_of_gradio_the_page_does_not_use_is_off(port, post, name):
    assert ask(port, "GET", f"/gradio_api/{name}")[0] in (404, 405)
    assert post(f"/gradio_api/{name}", b"{}")[0] in (404, 405)
    assert ask(port, "GET", f"/{name}")[0] in (404, 405)


def test_every_route_of_gradio_is_either_used_or_off(port):
    """A new release may bring new ones."""
    import gradio as gr
    from fastapi import FastAPI

    with gr.Blocks() as page:
        gr.HTML()
    app = gr.mount_gradio_app(FastAPI(), page, path="/", app_kwargs={"openapi_url": None}).routes[-1].app
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    paths |= {each.path for r in app.routes for each in getattr(getattr(r, "original_router", r), "routes", [])}
    assert "/gradio_api/upload" in paths, "the routes are found in another place now"
    used = {path for path in paths if any(each.fullmatch(path) for each in guard.OF_GRADIO.values())}
    used |= {path for path in paths if path.startswith(("/static/", "/assets/"))}
    assert used == {
        "/",
        "/config",
        "/theme.css",
        "/favicon.ico",
        "/static/{path:path}",
        "/assets/{path:path}",
        "/gradio_api/info",
        "/gradio_api/app_id",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
        "/gradio_api/call/{api_name}",
        "/gradio_api/call/{api_name}/",
        "/gradio_api/call/v2/{api_name}",
        "/gradio_api/call/v2/{api_name}/",
        "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/call/v2/{api_name}/{event_id}",
    }


@pytest.mark.parametrize("letter", ["a", "%41", "a/", "%C3%A9"])
@pytest.mark.parametrize("length", [100, 256, 5000])
def test_a_name_that_no_file_can_have_is_not_there(port, letter, length):
    for folder in ("/static/", "/assets/", "/static/fonts/"):
        assert ask(port, "GET", folder + letter * length)[0] in (400, 404)


@pytest.mark.parametrize(
    "query", ["page=anything", "page=1&section=errors", "deep_link=../../etc/passwd", "page=%00&page=2", "%ff=%fe&&=&"]
)
def test_an_address_never_means_something_to_gradio_that_it_does_not_to_us(port, query):
    assert ask(port, "GET", f"/config?{query}")[0] in (200, 307)
    assert ask(port, "GET", f"/?{query}")[0] in (200, 307)


def test_an_old_link_s_page_of_the_gallery_is_found(port):
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(f"GET /?section=errors&true=6&page=1 HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        head = line.recv(65536).lower()
    assert b"location: /?section=errors&true=6&gallery_page=1\r\n" in head


@pytest.mark.parametrize(
    "sent",
    [
        {"data": [{}], "fn_index": 999, "session_hash": "x"},
        {"data": [{}], "fn_index": -1, "session_hash": "x"},
        {"data": [{}], "fn_index": 10**18, "session_hash": "x"},
        {"data": [{}], "fn_index": "0", "session_hash": "x"},
        {"data": [{}], "fn_index": True, "session_hash": "x"},
        {"data": [{}], "fn_index": None, "session_hash": "x"},
        {"data": [{}], "fn_index": 0, "session_hash": "../x"},
        {"data": [{}], "fn_index": 0, "session_hash": None},
        {"data": [{}], "fn_index": 0, "session_hash": "x" * 65},
        {"data": [{}, {}], "fn_index": 0, "session_hash": "x"},
        {"data": [1], "fn_index": 0, "session_hash": "x"},
        {"data": {}, "fn_index": 0, "session_hash": "x"},
        {"fn_index": 0, "session_hash": "x"},
        {"data": [{}], "fn_index": 0, "session_hash": "x", "trigger_id": "a"},
        {"data": [{}], "fn_index": 0, "session_hash": "x", "batched": True},
        {"data": [{}], "fn_index": 0, "session_hash": "x", "event_id": 3},
    ],
)
def test_a_call_that_gradio_would_trip_over_never_reaches_it(post, sent):
    status, said = post("/gradio_api/queue/join", json.dumps(sent).encode())
    assert status in (400, 404)
    assert json.loads(said)["error"]


@pytest.mark.parametrize(
    "path", ["queue/data", "queue/data?session_hash=nobody", "call/predict/nothing", "call/v2/a/b"]
)
def test_who_listens_for_what_nobody_asked_is_told_so(port, path):
    assert ask(port, "GET", f"/gradio_api/{path}")[0] in (400, 404)


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("path", ["/api/analyze", "/gradio_api/call/v2/analyze", "/gradio_api/queue/join"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"name": "x", "name": "y"}',
        b'{"rows": [NaN]}',
        b'{"rows": [-Infinity]}',
        b'{"rows": [1e999]}',
        b'{"rows": [1' + b"0" * 30 + b"]}",
        b'{"rows": [1' + b"0" * 9000 + b"]}",
        b'{"name": "\\ud800"}',
        b'{"\\udfff": 1}',
    ],
)
def test_json_that_can_be_read_in_two_ways_is_one_sentence(post, path, body):
    status, said = post(path, body)
    assert status == 400
    assert 0 < len(json.loads(said)["error"]) < 700


@pytest.mark.parametrize(
    ("part", "times", "said"),
    [
        (b"[],", 300_001, "300,000 lists and objects"),
        (b"{},", 300_001, "300,000 lists and objects"),
        (b'{"op":1},', 100_001, "100,000 names"),
        (b"1,", 4_000_001, "4,000,000 values"),
        (b'"\\"",', 4_000_001, "4,000,000 values"),
    ],
)
def test_json_of_too_many_parts_is_refused_before_they_are_made(post, part, times, said):
    # Seven million lists are made in three seconds, in which nobody else is answered.
    status, answer = post("/api/predict", b'{"image": [' + part * times + b"0]}")
    assert status == 400
    assert f"A request may have at most {said}." in json.loads(answer)["error"]


@pytest.mark.parametrize("text", [b"[{" * 99, b"[{:,]" * 400_000, b'\\"[' * 99, b"\\\\" * 99 + b'\\"[,' * 99])
def test_what_stands_in_text_is_no_part(post, text):
    assert post(JOIN, ASK.replace(b'"view": {}', b'"view": "' + text + b'"'))[0] == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"]
)
def test_what_a_browser_sends_to_others_unasked_is_no_json(post, kind):
    for path in ("/api/analyze", "/gradio_api/queue/join", "/gradio_api/call/v2/analyze"):
        assert post(path, ASK, Content_Type=kind)[0] == 415


def head(port, more):
    lines = (f"POST {JOIN} HTTP/1.1", f"Host: localhost:{port}", "Content-Type: application/json", more, "", "")
    return "\r\n".join(lines).encode()


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def test_a_body_in_chunks_is_read_and_counted(port, monkeypatch):
    begin = head(port, "Transfer-Encoding: chunked")
    assert told(port, begin + chunked(ASK[:5], ASK[5:]))[0] == 200
    monkeypatch.setattr(guard, "LARGEST", 2**20)
    status, said = told(port, begin + chunked(*[b" " * 2**16] * 40, ASK))
    assert (status, json.loads(said)["error"]) == (413, "A request may have at most 1 MB.")
    monkeypatch.setattr(guard, "SECONDS", 0.5)  # in which the rest may come
    assert told(port, head(port, "Content-Length: 1048577"))[0] in (0, 413)


@pytest.mark.parametrize(
    "more",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 2\r\nContent-Length: 20",
        "Content-Length: -1",
        "Content-Length: 2e3",
        "Transfer-Encoding: gzip",
    ],
)
def test_a_length_that_is_told_in_two_ways_is_refused(port, more):
    assert told(port, head(port, more) + chunked(ASK))[0] in (0, 400, 501)


def test_more_than_is_held_at_once_is_told_to_come_again(port, monkeypatch):
    monkeypatch.setattr(guard, "HELD", 10)
    assert told(port, head(port, f"Content-Length: {len(ASK)}") + ASK)[0] == 503
    monkeypatch.undo()
    assert told(port, head(port, f"Content-Length: {len(ASK)}") + ASK)[0] == 200


@pytest.mark.parametrize(
    ("sent", "drip", "status"),
    [
        (lambda port: head(port, "Content-Length: 500"), b"", 408),
        (lambda port: head(port, "Content-Length: 500"), b" ", 408),
        (lambda port: head(port, "Transfer-Encoding: chunked"), b"1\r\n \r\n", 408),
        (lambda port: b"", b"", 0),
        (lambda port: b"GET /healthz HT", b"", 0),
        (lambda port: b"GET /healthz HTTP/1.1\r\nX: ", b"a", 0),
        (lambda port: f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\nGET /".encode(), b"a", 200),
    ],
)
def test_nobody_holds_a_connection_by_being_slow(port, monkeypatch, sent, drip, status):
    for seconds in (0.4, 2.0, 10.0):  # a busy machine may need more to send what stands first
        monkeypatch.setattr(guard, "SECONDS", seconds)
        monkeypatch.setattr(connection, "SECONDS", seconds)
        ended, answer = dripped(port, sent(port), drip)
        assert ended, "the connection is still there"
        if int(answer[9:12] or 0) == status:
            break
    assert int(answer[9:12] or 0) == status


def dripped(port, sent, drip):
    """Send something, and drop after drop behind it; return whether the connection ended, and what was answered."""
    until, answer = time.monotonic() + PATIENCE, b""
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as line:
        try:
            line.sendall(sent)
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    if drip:
                        line.sendall(drip)
                    if not (more := line.recv(65536)):
                        return True, answer
                    answer += more
        except OSError:
            return True, answer
    return False, answer


def unread(port, times=8):
    return f"GET /config HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode() * times


@pytest.fixture
def paused(monkeypatch):
    """Connections whose answers wait until they are read."""
    found, real = [], connection.Connection.pause_writing
    monkeypatch.setattr(connection.Connection, "pause_writing", lambda each: (found.append(each), real(each)))
    return found


def connected(port, sent=b""):
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.settimeout(PATIENCE)
    line.connect(("127.0.0.1", port))
    line.sendall(sent)
    return line


def read_on(line):
    with contextlib.suppress(OSError):
        while line.recv(65536):
            pass


def test_many_that_ask_nothing_keep_nobody_out(port, monkeypatch):
    monkeypatch.setattr(connection, "MOST", 5)
    silent = [connected(port) for _ in range(40)]
    for _ in range(10):
        assert ask(port, "GET", "/healthz")[0] == 200
    for line in silent[:30]:  # all but the newest are closed
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(1) == b""
    for line in silent:
        line.close()


@pytest.mark.parametrize("kind", ["send half of what they ask", "read no answer", "ask on before the answer"])
def test_many_that_are_waited_for_keep_nobody_out(port, monkeypatch, paused, kind):
    monkeypatch.setattr(connection, "MOST", 3)
    half, reads = head(port, "Content-Length: 50") + b"{", kind == "read no answer"
    sent = unread(port) if reads else half if kind.startswith("send half") else unread(port, 1000)
    slow = [connected(port, sent) for _ in range(4)]
    until = time.monotonic() + PATIENCE
    while reads and len(paused) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    if kind.startswith("ask on"):  # and read what comes: there is always one that is being answered
        for line in slow:
            threading.Thread(target=read_on, args=(line,), daemon=True).start()
    for _ in range(6):
        assert ask(port, "GET", "/healthz")[0] == 200
    for line in slow:
        line.close()


def test_an_answer_is_waited_for_as_long_as_somebody_reads_it(port, monkeypatch, paused):
    for seconds in (0.5, 2.0, 8.0):  # a busy machine may read nothing for longer
        monkeypatch.setattr(connection, "UNREAD", seconds)
        with connected(port, unread(port)) as idle, connected(port, unread(port, 5)) as slow:
            began, got = time.monotonic(), b""
            with contextlib.suppress(ConnectionResetError):
                while got.count(b"HTTP/1.1 200") < 5 and (more := slow.recv(4096)):
                    got += more
                    time.sleep(0.06 * seconds)
            if got.count(b"HTTP/1.1 200") < 5:
                continue
            assert time.monotonic() > began + 2 * seconds
            assert len(paused) >= 2
            rest = b""
            with contextlib.suppress(ConnectionResetError):
                while more := idle.recv(65536):
                    rest += more
            assert rest.count(b"HTTP/1.1 200") < 8
            return
    pytest.fail("it was cut off while somebody read it")


def test_who_leaves_at_any_moment_leaves_no_traceback(port, caplog):
    whole = head(port, f"Content-Length: {len(ASK)}") + ASK
    join = json.dumps({"data": [{"view": {}}], "fn_index": 0, "session_hash": "leaving"}).encode()
    ask(port, "POST", "/gradio_api/queue/join", join, **JSON)
    listen = f"GET /gradio_api/queue/data?session_hash=leaving HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
    with caplog.at_level(logging.WARNING):
        for sent in (whole[:10], whole[:-5], whole, listen, *[whole[: 7 * n] for n in range(1, 20)]):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(sent)
        assert ask(port, "GET", "/healthz")[0] == 200
        time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize(
    "line", ["Host: evil.example", "Host: localhost\r\nOrigin: http://evil.example", "Host: localhost"]
)
@pytest.mark.parametrize("body", ["zz\r\n", "-1\r\n{}", "1\r\n{x0\r\n\r\n"])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_a_body_that_is_no_http_is_refused_once(port, caplog, line, body, pause):
    with caplog.at_level(logging.ERROR), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sent:
        sent.sendall(
            f"POST /api/predict HTTP/1.1\r\n{line}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() * (pause > 0)
        )
        time.sleep(pause)
        head = f"POST /api/predict HTTP/1.1\r\n{line}\r\nTransfer-Encoding: chunked\r\n\r\n" * (not pause)
        with contextlib.suppress(ConnectionError):
            sent.sendall((head + body).encode())
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := sent.recv(65536):
                answer += more
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert ask(port, "GET", "/healthz")[0] == 200
    assert [record.getMessage() for record in caplog.records] == []


def test_a_page_that_asks_without_end_is_told_to_wait_and_others_are_not(post, monkeypatch):
    answered, look = threading.Event(), Panes.look
    monkeypatch.setattr(Panes, "look", lambda *given: (answered.wait(PATIENCE), look(*given))[1])
    monkeypatch.setattr(gradio_calls, "DUE", (3, 1000, 1000))
    looks = [post(JOIN, ASK.replace(b'"x"', b'"many"'))[0] for _ in range(12)]
    answered.set()
    assert looks == [200] * 3 + [429] * 9
    assert post(JOIN, ASK.replace(b'"x"', b'"another"'))[0] == 200
    for bounds in ((1000, 0, 1000), (1000, 1000, 0)):
        monkeypatch.setattr(gradio_calls, "DUE", bounds)
        status, said = post(JOIN, ASK)
        assert (status, json.loads(said)["error"].count(".")) == (429, 1)


def test_answers_that_nobody_fetches_are_forgotten(port, post, monkeypatch):
    assert post(JOIN, ASK.replace(b'"x"', b'"left"'))[0] == 200
    monkeypatch.setattr(gradio_calls, "FORGOTTEN", 0.0)
    until = time.monotonic() + PATIENCE
    listen = "/gradio_api/queue/data?session_hash=left"
    while time.monotonic() < until:
        time.sleep(0.2)
        post(JOIN, ASK)
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(f"GET {listen} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
            if line.recv(12).endswith(b"404"):
                break
    else:
        pytest.fail("the answer is still there")
