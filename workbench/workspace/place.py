"""Which workspace belongs to a data set: by where the data comes from, so that it outlives another split or order."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePath

from workbench.core.dataset import Dataset
from workbench.data import is_known, source_of

SUFFIX = ".workspace"


def workspaces_folder() -> Path:
    """Return the folder of the workspaces: `WORKBENCH_WORKSPACE`, or the user's data folder."""
    if named := os.environ.get("WORKBENCH_WORKSPACE"):
        return Path(named).expanduser()
    if home := os.environ.get("WORKBENCH_HOME"):
        return Path(home).expanduser() / "workspaces"
    from platformdirs import user_data_path

    return user_data_path("classifier-workbench") / "workspaces"


def workspace_of(data: str | Path | Dataset) -> Path:
    """Return the file that belongs to some data; it need not be there yet.

    Data known by a name has one under that name. A folder or file has one for its place on the disk: whatever is done
    to its images, their parts or their order, marks find them by their keys; only a folder that is moved begins anew
    (or is given the file of before, or an export of it).

    Args:
        data: name of a data set, or path of a file or folder, as `load_dataset` takes it, or what it gave. Arrays of
            one's own have the file of their data set's name.
    """
    if isinstance(data, Dataset):
        if not data.source:
            return workspaces_folder() / f"{_word(data.name.rpartition('/')[0] or data.name)}{SUFFIX}"
        data = data.source
    if is_known(data):
        return workspaces_folder() / f"{data}{SUFFIX}"
    place = source_of(data)
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
    return workspaces_folder() / f"{_word(PurePath(place).stem)}-{digest}{SUFFIX}"


def _word(name: str) -> str:
    """Return a name as every disk takes it."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "data"
