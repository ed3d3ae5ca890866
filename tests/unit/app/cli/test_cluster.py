"""`--cluster` and `--workers`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.app.cli.cluster_options import crew_of
from workbench.core.errors import Unavailable
from workbench.shards.crew import Here
from workbench.shards.local import Local


@pytest.fixture
def here(tmp_path, tiny_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return ["--model", str(tiny_run.model), "--data", str(tiny_run.data), "--json"]


def test_a_worker_evaluates_as_this_process_does(here, monkeypatch, tmp_path):
    divided = CliRunner().invoke(main, ["evaluate", *here, "--workers", "1"])
    assert divided.exit_code == 0, divided.stderr
    assert not list((tmp_path / "cache" / "shards").glob("[!.]*")), "its shards are in their place"
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    alone = CliRunner().invoke(main, ["evaluate", *here])
    assert json.loads(divided.stdout) == json.loads(alone.stdout)


def test_a_worker_writes_the_maps_of_this_process(here, monkeypatch, tmp_path):
    for out, more in (("one.npy", []), ("two.npy", ["--workers", "1", "--cluster", "local"])):
        done = CliRunner().invoke(main, ["maps", "saliency", *here, "--limit", "9", "--out", out, *more])
        assert done.exit_code == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["file"], said["shape"]) == (out, [9, 28, 28])
        assert said["assumed"].startswith("The pixels' scale is assumed")
    np.testing.assert_array_equal(np.load("one.npy"), np.load("two.npy"))


def test_whom_the_options_ask(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for cluster, workers, kind in ((None, None, type(None)), (None, 1, Here), ("auto", 1, Here), ("local", 2, Local)):
        with crew_of(cluster, workers) as crew:
            assert type(crew) is kind
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"no Ray cluster at 127\.0\.0\.1:1"), crew_of("auto", None):
        pass
    with pytest.raises(Unavailable, match="local, auto, or the HOST:PORT"), crew_of("lokal", None):
        pass
    for address in ("auto", "ray://10.0.0.1:10001"):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(Unavailable, match=rf"RAY_ADDRESS, which is '{address}'"), crew_of("auto", None):
            pass
