"""What a result was made with: versions of the libraries, revision of the source."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workbench.core import plugins

CALLERS = ("diagnosis", "app", "__main__.py")
"""Rooms that call the analyses, and that no analysis uses."""
LIBRARIES = ("classifier-workbench", "keras", "numpy", "tensorflow")


def versions() -> dict[str, str]:
    """Return the version of Python and of each library that decides about numbers."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Return the commit of the workbench's source, "-dirty" after it where files differ; None outside git."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None  # installed into some other project's repository, or into none
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["git", *arguments],  # noqa: S607 - wherever git is
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def code_digest() -> str:
    """12 hexadecimal digits that change with any line of the rooms, and of the plug-ins, that an analysis may use.

    So no outdated answer is shown, and editing a user interface invalidates nothing. Code is read once: it is what was
    imported, also where a file is edited while the process runs.
    """
    return _digest_with(plugins.folders())


@cache
def _digest_with(folders: tuple[Path, ...]) -> str:  # noqa: ARG001 - what the answer is kept by
    package = Path(__file__).parents[1]
    own = (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in CALLERS)
    return digest_of([*own, *plugins.code()])


def forget_code() -> None:
    """Have the code read again, as a new process would."""
    _digest_with.cache_clear()


def digest_of(files: Iterable[Path]) -> str:
    """12 hexadecimal digits that change with any byte of some files, and with their names."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.parent.name}/{path.name}".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
