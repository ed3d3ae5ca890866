"""What may be sent to the page, as bytes: an address, a body, or a view. No answer is a bug's, and none is a traceback.

The first byte says where the rest goes.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

INPUTS = 500  # each is a whole request
ADDRESSES = (
    "/api/predict",
    "/api/explain",
    "/api/analyze",
    "/gradio_api/queue/join",
    "/gradio_api/call/analyze",
    "/gradio_api/call/v2/explain",
)


@cache
def page() -> tuple[Any, Any, Any]:
    """Return the application, its panes and the loop that it runs on; a model of two pixels is asked."""
    import keras

    from workbench.app.page.application import create_app
    from workbench.app.page.desk import Desk
    from workbench.app.page.page import Panes
    from workbench.core.dataset import Dataset
    from workbench.diagnosis.opening import Session

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    images = np.random.default_rng(0).integers(0, 256, (6, 2, 3, 1), np.uint8)
    names = ("dark", "<b>", "bright")
    dataset = Dataset(images, np.arange(6) % 3, class_names=names, indices=np.arange(6), name="made/test")
    desk = Desk(Session(model, dataset, name="fuzzed", preprocessing="unit", cache=False))
    desk.seen.set()
    desk.start()
    for step in (desk.opening, desk.predicting, desk.loading):
        step.done.wait(600)
    atexit.register(desk.close)
    # In a thread of its own: where a browser was started before, a loop seems to run in this one.
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return create_app(desk, background=False), Panes(desk), loop


def seeds() -> list[bytes]:
    """Return valid inputs, one of each kind."""
    page()
    return [
        b'\x00{"image": 1}',
        b'\x00{"image": [[0, 255, 3], [1, 2, 3]], "invert": true}',
        b'\x01{"image": 1, "method": "saliency", "target": "no class", "params": {}}',
        b'\x02{"name": "samples", "params": {"count": 2, "seed": 1}, "rows": [0, 1]}',
        b'\x03{"data": [{"view": {"section": "errors"}}], "fn_index": 0, "session_hash": "x"}',
        b'\x04{"data": ["samples", null, null, false]}',
        b'\x05{"image": 1, "method": "grad-cam"}',
        b"\x06section=errors&true=0&predicted=any&gallery_page=1&methods=saliency,rise&options=rise.masks:20",
        b"\x07section=samples&count=3&seed=1&_region=0,1,2,3",
        b"\x08/?section=errors&page=2",
        b"\x08/table/x/0.csv",
    ]


def attack(data: bytes) -> None:
    """Send one request, or show one view.

    Raises:
        AssertionError: if the answer is a bug's, or there is none.
    """
    kind, rest = data[:1].ljust(1, b"\0")[0] % 9, data[1:]
    if kind < 6:
        status = answered("POST", ADDRESSES[kind], rest)
    elif kind < 8:
        show(rest, kind == 6 and len(rest) % 4 == 0)  # maps take the longest
        return
    else:
        path, _, query = rest.partition(b"?")
        status = answered("GET", "/" + path.decode("latin-1").lstrip("/"), b"", query)
    assert 200 <= status < 500, f"{status} for {data[:200]!r}"


def show(query: bytes, paint: bool) -> None:
    """Show a view, quick panes first; a pane says what is wrong in a sentence, and never that it was unexpected."""
    from workbench.app.page.jobs import UNEXPECTED

    _, panes, _ = page()
    asked = dict(parse_qsl(query.decode("latin-1")))
    made, reply = panes.look({"view": asked, "old": None})
    assert panes.view(reply["view"]).query() == reply["view"]
    assert not any(UNEXPECTED in str(html) for html in made.values()), asked
    if paint and asked.get("section") in ("errors", "own"):
        assert UNEXPECTED not in str(panes.detail({**asked, "methods": "saliency"})), asked


def answered(method: str, path: str, body: bytes, query: bytes = b"") -> int:
    """Send one request to the application in this process; return the status of its answer."""
    app, _, loop = page()
    return asyncio.run_coroutine_threadsafe(_answered(app, method, path, body, query), loop).result(600)


async def _answered(app: Any, method: str, path: str, body: bytes, query: bytes) -> int:
    sent, statuses = False, []
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.sleep(3600)
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]
