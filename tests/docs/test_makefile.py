"""`make` does what README.md and `make help` say, also where something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROCESSES = "--numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder"
TARGETS = {"help", "run", "test", "train", "figures", "check", "fix", "bench", "data", "clean"}


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path):
    """A fresh clone as far as make is concerned: no `.venv`."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_help_is_what_make_says_and_names_every_target():
    said = make().stdout
    assert set(re.findall(r"^  make ([a-z]+) ", said, re.MULTILINE)) >= TARGETS
    assert said == make("help").stdout


@pytest.mark.parametrize(
    ("target", "extras", "command"),
    [
        ("run", "", ".venv/bin/workbench start --port 7861"),
        ("train", "", ".venv/bin/workbench train --port 7861"),
        ("figures", "", ".venv/bin/workbench figures --port 7861"),
        ("data", "", ".venv/bin/workbench data --port 7861"),
        ("test", "[test]", f".venv/bin/python -m pytest {PROCESSES} --port 7861"),
        ("bench", "[test]", ".venv/bin/python tests/benchmarks --port 7861"),
        ("example-flask", "[examples]", ".venv/bin/flask --app examples/flask_app/app.py run --port 8000 --port 7861"),
        ("example-streamlit", "[examples]", ".venv/bin/streamlit run examples/streamlit_app/app.py"),
    ],
)
def test_what_a_target_needs_is_set_up_and_flags_are_passed_on(target, extras, command, clone):
    planned = make("-n", target, "ARGS=--port 7861", cwd=clone)
    assert planned.returncode == 0, planned.stderr
    assert command in planned.stdout
    assert re.findall(r"-c constraints.txt -e '\.(\S*)'", planned.stdout) == [extras]


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0", "2.7.18"])
def test_a_python_of_another_version_is_refused_in_two_lines(clone, version):
    fake = clone / "python-fake"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit 0\nexit 1\n')
    fake.chmod(0o755)
    done = make("data", f"PYTHON={fake}", cwd=clone)
    assert done.returncode != 0
    assert f"needs Python 3.11, 3.12 or 3.13; {fake} is Python {version}." in done.stdout
    assert "make data PYTHON=python3.12" in done.stdout
    assert not (clone / ".venv").exists()


def test_a_set_up_is_repeated_only_after_a_change(clone):
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/python").touch(mode=0o755)
    (clone / ".venv/.installed-run").touch()
    assert "-m pip install" not in make("-n", "data", cwd=clone).stdout
    assert "-m pip install" in make("-n", "test", cwd=clone).stdout  # which needs more
    later = (clone / ".venv/.installed-run").stat().st_mtime + 10
    os.utime(clone / "constraints.txt", (later, later))
    assert "-m pip install" in make("-n", "data", cwd=clone).stdout


def test_what_was_set_up_for_the_tests_is_enough_for_all_else(clone):
    (clone / ".venv/bin").mkdir(parents=True)
    for name in ("python", "workbench", "flask"):
        script = clone / ".venv/bin" / name
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    assert make("bench", cwd=clone).returncode == 0
    for target in ("run", "bench", "example-flask", "example-streamlit"):
        assert "-m pip install" not in make("-n", target, cwd=clone).stdout, target
    assert "-m pip install" in make("-n", "check", cwd=clone).stdout


def test_clean_leaves_runs_and_figures(clone):
    for name in (".venv/bin", "saved_models/mine", "figures/mine", "workbench/__pycache__", ".pytest_cache"):
        (clone / name).mkdir(parents=True)
    assert make("clean", cwd=clone).returncode == 0
    assert {path.name for path in clone.iterdir() if path.is_dir()} == {"saved_models", "figures", "workbench"}
    assert not list((clone / "workbench").iterdir())


def test_every_version_is_pinned_and_none_comes_from_an_address():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [
        line for line in lines if not re.fullmatch(r'[\w.-]+==[\w.]+( ; python_version [<>]=? "3\.1\d")?', line)
    ] == []
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in lines}
    asked = re.findall(r'^\s+"([\w-]+)[><=]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {name.lower() for name in asked} <= pinned


def test_continuous_integration_is_a_script_that_bash_can_read():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    words = script.read_text()
    assert words.index("make system") < words.index("make check") < words.index("make test")
