"""A training that is not finished yet: written after each epoch, whole at any moment at which the power may fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.core.array_file import UnreadableArrays, read_arrays, write_arrays
from workbench.core.checksum import CHECKSUM, check_record, file_checksum, read_record, record_checksum
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import disk_trouble, replacing, write_file
from workbench.core.types import Array
from workbench.training.dynamics import Dynamics, read_dynamics, write_dynamics
from workbench.training.early_stopping import Watch
from workbench.training.recipes import TrainingJob
from workbench.training.runs import checked_name

STATE = "state.json"


class State(BaseModel):
    """How far a training is: the content of state.json.

    Attributes:
        job: what is trained.
        fingerprint: of the training images.
        epochs: how many are done.
        model: file of the model and its optimizer after them; empty before the first.
        dynamics: file of what was noted of each fitted image; empty where nothing was.
        averages: file of the running means of the weights; empty where there are none.
        best: file of the weights after the best epoch; empty where they are not kept.
        kept: file of the weights that stay with the run; empty where there are none.
        watch: what the validation losses have told so far.
        history: one row for each.
        files: SHA-256 of each of these files, by name; none in checkpoints of older versions.
        checksum: of all the rest; empty in these.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=(), ser_json_inf_nan="constants")

    job: TrainingJob
    fingerprint: str
    epochs: int = 0
    model: str = ""
    dynamics: str = ""
    averages: str = ""
    best: str = ""
    kept: str = ""
    watch: Watch = Watch()
    history: tuple[dict[str, float], ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    checksum: str = ""


class Checkpoint:
    """The folder `.<name>.training` beside the runs.

    Args:
        folder: where runs are kept.
        name: name of the run to be.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = checked_name(name)
        self.path = folder / f".{name}.training"

    def read(self) -> State | None:
        """Return how far the training is; None where there is none.

        Raises:
            WorkbenchError: if what is there cannot be read, or was changed.
        """
        try:
            record = read_record(self.path / STATE)
            state = State.model_validate(record)
        except FileNotFoundError:
            return None
        except WorkbenchError as error:
            raise WorkbenchError(f"{error} Train without --resume.") from None
        except ValidationError as error:
            said = str(error).splitlines()[0]
            raise WorkbenchError(f"{self.path / STATE} is damaged: {said}. Train without --resume.") from None
        check_record(record, self.path / STATE, needed=bool(state.files), remedy="or train without --resume")
        return state

    def write(
        self,
        state: State,
        model: Any = None,
        dynamics: Dynamics | None = None,
        *,
        averages: Mapping[str, Array] | None = None,
        best: Mapping[str, Array] | None = None,
        kept: Mapping[str, Array] | None = None,
    ) -> State:
        """Replace what is there by `state` and the model, in such an order that one whole state is there at any time.

        Args:
            state: the names of its files are filled in.
            model: a compiled Keras model; saved with its optimizer. None before the first epoch.
            dynamics: what was noted of each fitted image; None where nothing was.
            averages: running means of the weights; None where there are none.
            best: weights after the best epoch; None where those that are there stay the best.
            kept: weights that stay with the run; None where those that are there are all.

        Raises:
            Unavailable: if it cannot be written; what was there before is still there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            epoch, known = f"epoch-{state.epochs:04d}", dict(state.files)
            if model is not None:
                state = state.model_copy(update={"model": f"{epoch}.keras"})
                with self._file(state.model, known) as part:
                    model.save(part)
            if dynamics is not None:
                state = state.model_copy(update={"dynamics": f"{epoch}.npz"})
                with self._file(state.dynamics, known) as part:
                    write_dynamics(part.parent, dynamics, part.name)
            for name, arrays in (("averages", averages), ("best", best), ("kept", kept)):
                if arrays is not None:
                    state = state.model_copy(update={name: f"{epoch}-{name}.npz"})
                    with self._file(getattr(state, name), known) as part:
                        write_arrays(part, arrays, packed=False)
            state = _signed(state, known)
            write_file(self.path / STATE, state.model_dump_json(indent=1) + "\n", durable=True)
            for old in self.path.iterdir():  # of an earlier epoch, or half written when the power failed
                if old.name != STATE and old.name not in _files(state):
                    old.unlink()
        except Exception as error:
            if not (said := disk_trouble(error)):
                raise
            there = (self.path / STATE).is_file()
            raise Unavailable(
                f"The checkpoint of {self.name!r} could not be written in {self.path}: {said}. "
                + (
                    "The one before it is still there: make room and continue with --resume."
                    if there
                    else "Make room, or name another folder with WORKBENCH_RUNS."
                )
            ) from None
        return state

    def load_model(self, state: State) -> Any:
        """Open the model and its optimizer as they were after the last whole epoch.

        Raises:
            WorkbenchError: if the file is gone or damaged.
        """
        import keras

        import workbench.training.schedule  # noqa: F401 - registers the schedule that the optimizer holds

        self._check(state, state.model)
        try:
            return keras.models.load_model(self.path / state.model, safe_mode=True)
        except Exception as error:  # noqa: BLE001 - Keras, HDF5 and zipfile have many ways to say that it is damaged
            said = " ".join(str(error).split())[:200]
            raise WorkbenchError(
                f"{self.path / state.model} cannot be read ({said}). Train without --resume."
            ) from None

    def dynamics(self, state: State) -> Dynamics | None:
        """Return what was noted of each fitted image up to then; None where nothing was.

        Raises:
            WorkbenchError: if the file is damaged.
        """
        if not state.dynamics:
            return None
        self._check(state, state.dynamics)
        return read_dynamics(self.path, state.dynamics)

    def arrays(self, state: State, name: str) -> dict[str, Array] | None:
        """Return the arrays of one of the files that the state names; None for no name.

        Raises:
            WorkbenchError: if the file is gone or damaged.
        """
        if not name:
            return None
        self._check(state, name)
        try:
            return read_arrays(self.path / name)
        except (FileNotFoundError, UnreadableArrays) as error:
            raise WorkbenchError(f"{self.path / name} cannot be read ({error}). Train without --resume.") from None

    def remove(self) -> None:
        """Delete it, when the run is saved."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _check(self, state: State, name: str) -> None:
        """See that a file is the one that was written with the state; older checkpoints do not tell."""
        known = state.files.get(name)
        if known is not None and file_checksum(self.path / name) != known:
            raise WorkbenchError(
                f"{self.path / name} cannot be read (it is not what was written). Train without --resume."
            )

    @contextmanager
    def _file(self, name: str, known: dict[str, str]) -> Iterator[Path]:
        """Lend a path to write one file to, and note its checksum."""
        with replacing(self.path / name, durable=True) as part:
            yield part
            known[name] = file_checksum(part)


def _files(state: State) -> list[str]:
    """Return the names of the files that a state is about."""
    return [name for name in (state.model, state.dynamics, state.averages, state.best, state.kept) if name]


def _signed(state: State, known: Mapping[str, str]) -> State:
    """Return the state with the checksums of its files, as far as they are known, and its own."""
    state = state.model_copy(update={"files": {name: known[name] for name in _files(state) if name in known}})
    return state.model_copy(update={CHECKSUM: record_checksum(json.loads(state.model_dump_json()))})
