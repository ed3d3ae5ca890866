"""`--cluster` and `--workers`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.app.cli.cluster_options import crew_of
from workbench.app.cli.commands.analyze import _command
from workbench.core.errors import Unavailable
from workbench.core.params import Params
from workbench.diagnosis import diagnose, registry
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.registry import analysis
from workbench.shards import lending
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


def test_an_analysis_by_workers_answers_what_one_process_answers(here, monkeypatch, tmp_path):
    asked = ["analyze", "robustness", *here, "--images", "12", "--maps", "0", "--families", "shot-noise"]
    divided = CliRunner().invoke(main, [*asked, "--workers", "1"])
    assert divided.exit_code == 0, divided.stderr
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    registry._answers.clear()
    alone = CliRunner().invoke(main, asked)
    one, other = (json.loads(each.stdout) for each in (divided, alone))
    for each in (one, other):
        each["context"].pop("seconds")
    assert one == other


def test_a_diagnosis_leaves_out_images_that_cannot_be_read_and_names_them(here, monkeypatch):
    def without(session, opener, crew):
        rows = [3] if session.split == "test" else []
        return session.subset(np.setdiff1d(np.arange(len(session.dataset)), rows)), dict.fromkeys(rows, "cut off")

    def answered(session, *, quick, divide):
        assert quick and divide is not None
        return Diagnosis(findings=(), asked={}, left_out={"x": "why"}, context=session.context, quick=quick)

    monkeypatch.setattr(lending, "embed", without)
    monkeypatch.setattr(diagnose, "diagnose", answered)
    done = CliRunner().invoke(main, ["diagnose", *here, "--fast", "--workers", "1"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["context"]["images"] == 79
    assert "1 image left out: test/3: cut off" in done.stderr


def test_figures_of_the_first_images_are_those_of_one_process(here, tmp_path):
    drawn, asked = [], ["figures", *here, "--only", "top-losses", "--limit", "40", "--out", "f"]
    for more in ([], ["--workers", "1"]):
        registry._answers.clear()
        done = CliRunner().invoke(main, [*asked, *more])
        assert done.exit_code == 0, done.stderr
        drawn.append(json.loads((tmp_path / "f" / "top-losses.json").read_text()))
        shutil.rmtree(tmp_path / "cache")
    for each in drawn:
        each["context"].pop("seconds")
        each.pop("created", None)
    assert drawn[0]["context"]["images"] == 40
    assert drawn[0] == drawn[1]


def test_who_has_a_parameter_of_that_name_keeps_it():
    class Own(Params):
        """What it can be told."""

        workers: int = 3

    kind = type("Own", (analysis("per-class"),), {"Params": Own, "__doc__": "What is it?"})
    assert [each.name for each in _command("own", kind).params].count("workers") == 1
    assert "cluster" not in [each.name for each in _command("own", kind).params]
