"""What goes to another program: nothing padded, wrapped or cut, and a reader that goes away is no error."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.patience import PATIENCE, at_once
from workbench.app.cli import main
from workbench.app.cli.console import facts


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
        assert (process.wait(PATIENCE), said) == (141, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_takes(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0, done.output
    assert "_WORKBENCH_COMPLETE" in done.stdout and "workbench" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout.encode(), check=True)


@pytest.mark.parametrize(
    ("arguments", "columns", "lines"),
    [
        (("evaluate",), "class,precision,recall,f1,images", 4),
        (("analyze", "top-losses"), "image,", None),
        (("analyze", "most-confused", "--table", "symmetric"), "", None),
        (("diagnose", "--fast"), "rank,severity,kind,claim,images_at_stake", None),
    ],
)
def test_a_table_is_csv_where_it_is_asked_for(piped, arguments, columns, lines):
    head, *rows = csv.reader(piped(*arguments, "--format", "csv"))
    assert ",".join(head).startswith(columns) and all(len(row) == len(head) for row in rows)
    assert lines is None or len(rows) == lines


def test_runs_are_csv_too(tiny_run, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    done = CliRunner().invoke(main, ["runs", "--format", "csv"])
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert (row["run"], float(row["test accuracy"]) > 0) == ("tiny", True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--json", "--format", "csv"], "not both"),
        (["evaluate", "--format", "xml"], "There is no format 'xml'"),
        (["analyze", "most-confused", "--format", "csv", "--table", "nothing"], "There is no table 'nothing'"),
    ],
)
def test_a_wrong_format_is_one_sentence(tiny_run, monkeypatch, arguments, said):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    done = CliRunner().invoke(main, [*arguments, "tiny", "--data", str(tiny_run.data)])
    assert done.exit_code == 2 and said in done.stderr


def test_a_column_as_wide_as_a_name_of_64_kb_takes_no_time(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    with at_once(2):  # a search for blanks from each place on: ten seconds a line
        facts({"x" * 2**16: 1, "y": 2, "z": "blanks  "})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["x" * 2**16, "1"], ["y", "2"], ["z", "blanks"]]
    assert [line for line in lines if line != line.rstrip()] == []
