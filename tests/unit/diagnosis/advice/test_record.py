"""What was advised is kept with the run, found again, and left aside where the model is another one."""

import json
import shutil
from types import SimpleNamespace

import pytest

from tests.advised import keep, made_advice
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.diagnosis.advice.record import FILE, Number, kept, kept_with, read, write
from workbench.training.runs import open_run, shipped_folder, takes_files


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch):
    """The small run in a place of its own, with a cache of its own."""
    shutil.copytree(tiny_run.folder / tiny_run.name, tmp_path / "runs" / tiny_run.name)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return open_run(tiny_run.name)


def session_of(run, fingerprint=None, *, cache=True):
    return SimpleNamespace(
        run=run, cache=cache, model_fingerprint=fingerprint or run.manifest.model_sha256[:16], name="made"
    )


def test_what_is_written_is_read_again(tmp_path):
    advice = made_advice("0" * 16)
    write(tmp_path / "new" / FILE, advice)
    assert read(tmp_path / "new" / FILE).record == advice.record


def test_it_lies_in_the_folder_of_the_run_and_opens_with_it(run):
    advice = made_advice(run.manifest.model_sha256[:16])
    assert keep(session_of(run), advice) == run.path / FILE
    assert kept(session_of(run)).advised == advice.advised
    assert kept_with(open_run(run.name)).short == "Saliency, HSIC"


def test_that_of_another_model_is_left_aside(run):
    keep(session_of(run), made_advice("f" * 16))
    assert kept(session_of(run)) is None
    assert kept_with(run) is None


def test_a_model_file_and_another_reading_of_a_run_have_theirs_in_the_cache(run, tmp_path):
    for session in (session_of(None, "a" * 16), session_of(run, "b" * 16)):
        path = keep(session, made_advice(session.model_fingerprint))
        assert path == tmp_path / "cache" / "advice" / f"{session.model_fingerprint}.json"
        assert kept(session).model == session.model_fingerprint
    assert kept(session_of(None, "a" * 16, cache=False)) is None
    assert kept_with(run) is None


def test_nothing_is_put_beside_runs_that_come_with_the_workbench(run, tmp_path, monkeypatch):
    assert takes_files(run)
    shipped = open_run("baseline", shipped_folder())
    assert not takes_files(shipped)
    monkeypatch.setenv("WORKBENCH_RUNS", str(shipped_folder()))
    assert takes_files(shipped)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.update(images=99), "was changed since it was written"),
        (lambda record: record.update(advised="Grad-CAM"), "is damaged: advised"),
        (lambda record: record.pop("model"), "is damaged: model"),
        (lambda record: record.update(more=1), "is damaged: more"),
    ],
)
def test_a_damaged_one_is_a_sentence_and_as_if_there_were_none(run, change, said, caplog):
    path = keep(session_of(run), made_advice(run.manifest.model_sha256[:16]))
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(WorkbenchError, match=said):
        read(path)
    assert kept(session_of(run)) is None
    assert caplog.text.count(said) == 1
    kept(session_of(run))  # as with every click of the page
    assert caplog.text.count(said) == 1
    path.write_text("[]")
    assert kept_with(run) is None


def test_of_another_version_it_is_not_read(tmp_path):
    write(tmp_path / FILE, made_advice("0" * 16).model_copy(update={"version": 2}))
    with pytest.raises(WorkbenchError, match="is of version 2, not 1"):
        read(tmp_path / FILE)


def test_a_number_that_is_not_known_is_none():
    assert Number.of(Estimate(float("nan"))) == Number(value=None)
    assert str(Number(value=0.5, low=0.4, high=0.6).share) == "50.0 % (95 % interval 40.0–60.0 %)"
