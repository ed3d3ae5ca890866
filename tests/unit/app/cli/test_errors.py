"""Wrong input: one line on stderr, exit code 2, nothing on stdout, no traceback unless it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.core.errors import Unavailable, WorkbenchError


def call(*arguments: object):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def here(tmp_path, tiny_run, monkeypatch):
    """A folder with bad files; `tiny` is the only run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    (tmp_path / "cut.keras").write_bytes(tiny_run.model.read_bytes()[:5000])
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "foreign.npy").write_text("no maps")
    return tmp_path


DATA = ("--data", "DATA")  # stands for the small run's data
WRONG = {
    "empty data": (["data", "--data", ""], "Got an empty name"),
    "empty class names": (["evaluate", "tiny", *DATA, "--class-names", ""], "must be non-empty names. Got ''"),
    "weights without effect": (["train", "x", "--weights", "imagenet"], "'baseline' takes none"),
    "weights that are not there": (["train", "x", "--architecture", "resnet50", "--weights", "no.h5"], "no file no.h5"),
    "no such command": (["analize"], "Did you mean 'analyze' or 'analyses'?"),
    "no such option": (["evaluate", "--splt", "test"], "Did you mean '--split'?"),
    "no such split": (["evaluate", "tiny", "--split", "tset"], "Did you mean 'test'?"),
    "no such run": (["evaluate", "tinny"], "Did you mean 'tiny'?"),
    "no such analysis": (["analyze", "most-confuse", "tiny"], "Did you mean 'most-confused'?"),
    "no such method": (["explain", "0", "--run", "tiny", "--method", "gradcam"], "Did you mean 'grad-cam'"),
    "no such layer": (["explain", "0", "--run", "tiny", *DATA, "--layer", "conv9"], "Did you mean 'conv"),
    "no such class": (["explain", "0", "--run", "tiny", *DATA, "--target", "$\\frac{1}{0} [bold]"], "Did you mean"),
    "no such parameter": (
        ["explain", "0", "--run", "tiny", *DATA, "--method", "occlusion", "--set", "strid=2"],
        "Did you mean 'stride'?",
    ),
    "no such recipe": (["train", "x", "--recipe", "tune"], "Did you mean 'tuned'"),
    "no such architecture": (["train", "x", "--architecture", "base"], "Did you mean 'baseline'?"),
    "no such figure": (["figures", "tiny", *DATA, "--only", "per-clas"], "Did you mean 'per-class'"),
    "a value out of range": (["analyze", "most-confused", "tiny", *DATA, "--top", "0"], "must be at least 1"),
    "a value of another type": (["analyze", "most-confused", "tiny", *DATA, "--top", "many"], "must be a whole number"),
    "epochs out of range": (["train", "x", "--epochs", "0"], "must be at least 1"),
    "nothing to resume": (["train", "x", "--resume"], "no unfinished training"),
    "a name that is no name": (["train", "../x"], "name of a run"),
    "no image": (["explain", "--run", "tiny"], "Missing argument"),
    "an image beyond the last": (["explain", "80", "--run", "tiny", *DATA], "must be a name, or 0 to 79"),
    "an image that is none": (["explain", "text.png", "--run", "tiny", *DATA], "text.png is not an image"),
    "an image file that is not there": (["explain", "no.png", "--run", "tiny", *DATA], "no.png"),
    "a setting without value": (["explain", "0", "--run", "tiny", *DATA, "--set", "steps"], "NAME=VALUE"),
    "a contrast and a target": (
        ["explain", "0", "--run", "tiny", *DATA, "--contrast", "0", "1", "--target", "label"],
        "leave out `--target`",
    ),
    "a contrast of probabilities": (
        ["explain", "0", "--run", "tiny", *DATA, "--contrast", "0", "1", "--score", "probability"],
        "leave out `--score`",
    ),
    "half a contrast": (["explain", "0", "--run", "tiny", *DATA, "--contrast", "0"], "--contrast"),
    "a contrast with no such class": (["explain", "0", "--run", "tiny", *DATA, "--contrast", "0", "7"], "no class"),
    "no such score": (["explain", "0", "--run", "tiny", *DATA, "--score", "logits"], "Did you mean 'logit'?"),
    "a stride beyond the patch": (
        ["explain", "0", "--run", "tiny", *DATA, "--method", "occlusion", "--set", "size=2", "--set", "stride=5"],
        "stride",
    ),
    "maps of no such method": (["maps", "gradcam", "--run", "tiny"], "Did you mean 'grad-cam'"),
    "maps of no method": (["maps"], "Missing argument"),
    "maps over a foreign file": (
        ["maps", "grad-cam", "--run", "tiny", *DATA, "--out", "foreign.npy"],
        "was not written by the workbench",
    ),
    "a truncated model": (["evaluate", "--model", "cut.keras", *DATA], "cut.keras"),
    "a foreign model": (["evaluate", "--model", "text.keras", *DATA], "text.keras is not a Keras model file"),
    "a model that is not there": (["evaluate", "--model", "no.keras", *DATA], "no.keras"),
    "a model without data": (["evaluate", "--model", "text.keras"], "--data FILE.npz"),
    "a run and a model": (["evaluate", "tiny", "--model", "text.keras"], "a run or `--model`"),
    "data that is none": (["evaluate", "tiny", "--data", "text.png"], "npz"),
    "a port that is none": (["page", "tiny", "--port", "70000"], "--port"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line_and_exit_2(case, here, tiny_run):
    arguments, said = WRONG[case]
    done = call(*(tiny_run.data if each == "DATA" else each for each in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_run_lists_those_there_are(here):
    assert call("page", "nothing-like-it").stderr.rstrip().endswith("Choose one of: tiny.")


def test_names_in_messages_stay_text(here):
    said = call("evaluate", "\x1b[2Jrun").stderr
    assert "\x1b" not in said
    assert r"\x1b[2Jrun" in said


@pytest.mark.parametrize("at", ["front", "back"])
def test_the_traceback_is_there_when_asked_for(here, at):
    done = call("--traceback", "evaluate", "nope") if at == "front" else call("evaluate", "nope", "--traceback")
    assert done.exit_code == 2
    assert "Traceback (most recent call last)" in done.stderr
    assert "workbench.core.errors.Unknown" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("Error: There is no run")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (WorkbenchError("`a` must be b. Got c."), 2, "Error: `a` must be b. Got c.\n"),
        (OSError(28, "No space left on device", "run.json"), 2, "Error: run.json: No space left on device.\n"),
        (
            RuntimeError("x; No space left on device [Op:SaveV2]"),
            2,
            "Error: The disk did not take a file: No space left on device. Make room, or choose another place.\n",
        ),
        (PermissionError(13, "Permission denied"), 2, "Error: Permission denied.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
        (
            KeyError("gone"),
            1,
            "Error: This is a bug in the workbench, not in what you did. "
            "KeyError: 'gone'. Run it again with --traceback for details.\n",
        ),
    ],
)
def test_every_error_leaves_as_a_line_and_a_code(monkeypatch, raised, code, said):
    from workbench.training import runs

    def fail():
        raise raised

    monkeypatch.setattr(runs, "list_runs", fail)
    done = call("runs")
    assert (done.exit_code, done.stderr.removeprefix("\n"), done.stdout.strip()) == (code, said, "")


def test_a_list_of_sources_keeps_its_lines(monkeypatch):
    from workbench.data.sources import fashion_mnist

    def locate(*_, **__):
        raise Unavailable("Fashion-MNIST was not found. Tried:\n  1. the cache: no such folder.\nInstall it.")

    monkeypatch.setattr(fashion_mnist, "locate", locate)
    done = call("data")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[1:] == ["  1. the cache: no such folder.", "Install it."]


def test_a_port_in_use_is_said_before_anything_slow(here):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = call("start", "--port", taken.getsockname()[1])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "in use" in done.stderr


def test_without_a_command_there_is_the_help():
    done = call()
    assert (done.exit_code, done.stderr) == (0, "")
    assert "workbench start" in done.stdout


def in_a_process(source: str, *search: object) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    path = os.pathsep.join(map(str, search))
    environment["PYTHONPATH"] = path
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, env=environment)


def test_a_pipe_that_closes_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m workbench runs --json | head -c 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("I0000 00:00:1795.4 31 port.cc:153] oneDNN custom operations are on.", False),
        ("WARNING: All log messages before absl::InitializeLog() is called are written to STDERR", False),
        ("2026-11-23 04:00:00.1: E external/xla] Unable to register cuDNN factory", True),
        ("ImportError: libcuda.so", True),
    ],
)
def test_tensorflows_chatter_is_dropped_and_its_errors_are_kept(tmp_path, line, kept):
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, {line.encode()!r} + bytes([10]))\n")
    quiet = "from workbench.app.cli.quiet import quiet_tensorflow\nquiet_tensorflow()\n"
    source = f"{quiet}import tensorflow, sys\nsys.stderr.write('after')"
    done = in_a_process(source, tmp_path)
    assert done.stderr == (f"{line}\n" if kept else "") + "after"


@pytest.mark.slow
def test_the_real_tensorflow_is_imported_without_a_word():
    done = in_a_process("from workbench.app.cli.quiet import quiet_tensorflow as q\nq()\nimport tensorflow")
    assert (done.returncode, done.stderr) == (0, "")
