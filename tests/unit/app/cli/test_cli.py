"""The commands, on the small run of conftest.py; what they print is checked against the Python API."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.tiny import HOSTILE, made_images
from workbench.app.cli import main
from workbench.app.cli.program import plain


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch):
    """Call the program in an empty folder in which `tiny` is the only run; `--data` is given for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))

    def call(*arguments, code=0, stdin=None):
        done = CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def session(tiny_run):
    import workbench as wb

    return wb.open_session(tiny_run.folder / "tiny", data=tiny_run.data)


def test_runs_lists_the_manifests(run, tiny_run):
    (only,) = json.loads(run("runs", "--json").stdout)
    assert (only["name"], only["recipe"], only["seed"], only["epochs"]) == ("tiny", "report", 1, 2)
    assert only["path"] == str(tiny_run.folder / "tiny")
    assert f"{only['metrics']['test']['accuracy']:.4g}" in run("runs").stdout


def test_runs_says_so_where_there_is_none(run, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "none"))
    assert "No runs" in run("runs").stdout
    assert json.loads(run("runs", "--json").stdout) == []


def test_evaluate_counts_as_one_would_by_hand(run, tiny_run):
    said = json.loads(run("evaluate", "tiny", "--data", tiny_run.data, "--json").stdout)
    saved = np.load(tiny_run.folder / "tiny/predictions-test.npz")
    predicted, labels = saved["logits"].argmax(1), saved["labels"]
    logits = saved["logits"].astype(np.float64)
    nats = np.log(np.exp(logits).sum(1)) - logits[np.arange(80), labels]
    assert said["accuracy"] == (predicted == labels).mean()
    assert said["errors"] == (predicted != labels).sum() >= 4  # four labels are wrong on purpose
    assert said["loss"] == pytest.approx(nats.mean(), abs=1e-5)
    low, high = said["accuracy_interval"]
    assert low < said["accuracy"] < high
    second = said["classes"][1]
    assert second["class"] == HOSTILE[1]
    assert second["recall"] == pytest.approx(((predicted == 1) & (labels == 1)).sum() / (labels == 1).sum())
    assert second["precision"] == pytest.approx(((predicted == 1) & (labels == 1)).sum() / (predicted == 1).sum())


def test_a_split_is_chosen(run, tiny_run):
    said = json.loads(run("evaluate", "tiny", "--data", tiny_run.data, "--split", "train", "--json").stdout)
    assert (said["dataset"], said["images"]) == ("tiny/train", 240)


def test_a_model_file_is_taken_in_place_of_a_run(run, tiny_run):
    of_file = json.loads(run("evaluate", "--model", tiny_run.model, "--data", tiny_run.data, "--json").stdout)
    of_run = json.loads(run("evaluate", "tiny", "--data", tiny_run.data, "--json").stdout)
    assert of_file["run"] == "model"
    assert of_file["loss"] == pytest.approx(of_run["loss"], abs=1e-4)


def test_analyze_gives_what_the_session_gives(run, session, tiny_run):
    said = json.loads(run("analyze", "most-confused", "tiny", "--data", tiny_run.data, "--top", 2, "--json").stdout)
    result = session.analyze("most-confused", top=2)
    assert said["params"]["top"] == 2
    assert [each["claim"] for each in said["findings"]] == [finding.claim for finding in result.findings]
    assert [each["indices"] for each in said["findings"]] == [list(finding.evidence) for finding in result.findings]
    names = session.dataset.names
    assert [each["images"] for each in said["findings"]] == [list(names[f.evidence.rows]) for f in result.findings]
    for name, table in result.named.items():
        assert len(said["tables"][name]) == len(table) <= 2
        assert list(said["tables"][name][0]) == list(table)


def test_analyze_prints_findings_and_tables_as_text(run, tiny_run):
    said = run("analyze", "top-losses", "tiny", "--data", tiny_run.data).stdout
    assert "Which images have the highest loss?" in said
    assert "images: test/7" in said  # the last four labels are wrong on purpose: images 76 to 79
    assert "[bold]red[/]" in said
    assert "\x1b" not in said and "\u202e" not in said and r"\x1b[31mred\u202e" in said
    assert "more rows (--json" in said


def test_figures_are_written_for_the_analyses_asked_for(run, tiny_run, tmp_path):
    done = run(
        "figures", "tiny", "--data", tiny_run.data, "--only", "confusion-matrix, samples", "--out", "report", "--json"
    )
    assert {each["name"] for each in json.loads(done.stdout)} == {"confusion-matrix", "samples"}
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {
        "confusion-matrix.png",
        "samples.json",
        "index.md",
    }


def test_train_passes_on_what_it_was_told(run, tiny_npz, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "own"))
    flags = ["--epochs", 1, "--batch-size", 40, "--learning-rate", 0.002, "--validation-split", 0.25, "--seed", 3]
    said = json.loads(run("train", "mine", "--recipe", "report", *flags, "--data", tiny_npz, "--json").stdout)
    assert (said["name"], said["recipe"], said["seed"], said["epochs"]) == ("mine", "report", 3, 1)
    assert (said["settings"]["batch_size"], said["settings"]["learning_rate"]) == (40, 0.002)
    assert said["settings"]["validation_split"] == 0.25
    assert (tmp_path / "own/mine/model.keras").is_file()


def test_train_shows_each_epoch_and_names_the_run_itself(run, tiny_npz, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "own"))
    said = run("train", "--recipe", "report", "--epochs", 2, "--batch-size", 120, "--data", tiny_npz).stdout
    assert [line.split()[0] for line in said.splitlines() if line[:5].strip().isdigit()] == ["1", "2"]
    assert "workbench page baseline-report-0" in " ".join(said.split())
    assert (tmp_path / "own/baseline-report-0/run.json").is_file()


def test_explain_writes_a_picture_and_its_numbers(run, session, tiny_run, tmp_path):
    from PIL import Image

    done = run(
        "explain",
        3,
        77,
        "--run",
        "tiny",
        "--data",
        tiny_run.data,
        "--method",
        "grad-cam",
        "--method",
        "saliency",
        "--layer",
        "conv2",
        "--target",
        "label",
        "--out",
        "maps",
        "--json",
    )
    said = json.loads(done.stdout)
    assert [(each["image"], each["method"]) for each in said] == [
        ("test/3", "grad-cam"),
        ("test/77", "grad-cam"),
        ("test/3", "saliency"),
        ("test/77", "saliency"),
    ]
    maps = session.attribute("grad-cam", rows=[3, 77], target="label", layer="conv2")
    assert [each["largest"] for each in said[:2]] == pytest.approx(maps.values.max(axis=(1, 2)).tolist(), rel=1e-4)
    assert said[0]["layer"] == "conv2" and said[2]["layer"] is None
    assert said[1]["target"] == HOSTILE[session.dataset.labels[77]] != said[1]["predicted"]
    for each in said:
        picture = np.asarray(Image.open(tmp_path / each["file"]).convert("RGB"))
        assert picture.std() > 20  # not blank
        assert json.loads((tmp_path / each["file"]).with_suffix(".json").read_text())["largest"] == each["largest"]


def test_explain_takes_names_and_their_ends_and_offers_the_nearest(run, tiny_run, tmp_path):
    from PIL import Image

    pictures, labels = made_images(8, 9)
    names = [f"{'abcd'[label]}/Müller {n}.png" for n, label in enumerate(labels)]
    for name in names:
        (tmp_path / "own/test" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own/train" / name).parent.mkdir(parents=True, exist_ok=True)
    for part in ("test", "train"):
        for name, pixels in zip(names, pictures, strict=True):
            Image.fromarray(pixels).save(tmp_path / "own" / part / name)
    asked = ["--model", tiny_run.model, "--data", "own", "--out", "maps", "--no-verdict", "--json"]
    given = ["test/a/Müller 4.png", "Müller 5.png", "c/Müller 6.png", 0]
    said = json.loads(run("explain", *given, *asked).stdout)
    assert [each["image"] for each in said[:3]] == ["test/a/Müller 4.png", "test/b/Müller 5.png", "test/c/Müller 6.png"]
    assert [each["true"] for each in said[:3]] == ["a", "b", "c"]
    assert said[3]["image"] in {f"test/{name}" for name in names}
    assert len({each["file"] for each in said}) == 4
    wrong = run("explain", "test/c/Muller 6.png", *asked, code=2).stderr
    assert "There is no image, and no image file, 'test/c/Muller 6.png'" in wrong and "'test/c/Müller 6.png'" in wrong
    listed = json.loads(run("analyze", "samples", *asked[:4], "--json").stdout)
    assert {row["image"] for row in listed["tables"]["samples"]} == {f"test/{name}" for name in names}
    assert listed["findings"][0]["images"] == [row["image"] for row in listed["tables"]["samples"]]


def test_explain_takes_image_files(run, tiny_run, tmp_path):
    from PIL import Image

    images, labels = made_images(4, 9)
    Image.fromarray(images[2]).save(tmp_path / "<b>photo.png")
    done = run("explain", "<b>photo.png", "--run", "tiny", "--data", tiny_run.data, "--out", "maps", "--json")
    (said,) = json.loads(done.stdout)
    assert (said["image"], said["true"], said["predicted"]) == ("<b>photo.png", None, HOSTILE[labels[2]])
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [
        "b-photo-grad-cam.json",
        "b-photo-grad-cam.png",
    ]
    refused = run("explain", "<b>photo.png", "--run", "tiny", "--data", tiny_run.data, "--target", "label", code=2)
    assert "An image file has no label" in refused.stderr


def test_explain_hands_parameters_to_the_methods_that_have_them(run, tiny_run):
    done = run(
        "explain",
        0,
        "--run",
        "tiny",
        "--data",
        tiny_run.data,
        "--method",
        "grad-cam",
        "--method",
        "smooth-grad",
        "--set",
        "samples=3",
        "--out",
        "maps",
        "--json",
    )
    first, second = json.loads(done.stdout)
    assert "samples" not in first["params"] and second["params"]["samples"] == 3


def test_explain_says_in_the_table_what_was_explained(run, tiny_run):
    said = run("explain", 5, "--run", "tiny", "--data", tiny_run.data, "--target", 2, "--out", "maps").stdout
    assert "1 picture in maps" in said and "test-5-grad-cam-as-2.png" in said and r"\x1b[31mred" in said


def test_shell_has_the_session(run, tiny_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    done = run("shell", "tiny", "--data", tiny_run.data, stdin="print(len(session.predictions), wb.__name__)\n")
    assert "80 workbench" in done.output
    assert "session  tiny on tiny/test, 80 images" in done.output


def test_shell_takes_ipython_where_it_is(run, tiny_run, monkeypatch):
    called = {}
    fake = SimpleNamespace(start_ipython=lambda **settings: called.update(settings["user_ns"]))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    run("shell", "tiny", "--data", tiny_run.data)
    assert called["session"].name == "tiny"


def test_data_says_where_from_and_which_checksums(run, monkeypatch):
    from workbench.data.sources import fashion_mnist

    located = fashion_mnist.Located("/some/folder", "the cache", {"train-images": "c59f"}, ("Debian: no such folder.",))
    monkeypatch.setattr(fashion_mnist, "locate", lambda folder, progress: located)
    said = run("data").stdout
    assert all(word in said for word in ("the cache", "/some/folder", "train-images", "c59f", "no such folder"))
    assert json.loads(run("data", "--json").stdout)["checksums"] == {"train-images": "c59f"}


def test_page_serves_the_session(run, tiny_run, monkeypatch):
    from workbench.app.page import server

    served = {}
    monkeypatch.setattr(server, "serve", lambda session, **settings: served.update(settings, session=session))
    run("page", "tiny", "--data", tiny_run.data, "--port", 0, "--no-browser")
    assert served["session"].name == "tiny" and not served["session"].ready
    assert (served["port"], served["open_browser"]) == (0, False)


@pytest.mark.parametrize(("there", "flags", "trained"), [(True, [], 0), (True, ["--retrain"], 1), (False, [], 1)])
def test_start_trains_only_what_is_not_there(run, tiny_run, tmp_path, monkeypatch, there, flags, trained):
    import shutil

    from workbench.app.page import server
    from workbench.core.checksum import record_checksum
    from workbench.data.sources import fashion_mnist
    from workbench.diagnosis import opening
    from workbench.training import runs, trainer

    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "own"))
    if there:
        shutil.copytree(tiny_run.folder / "tiny", tmp_path / "own/baseline")
        manifest = tmp_path / "own/baseline/run.json"
        renamed = json.loads(manifest.read_text()) | {"name": "baseline"}
        manifest.write_text(json.dumps(renamed | {"checksum": record_checksum(renamed)}))
    calls = []

    def train(name, *, job, **others):
        calls.append((name, job.recipe_name, job.recipe.epochs))
        return runs.open_run(tiny_run.folder / "tiny")

    monkeypatch.setattr(trainer, "train", train)
    monkeypatch.setattr(fashion_mnist, "locate", lambda *_, **__: SimpleNamespace(source="a test"))
    opened = opening.open_session(tiny_run.folder / "tiny", data=tiny_run.data)
    monkeypatch.setattr(opening, "open_session", lambda *_, **__: opened)
    monkeypatch.setattr(server, "serve", lambda session, **settings: calls.append("served"))
    said = run("start", "--port", 0, "--no-browser", *flags).stdout
    assert calls == [("baseline", "tuned", 20)] * trained + ["served"]
    assert "verified; from a test" in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("T-shirt/top", "T-shirt/top"),
        ("a\nb", "a b"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202eevil", r"\u202eevil"),
        ("Ä", "Ä"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text, shown):
    assert plain(text) == shown


def test_what_is_written_lies_in_the_home_that_was_named(run, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    run("figures", "tiny", "--data", tiny_run.data, "--only", "samples", "--limit", 20)
    run("explain", 3, "--run", "tiny", "--data", tiny_run.data, "--method", "saliency")
    run("export", "tiny", "--data", tiny_run.data, "--format", "saved-model")
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"home/figures/tiny/samples.png", "home/exports/tiny/saved_model/saved_model.pb"} <= written
    assert {path.partition("/")[0] for path in written} == {"home"}
    assert any(path.startswith("home/figures/tiny/explain/") for path in written)
