"""Help that teaches: every command says what it does, names its options, and shows examples that are right."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.app.cli.commands.analyze import analyze
from workbench.diagnosis.registry import analyses

CONTEXT = click.Context(main, info_name="workbench")
COMMANDS = {(name,): main.get_command(CONTEXT, name) for name in main.list_commands(CONTEXT)}
ANALYSES = {("analyze", name): analyze.get_command(CONTEXT, name) for name in analyses()}
WORKSPACE = {("workspace", name): each for name, each in COMMANDS["workspace",].commands.items()}
ALL = {(): main, **COMMANDS, **ANALYSES, **WORKSPACE}
EXPECTED = [
    "start",
    "page",
    "data",
    "train",
    "compare-recipes",
    "prove",
    "runs",
    "evaluate",
    "compare",
    "diagnose",
    "report",
    "check",
    "analyses",
    "analyze",
    "figures",
    "advise",
    "explain",
    "maps",
    "images",
    "label-next",
    "workspace",
    "export",
    "selftest",
    "truth",
    "plugin-check",
    "shell",
    "completion",
]


def help_of(path: tuple[str, ...], width: int = 80) -> str:
    done = CliRunner().invoke(main, [*path, "--help"], env={"COLUMNS": str(width)})
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """The files that examples speak of."""
    monkeypatch.chdir(tmp_path)
    for name in ("my.keras", "my.npz", "my.csv", "tree.json", "photo.png"):
        (tmp_path / name).touch()
    (tmp_path / "photos").mkdir(exist_ok=True)


def test_the_commands_are_those_that_were_promised():
    assert [name for (name,) in COMMANDS] == EXPECTED


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_names_every_option_and_has_examples(path):
    said, command = help_of(path), ALL[path]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    assert [name for option in options for name in option.opts if not re.search(rf"{name}\b", said)] == []
    assert [option.name for option in options if not option.help] == []
    assert "--traceback" in said
    examples = said.partition("Examples:")[2]
    assert examples.count("# ") == len(command.examples) >= 2


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(path):
    assert [line for line in help_of(path).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_examples_are_understood(path, own_files):
    for line, _ in ALL[path].examples:
        words = shlex.split(line)
        assert tuple(words[: len(path)]) == path
        if "--help" in words:
            words.remove("--help")
        if words[0] == "analyze":
            command, rest = analyze.get_command(CONTEXT, words[1]), words[2:]
        elif words[0] == "workspace":
            command, rest = WORKSPACE[words[0], words[1]], words[2:]
        else:
            command, rest = COMMANDS[words[0],], words[1:]
        assert command is not None, line
        command.make_context(words[0], rest)


@pytest.mark.parametrize("how", ["analyze --help", "analyses"])
def test_the_list_of_analyses_is_their_titles_and_questions_in_their_groups(how):
    said = " ".join(CliRunner().invoke(main, how.split(), env={"COLUMNS": "80"}).stdout.split())
    listed = {name: f"{name} {kind.title}. {kind.question()}" for name, kind in analyses().items()}
    assert [name for name, line in listed.items() if line not in said] == []
    assert (
        said.index("Data")
        < said.index(listed["samples"])
        < said.index("Training")
        < said.index(listed["learning-curves"])
    )


@pytest.mark.parametrize("name", analyses())
def test_every_parameter_of_an_analysis_is_an_option(name):
    flags = {flag for param in ANALYSES["analyze", name].params for flag in (*param.opts, *param.secondary_opts)}
    wanted = {f"--{field.replace('_', '-')}" for field in analyses()[name].Params.model_fields}
    assert wanted <= flags


def test_methods_are_listed_with_what_they_show():
    from workbench.attribution.methods import METHODS, explainers

    assert METHODS.summaries() == {name: kind.summary() for name, kind in explainers().items()}
    said = " ".join(help_of(("explain",)).split())
    assert [name for name, summary in METHODS.summaries().items() if f"{name} {summary}" not in said] == []


def test_the_module_is_the_command():
    done = CliRunner().invoke(main, ["--version"])
    assert re.fullmatch(r"workbench, version \S+\n", done.output)
