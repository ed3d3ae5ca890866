"""Models in files of every format, one format a module; none runs code that came with the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError, unknown

KERAS, HDF5, ONNX, LITERT = (".keras",), (".h5", ".hdf5"), (".onnx",), (".tflite", ".litert")
ACCEPTED = "A model must be a .keras or .h5 file of Keras, a SavedModel folder, an .onnx file or a .tflite file."
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".bin", ".npy")
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")


def load_model(path: str | Path, *, classes: int | None = None) -> Any:
    """Load a model for inference, whatever its format; imports TensorFlow.

    Args:
        path: a `.keras` or `.h5` file, which give gradients and inner layers; or a SavedModel folder, an `.onnx` or a
            `.tflite` file, which give predictions only.
        classes: K, to choose among several outputs of a model that is inference-only.

    Raises:
        Unavailable: if there is no such file; offers those beside it.
        WorkbenchError: if it is of another format, damaged, not trusted, or no classifier of images.
    """
    path = Path(path)
    suffix = _format(path)
    if suffix in KERAS:
        from workbench.models.files.keras import load_model as load_keras

        return load_keras(path)
    if suffix in HDF5:
        from workbench.models.files.hdf5 import load_hdf5

        return load_hdf5(path)
    from workbench.models.files.inference_only import InferenceOnly

    if suffix in ONNX:
        from workbench.models.files.onnx import read_onnx as read
    elif suffix in LITERT:
        from workbench.models.files.litert import read_litert as read
    else:
        from workbench.models.files.saved_model import read_saved_model as read
    return InferenceOnly(read(path), fingerprint=file_fingerprint(path), classes=classes)


def is_inference_only(path: Path) -> bool:
    """Whether a file gives predictions and no gradients, told by its name alone; loads nothing."""
    return path.is_dir() or path.suffix.lower() in (*ONNX, *LITERT)


def file_fingerprint(path: Path) -> str:
    """16 hexadecimal digits that change with any byte of a model's file or folder; needs no TensorFlow.

    Raises:
        Unavailable: if it cannot be read.
    """
    try:
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file())
            digest = hashlib.sha256()
            for each in files:
                digest.update(f"{each.relative_to(path).as_posix()} {_sha256(each)}\n".encode())
            return digest.hexdigest()[:16]
        beside = [path.with_name(path.name + end) for end in (".data", "_data")]  # where ONNX keeps large weights
        found = [_sha256(each) for each in (path, *beside) if each is path or each.is_file()]
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror or error}.") from None
    return (found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest())[:16]


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
