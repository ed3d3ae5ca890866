"""One trained model in one folder: model.keras, run.json, history.csv, predictions-<split>.npz, dynamics.npz.

checkpoints.npz beside them holds weights after some epochs, where these were asked for.

Runs are written below the working directory; the ones that come with the workbench are read where they lie.
Reading a run needs no TensorFlow, so that a page can show what is saved before TensorFlow is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from workbench.core.array_file import read_arrays, take
from workbench.core.checksum import check_record, file_checksum, read_record
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.home import home
from workbench.core.predictions import Predictions
from workbench.core.wording import plural
from workbench.training.corrections import CORRECTIONS, Corrections, read_changes
from workbench.training.dynamics import DYNAMICS, Dynamics, read_dynamics
from workbench.training.kept_weights import CHECKPOINTS, KeptWeights, read_kept
from workbench.training.manifest import Manifest

if TYPE_CHECKING:
    import pandas as pd

MODEL, MANIFEST, HISTORY = "model.keras", "run.json", "history.csv"
REPLACED = 5
"""How often a run is opened anew that is being replaced by another training at that moment."""


@dataclass(frozen=True)
class Run:
    """A whole run on disk."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.manifest.name

    @property
    def model_path(self) -> Path:
        """The model's file."""
        return self.path / MODEL

    def load_model(self) -> Any:
        """Load the model, without optimizer; imports TensorFlow.

        Raises:
            WorkbenchError: if it is damaged, or another one by now.
        """
        from workbench.models.files.keras import load_model

        self.check_model()
        return load_model(self.model_path)

    def check_model(self) -> None:
        """See that the model is the one of the manifest.

        Raises:
            WorkbenchError: if it is another.
        """
        found = file_checksum(self.model_path)
        if found != self.manifest.model_sha256:
            raise WorkbenchError(
                f"{self.model_path} is not the model that run {self.name!r} was saved with: its SHA-256 is "
                f"{found[:12]}…, run.json says {self.manifest.model_sha256[:12]}…. "
                f"{self._replaced() or 'Train again, or open the file itself as a model.'}"
            )

    @property
    def history(self) -> pd.DataFrame | None:
        """One row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds; None without file.

        Losses are cross-entropies in nats, without label smoothing; training values are means over the epoch.
        """
        import pandas as pd

        path = self.path / HISTORY
        if not path.is_file():
            return None
        self._check(HISTORY, "Train the run again, or delete the file: there are no learning curves then.")
        try:
            found = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise WorkbenchError(f"{path} is damaged: {' '.join(str(error).split())}.") from None
        epochs = [] if "epoch" not in found else found["epoch"].tolist()
        if epochs != [*range(1, self.manifest.epochs + 1)] or found.select_dtypes("number").shape != found.shape:
            raise WorkbenchError(
                f"{path} is damaged: it must have a row of numbers for each of "
                f"{plural(self.manifest.epochs, 'epoch')} of "
                f"run.json, and has {plural(len(found), 'row')}. Train the run again, or delete the file."
            )
        return found

    @property
    def dynamics(self) -> Dynamics | None:
        """What the trainer noted of every training image after each epoch; None where there is nothing.

        Raises:
            WorkbenchError: if the file is damaged.
        """
        if (self.path / DYNAMICS).is_file():
            self._check(DYNAMICS, "Delete it, or train the run again.")
        return read_dynamics(self.path)

    @property
    def checkpoints(self) -> KeptWeights | None:
        """The weights that were kept after some of its epochs; None where there are none.

        Raises:
            WorkbenchError: if the file is damaged.
        """
        path, remedy = self.path / CHECKPOINTS, "Delete it, or train the run again."
        if not path.is_file():
            return None
        if CHECKPOINTS not in self.manifest.files:  # every trainer that keeps weights names them
            raise WorkbenchError(f"{path} is not of run {self.name!r}: run.json does not name it. {remedy}")
        self._check(CHECKPOINTS, remedy)
        return read_kept(self.path)

    @property
    def corrections(self) -> Corrections | None:
        """What was changed in its training and validation images; None for nothing.

        Raises:
            WorkbenchError: if the list is gone or damaged.
        """
        applied, path = self.manifest.corrections, self.path / CORRECTIONS
        if applied is None:
            return None
        told = f"It lists what was changed in the images that run {self.name!r} was trained on: train the run again."
        if not path.is_file():
            raise WorkbenchError(f"{path} is gone. {told}")
        self._check(CORRECTIONS, told)
        try:
            return read_changes(path.read_text(encoding="utf-8"), applied.source)
        except (OSError, ValueError, KeyError):
            raise WorkbenchError(f"{path} is damaged. {told}") from None

    def predictions(self, split: str, dataset_fingerprint: str) -> Predictions | None:
        """Return the saved predictions for `split`; None where there are none for exactly this dataset.

        Raises:
            WorkbenchError: if the file is damaged.
        """
        path = self.path / f"predictions-{split}.npz"
        if not path.is_file():
            return None
        self._check(path.name, "Delete it: predictions are then made again.")
        try:
            saved = read_arrays(path)
            if str(take(saved, "dataset_fingerprint", "U", 0)) != dataset_fingerprint:
                return None
            return Predictions(take(saved, "logits", "f", 2), take(saved, "labels", "iu", 1).astype(np.int64))
        except (FileNotFoundError, WorkbenchError) as error:
            raise WorkbenchError(f"{path} is damaged ({error}). Delete it: predictions are then made again.") from None

    def _check(self, name: str, remedy: str) -> None:
        """See that a file is the one that was saved; older runs do not tell.

        Raises:
            WorkbenchError: if it is another.
        """
        known = self.manifest.files.get(name)
        if known is not None and file_checksum(self.path / name) != known:
            raise WorkbenchError(
                f"{self.path / name} is damaged (it is not the file that run {self.name!r} was saved with). "
                f"{self._replaced() or remedy}"
            )

    def _replaced(self) -> str:
        """What to do where another training has replaced the run since it was opened; empty where none has."""
        try:
            now = _read(self.path).manifest
        except WorkbenchError:
            return ""
        return "" if now == self.manifest else "The run was trained anew since it was opened: open it again."


def runs_folder() -> Path:
    """Return where runs are written: `$WORKBENCH_RUNS`, else saved_models in `$WORKBENCH_HOME`, else ./saved_models."""
    named = os.environ.get("WORKBENCH_RUNS")
    return Path(named) if named else home() / "saved_models"


def shipped_folder() -> Path:
    """Return the folder of the runs that come with the workbench: in the installed package, else beside the source.

    Nothing is ever written there unless it is the working folder's own, as in a clone.
    """
    package = Path(__file__).parents[1]
    inside = package / "saved_models"
    return inside if inside.is_dir() else package.parent / "saved_models"


def takes_files(run: Run) -> bool:
    """Whether something may be put beside a run: not beside those that come with the workbench, but in a clone."""
    place = run.path.parent
    return not _same(place, shipped_folder()) or _same(runs_folder(), shipped_folder())


def _searched(folder: str | Path | None) -> list[Path]:
    """Where a run is looked for, first things first; a folder that was named is the only one."""
    if folder is not None:
        return [Path(folder)]
    own = runs_folder()
    if os.environ.get("WORKBENCH_RUNS") or _same(own, shipped_folder()):
        return [own]
    return [own, shipped_folder()]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return False


def checked_name(name: str) -> str:
    """Return `name` if it can name a run.

    Raises:
        WorkbenchError: if it is empty, begins with a dot, or holds more than letters, digits, dot, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise WorkbenchError(
            f"The name of a run is made of letters, digits, '.', '_' and '-', at most 100, and begins with a letter "
            f"or digit. Got {name!r}."
        )
    return name


def list_runs(folder: str | Path | None = None) -> list[Run]:
    """Return all whole runs, by name; what is half written or damaged is left out.

    Args:
        folder: the one to look into; if not given, `runs_folder()`, and for other names the runs that come with the
            workbench, unless `WORKBENCH_RUNS` names the folder.
    """
    found: dict[str, Run] = {}
    for place in _searched(folder):
        found = {**{run.name: run for run in _whole_runs(place)}, **found}
    return [found[name] for name in sorted(found)]


def damaged_runs(folder: str | Path | None = None) -> list[str]:
    """Return for each run that `list_runs` leaves out, since it cannot be read, the sentence that says why."""
    return [each for place in _searched(folder) for each in _read_all(place) if isinstance(each, str)]


def _whole_runs(folder: Path) -> Iterator[Run]:
    yield from (each for each in _read_all(folder) if isinstance(each, Run))


def _read_all(folder: Path) -> Iterator[Run | str]:
    """Yield what is in a folder: each run, or why it cannot be read; nothing for folders that hold none yet."""
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        name = _kept(path.name)
        if name and not (path.name.startswith(".") and (folder / name / MANIFEST).is_file()):
            try:
                yield _read(path)
            except WorkbenchError as error:
                if (path / MANIFEST).exists():
                    yield str(error)


def open_run(name_or_path: str | Path, folder: str | Path | None = None) -> Run:
    """Open a run by its name, or by the path of its own folder.

    Args:
        name_or_path: a name is looked for where `list_runs` looks.
        folder: where to look for the name.

    Raises:
        WorkbenchError: if there is no such run (lists those there are), or it is half written, damaged, or its model
            is not the one it was saved with.
    """
    for _ in range(REPLACED):
        before = _marks(name_or_path, folder)
        try:
            return _opened(name_or_path, folder)
        except WorkbenchError:
            if _marks(name_or_path, folder) == before:
                raise
    return _opened(name_or_path, folder)


def _opened(name_or_path: str | Path, folder: str | Path | None) -> Run:
    """Open a run, if no training replaces it meanwhile."""
    searched = _searched(folder)
    path = Path(name_or_path)
    if len(path.parts) == 1 and not path.is_absolute() and path.name not in ("", "..", "."):
        places = (_place(each, path.name) for each in searched)
        path = next((each for each in places if each is not None), searched[0] / path)
    if path.suffix == ".keras" and path.is_file():
        raise WorkbenchError(f"{name_or_path} is a model, not a run. Give it as the model, together with a data file.")
    if not path.is_dir():
        where = " and ".join(map(str, searched))
        raise unknown("run", str(name_or_path), [run.name for run in list_runs(folder)], where=where)
    run = _read(path)
    run.check_model()
    return run


def _marks(name_or_path: str | Path, folder: str | Path | None) -> list[tuple[int, int] | None]:
    """What changes while another process replaces the run: which folders there are, and which manifests in them."""
    path = Path(name_or_path)
    places = [
        place for each in (*_searched(folder), path.parent) for place in (each / path.name, set_aside(each, path.name))
    ]
    return [_mark(each) for place in places for each in (place, place / MANIFEST)]


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_ino, known.st_mtime_ns


def _place(folder: Path, name: str) -> Path | None:
    """Return the folder that holds a run, whole or damaged; None where there is none, or only checkpoints of one."""
    own, previous = folder / name, set_aside(folder, name)
    if not (own / MANIFEST).is_file() and previous.is_dir():
        return previous
    return own if any((own / file).exists() for file in (MANIFEST, MODEL)) else None


def set_aside(folder: Path, name: str) -> Path:
    """Return where a run lies while another one of its name takes its place."""
    return folder / f".{name}.previous"


def _kept(folder_name: str) -> str:
    """Return the run that a folder holds: its own name, or that of a run set aside; "" for what is no run."""
    if not folder_name.startswith("."):
        return folder_name
    return folder_name[1:].removesuffix(".previous") if folder_name.endswith(".previous") else ""


def _read(path: Path) -> Run:
    """Read the manifest of a run's folder, and see that its model is there."""
    try:
        record = read_record(path / MANIFEST)
    except FileNotFoundError:
        raise WorkbenchError(f"{path} is not a whole run: it has no {MANIFEST}, which is written last.") from None
    try:
        manifest = Manifest.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise WorkbenchError(f"{path / MANIFEST} is damaged: {where}: {first['msg']}.") from None
    check_record(record, path / MANIFEST, needed=bool(manifest.files), remedy="or else train the run again")
    if not (path / MODEL).is_file():
        raise WorkbenchError(f"{path} is not a whole run: it has no {MODEL}.")
    return Run(path, manifest)
