"""`workbench check`: does a model meet a policy?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.app.cli.options import as_json, source_params, tell_assumption, with_source
from workbench.app.cli.program import FOUND, command, plain
from workbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.diagnosis.opening import Session
    from workbench.diagnosis.policy import Policy
    from workbench.diagnosis.policy.checking import Check

NEW_FILE = click.Path(dir_okay=False, path_type=Path)
ON_GITHUB, SUMMARY = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"
"""Variables of a workflow's step: that it is one, and the file whose Markdown it shows."""


@command(
    params=source_params(),
    examples=[
        ("check --write-policy", "draft policy.toml from the baseline, which it meets"),
        ("check mine", "does your run meet policy.toml? Exit code 3 if not"),
        ("check mine --against baseline --junit check.xml", "nor be surely less accurate than the baseline"),
        ("check --model my.keras --data my.npz --policy strict.toml", "your own model, data and policy"),
    ],
)
@with_source
@click.option(
    "--policy", type=NEW_FILE, default="policy.toml", metavar="FILE", show_default=True, help="The rules, as TOML."
)
@click.option(
    "--against", metavar="B", help="Run, model file or saved predictions that it must not surely be worse than."
)
@click.option("--junit", type=NEW_FILE, metavar="FILE", help="Write a test case for each rule to this file.")
@click.option(
    "--summary",
    type=NEW_FILE,
    metavar="FILE",
    help=f"Add a table in Markdown to this file.  [default: the one that {SUMMARY} names]",
)
@click.option("--write-policy", is_flag=True, help="Draft the policy from the model, and check nothing.")
@click.option("--fast", is_flag=True, help="With --write-policy: ask only the analyses that take seconds.")
@as_json
def check(
    *,
    source: Source,
    policy: Path,
    against: str | None,
    junit: Path | None,
    summary: Path | None,
    write_policy: bool,
    fast: bool,
    as_json: bool,
) -> None:
    """Check a model against a policy: exit code 0 where every rule holds, 3 where one does not.

    A policy may have min-accuracy, min-recall (of all classes or by name), max-ece, max-severity with allowed-kinds,
    max-drop against another model, and [[slices]] with a query and a min-accuracy. Minima must be reached by the lower
    end of the 95 % interval, maxima by the upper end.
    """
    from workbench.app.check_files import as_junit, as_summary, write_text
    from workbench.app.cli.progress_bars import progress
    from workbench.diagnosis.policy.checking import check as measure
    from workbench.diagnosis.policy.reading import read_policy

    if fast and not write_policy:
        raise WorkbenchError("`--fast` goes with --write-policy. For a check, the policy says `fast = true`.")
    if write_policy:
        with progress():
            _draft(source.open(), policy, fast=fast)
        return
    rules = read_policy(policy)
    named = os.environ.get(SUMMARY) if summary is None else summary
    with progress():
        session = source.open()
        found = measure(session, rules, against=_other(source, session, rules, against))
        if junit is not None:
            write_text(junit, as_junit(found))
        if named:
            write_text(Path(named), as_summary(found), after=True)
    tell_assumption(session, as_json=as_json)
    _show(found, as_json=as_json)
    click.get_current_context().exit(0 if found.passed else FOUND)


def _other(source: Source, session: Session, rules: Policy, against: str | None) -> Session | None:
    from workbench.app.cli.beside import open_other

    named = against or rules.against
    return None if named is None else open_other(source, session, named)


def _draft(session: Session, path: Path, *, fast: bool) -> None:
    from workbench.app.check_files import write_text
    from workbench.app.cli.console import say
    from workbench.diagnosis.policy.draft import drafted

    if path.exists():
        raise WorkbenchError(f"{path} is there already. Name another file with --policy, or take that one away first.")
    write_text(path, drafted(session, fast=fast))
    say(f"{path}: a policy that {session.name} meets as it is. Read it before you keep it.")


def _show(found: Check, *, as_json: bool) -> None:
    from workbench.app.check_files import github_lines
    from workbench.app.cli.console import say
    from workbench.app.cli.json_output import show_json
    from workbench.diagnosis.policy.checking import line_of

    if as_json:
        show_json({"passed": found.passed, "sentence": found.sentence, "rules": found.outcomes})
    else:
        say(found.sentence, "bold")
        for each in found.outcomes:
            say(line_of(each), "" if each.passed else "red")
            if each.images:
                say(f"        images: {', '.join(each.images)}", "dim")
    if os.environ.get(ON_GITHUB) == "true":
        for line in github_lines(found):
            click.echo(plain(line), err=as_json)
