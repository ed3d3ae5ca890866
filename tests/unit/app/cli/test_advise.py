"""`workbench advise`: what it prints and keeps, and what it says where nothing can be asked."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from tests.advised import keep, made_advice
from tests.tiny import moved_beside
from workbench.app.cli import main
from workbench.diagnosis import advice
from workbench.diagnosis.advice import asking, record
from workbench.diagnosis.advice.record import FILE, kept_with, read
from workbench.diagnosis.opening import open_session
from workbench.training.runs import open_run


@pytest.fixture
def runs(tiny_run, tmp_path, monkeypatch):
    """A place of runs with the small one, which is the working folder's own."""
    shutil.copytree(tiny_run.folder / "tiny", tmp_path / "runs" / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(asking, "architecture_class", lambda _: "")
    return tmp_path / "runs"


def call(*words):
    return CliRunner().invoke(main, ["advise", *words])


def test_the_answer_is_printed_and_kept_with_the_run(runs):
    done = call(
        "tiny", "--images", "20", "--method", "occlusion", "--method", "hires-cam", "--seed", "3", "--minutes", "600"
    )
    assert done.exit_code == 0, done.output
    kept = read(runs / "tiny" / FILE)
    assert (kept.seed, kept.images, len(kept.advised)) == (3, 20, 2)
    for words in (*kept.said, *(each.why for each in kept.advised), kept.world.said, "the page shows these maps first"):
        assert " ".join(words.split()) in " ".join(done.stdout.split())
    listed = CliRunner().invoke(main, ["runs", "--json"])
    assert json.loads(listed.stdout)[0]["advised"] == [each.name for each in kept.advised]
    assert kept.short in CliRunner().invoke(main, ["runs", "--format", "csv"]).stdout


def test_runs_without_advice_have_no_column_for_it(runs):
    assert "advised" not in CliRunner().invoke(main, ["runs", "--format", "csv"]).stdout


def test_into_a_file_it_is_not_kept_for_the_page(runs, tmp_path):
    said = call(
        "tiny", "--images", "12", "--method", "saliency", "--out", "there/advice.json", "--json", "--minutes", "600"
    )
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found.pop("file") == "there/advice.json"
    assert found == json.loads((tmp_path / "there" / "advice.json").read_text())
    assert not (runs / "tiny" / FILE).exists()


def test_a_model_file_has_its_advice_in_the_cache(runs, tiny_run, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    session = open_session(model=tiny_run.model, data=tiny_run.data)
    monkeypatch.setattr(advice, "advise", lambda session, **_: made_advice(session.model_fingerprint))
    done = call("--model", str(tiny_run.model), "--data", str(tiny_run.data))
    assert done.exit_code == 0, done.output
    assert "look at these" in done.stdout
    path = tmp_path / "cache" / "advice" / f"{session.model_fingerprint}.json"
    assert read(path).short == "Saliency, HSIC"


def test_where_no_method_is_advised_it_is_said_and_no_page_is_promised(runs, monkeypatch):
    none = made_advice("0" * 16).model_copy(update={"advised": (), "said": ("No method is advised.",)})
    monkeypatch.setattr(advice, "advise", lambda *_, **__: none)
    done = call("tiny")
    assert done.exit_code == 0, done.output
    assert "No method is advised." in done.stdout
    assert "the page shows" not in done.stdout
    assert none.short == "none is surely better than random maps"


def test_what_cannot_be_kept_is_shown_and_where_nothing_can_be_written_nothing_is_asked(runs, monkeypatch):
    asked = []
    monkeypatch.setattr(advice, "advise", lambda *_, **__: asked.append(1) or made_advice("0" * 16))

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "write_file", full)
    for words, shown in ((), "look at these."), (("--json",), '"file": null'):
        done = call("tiny", *words)
        assert done.exit_code != 0, done.output
        assert shown in done.stdout
        assert "Kept in" not in done.stdout
        assert "No space left on device" in done.stderr

    def refused(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(record, "TemporaryFile", refused)
    done = call("tiny", "--out", "new/advice.json")
    assert "Cannot write new/advice.json: Read-only file system" in " ".join(done.stderr.split())
    assert (done.exit_code != 0, len(asked), done.stdout) == (True, 2, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tiny", "--method", "gradcam"), "grad-cam"),
        (("tiny", "--images", "5"), "12<=x<=1000"),
        (("tiny", "--minutes", "0"), "0.1<=x<=600"),
        (("tiny", "--method", "attention-rollout"), "needs attention"),
        (("no-such-run",), "no-such-run"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(runs, words, said):
    done = call(*words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_advice_for_the_run_before_it_was_trained_anew_is_left_aside(runs, tiny_run, tmp_path):
    kept = keep(open_session("tiny"), made_advice(open_session("tiny").model_fingerprint))
    (tmp_path / "other").mkdir()
    moved = tmp_path / "other" / moved_beside(tiny_run, tmp_path / "other")
    shutil.copy(kept, moved / FILE)
    assert kept_with(open_run("tiny")) is not None
    assert kept_with(open_run(moved)) is None
