"""The same on a Ray cluster of two nodes in one machine: a node is gone, a worker, whoever gave the work, a disk."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from shard_tasks import Squares, Unopenable, computed, expected, files_of, squares

from tests.patience import PATIENCE
from workbench.core.errors import Unavailable
from workbench.core.progress import reporting
from workbench.diagnosis.opening import open_session
from workbench.session.map_files import stream_maps
from workbench.shards import on_ray, running
from workbench.shards.local import Local
from workbench.shards.trainings import trainings_by
from workbench.training.recipes import TrainingJob
from workbench.training.runs import open_run
from workbench.training.several_trainings import train_each

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: pip install -e '.[cluster]'", allow_module_level=True)

ROOT = Path(__file__).parents[2]
PLACES = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "workers")])
SHARDS = [f"{number:06d}.npz" for number in range(5)]
LOOP = "127.0.0.1"


def node_of(cluster):
    """A node of one processor, as soon as it is there."""
    made = cluster.add_node(wait=False, num_cpus=1, node_ip_address=LOOP)
    cluster.wait_for_nodes(timeout=PATIENCE)
    return made


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, so that whoever is killed is no head, and two nodes of one processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", PLACES)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # nothing of a test listens beyond this machine
        # A node that is gone is noticed within seconds, and one that is slow to answer is there.
        for name, value in {"period_ms": 500, "initial_delay_ms": 0, "failure_threshold": 3}.items():
            patch.setenv(f"RAY_health_check_{name}", str(value))
        patch.setenv("RAY_health_check_timeout_ms", str(int(1000 * PATIENCE)))
        patch.setenv("RAY_gcs_server_port_wait_time_s", str(int(PATIENCE)))
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # what else runs on a full machine is not Ray's to end
        patch.setattr("workbench.shards.on_ray.PATIENCE", PATIENCE)
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": LOOP, "wait": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.wait_for_nodes(timeout=PATIENCE)  # first the head, to which whoever gives the work belongs
        nodes = [node_of(made) for _ in range(2)]
        try:
            yield made, nodes
        finally:
            made.shutdown()


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def crew(cluster):
    from workbench.shards.on_ray import OnRay

    with OnRay(cluster[0].address, 2) as crew:
        yield crew


def once(log, done):
    """Have a listener of progress that does something, once, when two workers have begun."""
    did = []

    def listen(what, images, total):
        if not did and images and len(list(log.glob("*.log"))) == 2:
            did.append(done())

    return did, listen


def test_two_actors_give_what_one_process_gives(crew, tmp_path, log):
    found, without, store = squares(Squares(log=log, company=2), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS
    assert sorted(computed(log)) == [list(range(at, at + 4)) for at in range(0, 40, 4)]


def test_an_error_of_a_task_arrives_in_its_own_words(crew, tmp_path):
    with pytest.raises(ValueError, match=r"image \d+ is no picture"):
        squares(Squares(unreadable=frozenset(range(40))), crew, tmp_path / "shards")


def test_what_a_killed_actor_was_at_is_done_by_another(crew, tmp_path, log):
    did, listen = once(log, lambda: os.kill(int(next(log.glob("*.log")).stem), signal.SIGKILL))
    with reporting(listen):
        found, without, store = squares(Squares(log=log, seconds=0.2, company=2), crew, tmp_path / "shards")
    assert did and (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS


def test_an_image_that_kills_its_actor_three_times_is_named_and_left_out(crew, tmp_path, log):
    found, without, store = squares(Squares(log=log, deadly=frozenset({13})), crew, tmp_path / "shards")
    assert (found, without) == (expected(40, {13}), {13: "it ended its worker 3 times"})
    assert sum(13 in rows for rows in computed(log)) == 5  # in its shard, in its batch, and three times alone
    assert files_of(store) == SHARDS


def test_an_actor_whose_disk_is_full_is_done_without(crew, tmp_path, log):
    task = Squares(log=log, small=tmp_path / "small", company=2, seconds=0.05)
    found, without, store = squares(task, crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS
    assert len(list(crew.workers)) == 1


def test_an_actor_that_stands_still_is_ended_and_another_one_does_its_shard(crew, tmp_path, monkeypatch, caplog):
    ahead, stands = [], tmp_path / "stands"
    monkeypatch.setattr(running, "CLOCK", lambda: time.monotonic() + sum(ahead))
    monkeypatch.setattr(running, "AWAY", math.inf)

    def listen(what, done, total):
        if stands.is_file() and len(ahead) < 2:
            ahead.append(2 * running.SILENCE)

    with reporting(listen):
        found, without, _ = squares(Squares(stands=stands), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert "stands still, and is ended." in caplog.text


def test_an_actor_says_beside_its_work_that_it_gets_on(crew, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "LOOK", 0.0)
    wait, signs = crew.wait, []

    def listen(seconds):
        events = wait(seconds)
        signs.extend(each for each in events if each.news == "at it")
        return events

    monkeypatch.setattr(crew, "wait", listen)
    found, _, _ = squares(Squares(seconds=0.6), crew, tmp_path / "shards")
    assert found == expected(40)
    assert signs and {each.value for each in signs} == {None}


class Opens:
    """Counts how often workers are asked to open something."""

    def __init__(self, crew):
        self.count, self._open = 0, crew.open
        crew.open = self

    def __call__(self, *what):
        self.count += 1
        self._open(*what)


class Unreachable:
    """Ray, of which so many answers do not come through."""

    def __init__(self, ray, times):
        self._ray, self.times = ray, times

    def __getattr__(self, name):
        return getattr(self._ray, name)

    def get(self, reference):
        if self.times:
            self.times -= 1
            raise self._ray.exceptions.ActorUnavailableError("it is temporarily unavailable", None)
        return self._ray.get(reference)


def test_who_cannot_be_reached_for_a_while_has_not_died(crew, tmp_path, log, monkeypatch):
    monkeypatch.setattr("workbench.shards.on_ray.GIVEN_UP", PATIENCE)
    squares(Squares(), crew, tmp_path / "before")  # so that both are known
    opens, crew._ray = Opens(crew), Unreachable(crew._ray, 4)
    found, without, _ = squares(Squares(log=log, company=2), crew, tmp_path / "shards")
    assert (found, without, crew._ray.times) == (expected(40), {}, 0)
    assert opens.count == 2
    assert len(list(crew.workers)) == 2
    known = {each["NodeID"] for each in crew._ray.nodes() if each["Alive"]}
    assert all(map(crew.lives, known)) and not crew.lives("f" * 56)
    assert crew.lives(""), "of whom it is not known where it was, it is not known that its machine is gone"


def test_actors_that_never_open_the_task_are_each_tried_three_times(crew, tmp_path):
    opens = Opens(crew)
    with pytest.raises(Unavailable, match="It died 3 times before it got anything done"):
        squares(Unopenable(), crew, tmp_path)
    assert opens.count == 6


DRIVER = """
import sys
from pathlib import Path
from shard_tasks import Squares, squares

from workbench.shards.on_ray import OnRay

folder = Path(sys.argv[1])
with OnRay(sys.argv[2], 2) as crew:
    squares(Squares(log=folder / "log", gate=folder / "gate"), crew, folder / "shards")
"""


def test_who_gives_the_work_is_killed_and_the_next_one_does_the_rest(cluster, tmp_path, log):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, tmp_path, cluster[0].address], env={**os.environ, "PYTHONPATH": PLACES}
    )
    until = time.monotonic() + PATIENCE
    shards = tmp_path / "shards" / "000"
    while len(list(shards.glob("0*.npz"))) < 2 and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    actors = [int(each.stem) for each in log.glob("*.log")]
    while any(map(_alive, actors)) and time.monotonic() < until:  # they are ended by Ray
        time.sleep(0.05)
    assert not any(map(_alive, actors)), "actors outlive whom they worked for"
    before, calls = len(list(shards.glob("0*.npz"))), len(computed(log))
    assert 2 <= before < 5
    from workbench.shards.on_ray import OnRay

    with OnRay(cluster[0].address, 2) as crew:
        found, without, store = squares(Squares(log=log), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert len(computed(log)) - calls == 2 * (5 - before)
    assert files_of(store) == SHARDS


def test_nobody_there_is_one_sentence():
    program = "from workbench.shards.on_ray import OnRay\nOnRay('127.0.0.1:1', 1)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "Unavailable: There is no Ray cluster at 127.0.0.1:1" in told.stderr


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux' /proc")
def test_nothing_listens_beyond_loopback(cluster, crew, tmp_path):
    squares(Squares(), crew, tmp_path / "shards")
    sockets = {
        link for each in _family(os.getpid()) for file in Path(f"/proc/{each}/fd").glob("*") if (link := _link(file))
    }
    heard = [
        place.rpartition(":")[0]
        for table in ("tcp", "tcp6")
        for _, place, _, state, *_, inode in (
            line.split()[:10] for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        )
        if state == "0A" and f"socket:[{inode}]" in sockets
    ]
    assert len(heard) >= 6
    assert set(heard) <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_nobody_counts(cluster, monkeypatch):
    from ray._common.usage.usage_lib import usage_stats_enabled

    from workbench.shards.on_ray import OnRay

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    assert usage_stats_enabled()
    with OnRay(cluster[0].address, 1):
        assert not usage_stats_enabled()


def _link(file):
    try:
        return str(file.readlink())
    except OSError:
        return ""


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _family(process):
    """Return a process and those that it started, and they."""
    parents = {}
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(each.name)] = int((each / "stat").read_text().rpartition(")")[2].split()[1])
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def test_a_node_that_is_gone_costs_what_it_was_at(cluster, tmp_path, log):
    from workbench.shards.on_ray import OnRay

    made, nodes = cluster
    with OnRay(made.address, 2) as crew:
        did, listen = once(log, lambda: made.remove_node(nodes.pop(), allow_graceful=False))
        with reporting(listen):
            found, without, store = squares(Squares(log=log, seconds=0.3, company=2), crew, tmp_path / "shards")
    assert len(did) == 1
    assert (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS
    nodes.append(node_of(made))


COMMAND = """
import sys
from workbench.app.cli import main
address, model, data, out = sys.argv[1:]
main(["maps", "saliency", "--model", model, "--data", data, "--out", out, "--json", "--cluster", address],
     standalone_mode=False)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_the_command_gives_on_a_cluster_what_it_gives_in_one_process(cluster, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    arguments = [cluster[0].address, tiny_run.model, tiny_run.data, tmp_path / "maps.npy"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": PLACES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shape"][0] == 80
    session = open_session(model=tiny_run.model, data=tiny_run.data)
    assert session.has_embeddings, "what workers predicted is kept"
    alone = open_session(model=tiny_run.model, data=tiny_run.data)
    alone.cache = False
    np.testing.assert_allclose(session.predictions.logits, alone.predictions.logits, rtol=0, atol=1e-5)
    path = stream_maps(alone, "saliency", tmp_path / "one.npy")
    np.testing.assert_allclose(np.load(tmp_path / "maps.npy"), np.load(path), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_trainings_on_a_cluster_are_those_of_one_process_of_as_many_threads(cluster, tiny_npz, tmp_path, monkeypatch):
    from workbench.shards.on_ray import OnRay

    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    settings = {"epochs": 1, "batch_size": 16, "learning_rate": 3e-3}
    jobs = {
        name: TrainingJob.plan("report", {**settings, **more}, dataset=str(tiny_npz))
        for name, more in (("plain", {}), ("wrong", {"frozen_epochs": 1}))
    }
    why = {}
    with OnRay(cluster[0].address, 2) as there, Local(1, threads=1) as here:
        for crew, name in ((there, "there"), (here, "here")):
            told = {"divide": trainings_by(crew), "on_failure": lambda *each: why.update([each])}
            train_each(jobs, [0, 1], called="{}-{}".format, folder=tmp_path / name, **told)
    assert list(why) == ["wrong-0", "wrong-1"]
    for run in ("plain-0", "plain-1"):
        one, other = (open_run(run, tmp_path / name) for name in ("there", "here"))
        for each, same in zip(one.load_model().get_weights(), other.load_model().get_weights(), strict=True):
            np.testing.assert_array_equal(each, same)
