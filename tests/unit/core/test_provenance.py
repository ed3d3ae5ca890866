import platform
import subprocess

import pytest

from workbench.core import provenance


def test_versions():
    import numpy as np

    assert provenance.versions()["python"] == platform.python_version()
    assert provenance.versions()["numpy"] == np.__version__
    assert "tensorflow" in provenance.versions()


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "workbench" / "core"
    folder.mkdir(parents=True)
    (folder / "provenance.py").write_text("1")
    monkeypatch.setattr(provenance, "__file__", str(folder / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return folder


def test_revision(package):
    assert provenance.git_revision() is None
    git(package.parents[1], "init", "-q")
    assert provenance.git_revision() is None  # in a repository that does not know the workbench
    git(package.parents[1], "add", ".")
    git(package.parents[1], "commit", "-q", "-m", "first")
    commit = git(package.parents[1], "rev-parse", "HEAD")
    assert provenance.git_revision() == commit
    (package / "provenance.py").write_text("2")
    assert provenance.git_revision() == f"{commit}-dirty"


def test_without_git(package, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git_revision() is None


def test_the_digest_of_the_code_changes_with_any_line_that_an_analysis_may_use(tmp_path, monkeypatch):
    for name in ("core/provenance.py", "app/page/page.py", "diagnosis/registry.py", "models/probe.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a = 1")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "core/provenance.py"))
    digests = []
    for name in (None, "app/page/page.py", "diagnosis/registry.py", "models/probe.py"):
        if name:
            (tmp_path / name).write_text("changed = True")
        provenance.forget_code()
        digests.append(provenance.code_digest())
    provenance.forget_code()
    assert digests[0] == digests[1] == digests[2] != digests[3]
