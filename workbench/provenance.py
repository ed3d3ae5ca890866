"""What a result was made with: versions of the libraries, revision of the source."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    package = Path(__file__).parent
    if _git(package, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None  # installed into some other project's repository, or into none
    return _git(package, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["git", *arguments],  # noqa: S607 - wherever git is
            cwd=folder, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


@cache
def code_digest() -> str:
    """12 hexadecimal digits that change with any line below the surfaces, so that no old answer is shown as new."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] not in ("cli", "ui"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
