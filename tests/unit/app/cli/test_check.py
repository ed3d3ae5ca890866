"""`workbench check`: exit codes, and what it writes for other programs."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from workbench.app.check_files import as_junit, as_summary, github_lines
from workbench.app.cli import main
from workbench.diagnosis.policy.checking import Check, Outcome

BAD = Outcome(rule="min-recall 0.5 of a,b: c", passed=False, said="50 % of\n<b>|x\x1b", images=("test/1",))


@pytest.fixture
def found():
    good = Outcome(rule="min-accuracy 0.5", passed=True, said="accuracy 90 %.")
    return Check(outcomes=(good, BAD), name="mine", dataset="d/test", images=9)


@pytest.fixture
def call(tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def run(policy, *words):
        (tmp_path / "policy.toml").write_text(policy)
        return CliRunner().invoke(main, ["check", "tiny", *words])

    return run


def test_exit_codes(call):
    met = call("min-accuracy = 0.1\nmax-ece = 1")
    assert met.exit_code == 0 and len(met.stdout.splitlines()) == 3
    assert met.stdout.splitlines()[1].startswith("passed  min-accuracy 0.1: accuracy ")
    failed = call("min-accuracy = 0.1\nmax-ece = 0")
    assert failed.exit_code == 3 and "FAILED  max-ece 0: " in failed.stdout
    wrong = call("min-acuracy = 0.1")
    assert wrong.exit_code == 2 and "Did you mean 'min-accuracy'" in wrong.stderr and not wrong.stdout


def test_against_itself_nothing_drops_and_the_policy_may_name_it(call):
    assert call("max-drop = 0", "--against", "tiny").exit_code == 0
    assert "against tiny" in call('max-drop = 0\nagainst = "tiny"').stdout
    assert "none was given" in call("max-drop = 0").stderr


def test_files_for_other_programs(call, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    done = call("min-accuracy = 1\nmax-ece = 1", "--junit", "out/check.xml")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-1].startswith("::error title=workbench check%3A min-accuracy 1::accuracy ")
    assert summary.read_text().startswith("before\n### tiny on tiny/test does not meet the policy: 1 of 2 rules")
    suite = ET.parse(tmp_path / "out/check.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), len(suite.findall("testcase/failure"))) == ("2", "1", 1)
    told = call("min-accuracy = 1", "--json")
    assert json.loads(told.stdout)["passed"] is False and "::error" in told.stderr


def test_a_draft_is_written_once_and_met(call, tmp_path, monkeypatch):
    from workbench.diagnosis import registry

    some = {name: registry.analysis(name) for name in ("per-class", "calibration")}
    monkeypatch.setattr(registry, "analyses", lambda: some)
    assert call("", "--write-policy", "--policy", "new.toml", "--fast").exit_code == 0
    again = call("", "--write-policy", "--policy", "new.toml", "--fast")
    assert again.exit_code == 2 and "new.toml is there already" in again.stderr
    assert call("", "--policy", "new.toml").exit_code == 0
    assert "`--fast` goes with --write-policy" in call("max-ece = 1", "--fast").stderr


def test_what_is_hostile_stays_text(found):
    (line,) = github_lines(found)
    assert line == (
        "::error title=workbench check%3A min-recall 0.5 of a%2Cb%3A c::50 %25 of%0A<b>|x\x1b Look at test/1."
    )
    case = ET.fromstring(as_junit(found))[0][1]
    assert case.find("failure").get("message") == "50 % of\\n<b>|x\\x1b"
    row = as_summary(found).splitlines()[-1]
    assert row.count("|") - row.count("\\|") == 4 and "<b>" not in row
