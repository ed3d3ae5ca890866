"""The example of a guard: its policy is one, and its workflow runs commands that there are."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
import yaml

from workbench.app.cli import main
from workbench.diagnosis.opening import open_session
from workbench.diagnosis.policy.checking import check
from workbench.diagnosis.policy.reading import read_policy

GUARD = Path(__file__).parents[2] / "examples/guard"


def test_the_workflow_runs_commands_that_there_are():
    steps = yaml.safe_load((GUARD / "workflow.yml").read_text())["jobs"]["check"]["steps"]
    lines = [step["run"] for step in steps if step.get("run", "").startswith("workbench ")]
    assert [shlex.split(line)[1] for line in lines] == ["check", "report"]
    context = click.Context(main, info_name="workbench")
    for line in lines:
        _, name, *words = shlex.split(line)
        main.get_command(context, name).make_context(name, words)


@pytest.mark.real_data
def test_the_baseline_meets_what_needs_no_diagnosis():
    from dataclasses import replace

    rules = replace(read_policy(GUARD / "policy.toml"), max_severity=None)
    found = check(open_session("baseline"), rules, against=open_session("baseline"))
    assert [each.rule for each in found.failed] == []
    assert len(found.outcomes) == 6
