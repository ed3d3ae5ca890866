"""What goes to another program: nothing padded, wrapped or cut, and a reader that goes away is no error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from workbench.app.cli import main


@pytest.fixture
def piped(tiny_run, monkeypatch):
    """Run a command as a shell does whose output is no terminal."""
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.delenv("COLUMNS")

    def run(*arguments):
        done = CliRunner().invoke(main, [*arguments, "tiny", "--data", str(tiny_run.data)])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("arguments", [("evaluate",), ("analyze", "top-losses"), ("images",), ("diagnose", "--fast")])
def test_no_line_ends_in_blanks(piped, arguments):
    lines = piped(*arguments)
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_table_is_whole_and_a_sentence_is_one_line(piped, tiny_run):
    lines = piped("images", "--where", "confidence>0")
    assert sum(line.startswith("test/") for line in lines) == 80
    assert not any("more rows" in line or "…" in line for line in lines)
    findings = [line for line in piped("analyze", "most-confused") if line[:2] in ("▲ ", "• ", "● ", "■ ")]
    assert findings and all(line.rstrip().endswith((".", ")")) for line in findings)


def test_a_reader_that_goes_away_ends_it_without_a_word(tiny_run):
    command = [sys.executable, "-m", "workbench", "images", "tiny", "--data", str(tiny_run.data), "--format", "json"]
    environment = {**os.environ, "WORKBENCH_RUNS": str(tiny_run.folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
        assert (process.wait(60), said) == (141, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_takes(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0, done.output
    assert "_WORKBENCH_COMPLETE" in done.stdout and "workbench" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout.encode(), check=True)
