"""Models in files of every format, one format a module; none runs code that came with the file."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.extras import require
from workbench.core.memory import free_memory

KERAS, HDF5, ONNX, LITERT = (".keras",), (".h5", ".hdf5"), (".onnx",), (".tflite", ".litert")
ACCEPTED = "A model must be a .keras or .h5 file of Keras, a SavedModel folder, an .onnx file or a .tflite file."
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".bin", ".npy")
MOST_FILES = 10_000
"""In a SavedModel; one of many shards has a hundred."""
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
MOST_PROGRAM = 2 * 2**30
"""Bytes of that, by the format's own limit."""


def load_model(
    path: str | Path, *, classes: int | None = None, image_shape: tuple[int, int, int] | None = None, cache: bool = True
) -> Any:
    """Load a model for inference, whatever its format; imports TensorFlow.

    Args:
        path: a `.keras` or `.h5` file, which give gradients and inner layers; or a SavedModel folder, an `.onnx` or a
            `.tflite` file, which give predictions only.
        classes: K, to choose among several outputs of a model that is inference-only.
        image_shape: (H, W, C) of the images that it will be given, with which a file of Keras is tried.
        cache: whether it is noted in the user's cache folder that such a file passed its trial.

    Raises:
        Unavailable: if there is no such file; offers those beside it.
        WorkbenchError: if it is of another format, damaged, not trusted, or no classifier of images.
    """
    path = Path(path)
    suffix = _format(path)
    if suffix in (*KERAS, *HDF5):
        from workbench.models.files import hdf5, keras
        from workbench.models.files.trial import try_model

        _refuse_size(path, [path])
        own: Any = keras if suffix in KERAS else hdf5
        own.look_at(path)
        try_model(path, image_shape, digest=_sha256(path), keep=cache)
        return own.load_model(path)
    if suffix in ONNX:
        require("onnxruntime", extra="export", what="Reading .onnx files")
    from workbench.models.files.worker import open_in_worker

    kind = "onnx" if suffix in ONNX else "litert" if suffix in LITERT else "saved_model"
    fingerprint, size = file_fingerprint(path), sum(each.stat().st_size for each in model_files(path))
    if kind == "saved_model":
        from workbench.models.files.saved_model.program import read_program

        read_program(path)  # what is refused is refused here, before anything is started
    try:
        foreign = open_in_worker(kind, path, size=size)
    except WorkbenchError:
        raise
    except ValueError as error:
        raise WorkbenchError(f"{path.name} cannot be opened: {error}") from None
    from workbench.models.files.inference_only import InferenceOnly

    return InferenceOnly(foreign, fingerprint=fingerprint, classes=classes)


def is_inference_only(path: Path) -> bool:
    """Whether a file gives predictions and no gradients, told by its name alone; loads nothing."""
    return path.is_dir() or path.suffix.lower() in (*ONNX, *LITERT)


def file_fingerprint(path: Path) -> str:
    """16 hexadecimal digits that change with any byte of a model's file or folder; needs no TensorFlow.

    Raises:
        Unavailable: if it cannot be read.
    """
    try:
        files = model_files(path)
        if path.is_dir():
            digest = hashlib.sha256()
            for each in files:
                digest.update(f"{each.relative_to(path).as_posix()} {_sha256(each)}\n".encode())
            return digest.hexdigest()[:16]
        found = [_sha256(each) for each in files]
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror or error}.") from None
    return (found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest())[:16]


def model_files(path: Path) -> list[Path]:
    """Return the regular files that a model is: those of a folder, and those that an ONNX file names.

    Raises:
        WorkbenchError: if there are too many, one is outside of the model's folder, or memory does not hold them.
        OSError: if something cannot be read.
    """
    _refuse_size(path, [] if path.is_dir() else [path])
    found = _files(path)
    _refuse_size(path, found)
    return found


def _refuse_size(path: Path, files: list[Path]) -> None:
    size, free = sum(each.stat().st_size for each in files), free_memory()
    if free is not None and size > free:
        raise WorkbenchError(
            f"{path.name} has {size / 2**30:,.1f} GB, more than the {free / 2**30:.1f} GB of memory that are free."
        )


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        there = (each for each in path.rglob("*") if each.exists() and not each.is_dir())
        found = list(itertools.islice(there, MOST_FILES + 1))
        if len(found) > MOST_FILES:
            raise WorkbenchError(f"{path} has more than {MOST_FILES:,} files: name the folder of the model alone.")
        odd = next((each for each in found if not each.is_file()), None)
        if odd is not None:
            raise WorkbenchError(
                f"{path.name} must hold regular files alone. {odd.relative_to(path).as_posix()!r} is a pipe or a "
                "device, which is not opened."
            )
        program = next((each for each in found if each.parent == path and each.name in SAVED_MODEL), None)
        if program is not None and program.stat().st_size > MOST_PROGRAM:
            raise WorkbenchError(
                f"{path.name} is no SavedModel: its {program.name} has {program.stat().st_size / 2**30:,.1f} GB, and "
                f"such a file can have {MOST_PROGRAM >> 30}."
            )
        inside = path.resolve()
        outside = next((each for each in found if not each.resolve().is_relative_to(inside)), None)
        if outside is not None:
            raise WorkbenchError(
                f"{path.name} must have its files in its own folder. {outside.relative_to(path).as_posix()!r} is a "
                "link out of it: copy the folder with links followed."
            )
        return sorted(found)
    if path.suffix.lower() in ONNX:
        from workbench.models.files.onnx_weights import weight_files

        return [path, *weight_files(path)]
    return [path]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format(path: Path) -> str:
    """Return the suffix that says the format, or "" for a SavedModel folder."""
    if path.is_dir():
        if any((path / name).is_file() for name in SAVED_MODEL):
            return ""
        raise WorkbenchError(f"{path} is a folder without a {SAVED_MODEL[0]}: name the model file in it. {ACCEPTED}")
    suffix = path.suffix.lower()
    if path.exists() and not path.is_file():
        raise WorkbenchError(f"{path.name} is no regular file: a pipe or a device is not opened. {ACCEPTED}")
    if not path.is_file():
        known = (*KERAS, *HDF5, *ONNX, *LITERT)
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        beside = sorted(file.name for file in there if file.suffix.lower() in known)
        raise Unavailable(f"{unknown('model file', path.name, beside)} Looked in {path.parent.resolve()}.")
    if suffix in PICKLED:
        raise WorkbenchError(
            f"{path.name} may hold a pickle, which could run code from the file, so it is not opened. "
            f"Export the model to ONNX in the program that made it. {ACCEPTED}"
        )
    if suffix not in (*KERAS, *HDF5, *ONNX, *LITERT):
        raise WorkbenchError(f"{ACCEPTED} Got {path.name!r}.")
    return suffix
