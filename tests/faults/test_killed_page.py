"""kill -9 of the page's server while two pages mark images at once: no acknowledged mark is lost, none is half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from workbench.workspace.workspace import Workspace

ROOT = Path(__file__).parents[2]
MOMENTS = 20
EACH = 7
"""Images of one change: all of them, or none."""

KILLED = """
import json, os, random, re, signal, sys, threading, time, traceback

import httpx

from workbench.app.page import connection, guard
from workbench.app.page.application import create_app
from workbench.app.page.page import Panes
from workbench.app.page.server import bind, running
from workbench.diagnosis.opening import open_session

run, each, moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
draw = random.Random(0)
connection.SECONDS = guard.SECONDS = 600.0  # a page that is slow is no page that hangs
app = create_app(open_session(run), background=False)  # once for all servers, which are forked
assert threading.active_count() == 1


def serve(taken, ready):
    panes, _ = Panes(app.state.desk).look({"view": {"section": "images"}, "old": None, "count": 1})
    key = re.search('data-key="([^"]+)"', str(panes["main"])).group(1)
    with running(app, taken):
        os.write(ready, key.encode() + b"\\n")
        time.sleep(6000)


def page(moment, name, port, key, told):
    \"\"\"Mark as fast as the server answers, and take back every third mark, until it is gone.\"\"\"
    origin = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=origin, headers={"Origin": origin}, timeout=600) as client:
            for step in range(100_000):
                first = (step * each) % 70
                mark = {"key": key, "places": [[first, first + each - 1]], "action": "tag", "page": f"{name}-{moment}"}
                client.post("/images/mark", json={**mark, "value": f"{name}-{moment}-{step}"}).raise_for_status()
                told.append(["said", f"{name}-{moment}-{step}"])
                if step % 3 == 2:
                    told.append(["taken back, perhaps", f"{name}-{moment}-{step}"])
                    client.post("/images/undo", json={"page": f"{name}-{moment}"}).raise_for_status()
                    told.append(["undone", f"{name}-{moment}-{step}"])
    except httpx.TransportError:
        pass


for moment in range(moments):
    taken, (reads, writes) = bind("127.0.0.1", 0), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            serve(taken, writes)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writes)
    port = taken.getsockname()[1]
    taken.close()
    with os.fdopen(reads) as ready:
        key = ready.readline().strip()
    told = []
    pages = [threading.Thread(target=page, args=(moment, name, port, key, told)) for name in ("ann", "bob")]
    for one in pages:
        one.start()
    # Any moment after some answers, however long one takes here.
    begun, wanted = time.monotonic(), draw.randint(1, 30)
    while len(told) < wanted and any(one.is_alive() for one in pages):
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 2 * (time.monotonic() - begun) / wanted))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for one in pages:
        one.join()
    print(json.dumps(told), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="servers are forked from a process that has built the page")
def test_kill_9_of_the_page_loses_no_acknowledged_mark_and_leaves_none_half(tiny_run, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tiny_run.folder / tiny_run.name), str(EACH), str(MOMENTS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "WORKBENCH_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    moments = [json.loads(line) for line in done.stdout.splitlines()]
    told = [tuple(each) for moment in moments for each in moment]
    acknowledged = {tag for what, tag in told if what == "said"}
    undone = {tag for what, tag in told if what == "undone"}
    asked_to_undo = {tag for what, tag in told if what == "taken back, perhaps"}
    assert len(moments) == MOMENTS and len(acknowledged) > 3 * MOMENTS and undone
    (path,) = tmp_path.glob("*.workspace")
    with Workspace.open(path) as workspace:
        tags = workspace.tags()
        assert acknowledged - asked_to_undo <= set(tags)  # nothing acknowledged is lost
        assert not undone & set(tags)  # nor does anything come back
        assert set(tags.values()) == {EACH}  # none half
        assert len(set(tags) - acknowledged) <= 2 * MOMENTS  # written, and killed before it was told
        assert workspace.rebuild()
