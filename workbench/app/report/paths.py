"""No folder of this machine stands in a report that somebody else reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.session.session import Session

_FOLDER = re.compile(r"(?<![\w./~-])(?:[A-Za-z]:[\\/]|/)(?:[^\s/\\:,;'\"<>|()\[\]]+[\\/])+")


def without_folders(*sessions: Session) -> Callable[[str], str]:
    """Return what writes files that lie in folders of this machine by their names alone.

    What looks like a folder and is none here stays: `T-shirt/top` is a class.

    Args:
        sessions: whose run and data lie somewhere.
    """
    known = {Path.cwd(), Path.home()}
    for session in sessions:
        if session.run is not None:
            known |= {session.run.path.parent, Path(session.run.manifest.dataset).parent}
    # The longest first: one may lie in another.
    folders = sorted((str(each) for each in known if each.is_absolute() and len(each.parts) > 1), key=len, reverse=True)

    @lru_cache(4096)
    def written(text: str) -> str:
        for folder in folders:
            text = text.replace(f"{folder}/", "").replace(folder, Path(folder).name)
        return _FOLDER.sub(lambda found: "" if _is_folder(found[0]) else found[0], text)

    return written


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
