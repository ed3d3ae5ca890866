"""`.keras` files of others -> Keras models, without running code that came with the file."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.models.training_loss import loss_name

WEIGHTS = ("model.weights.h5", "model.weights.npz")
MOST = 450
"""Letters of what Keras says that are repeated."""
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Keras raises about a file."""


def load_model(path: str | Path) -> Any:
    """Load a `.keras` file (Keras 3) for inference; optimizer and loss stay in the file.

    Args:
        path: a file written by `model.save("name.keras")`.

    Raises:
        Unavailable: if there is no such file; offers the `.keras` files beside it.
        WorkbenchError: if the file is truncated or of another format, holds a Lambda layer, or needs a custom class.
    """
    path = Path(path)
    config, version, loss = _config(path)
    model = open_model(path, config, version, lambda model: _fill(model, path, config))
    model.saved_loss = loss
    return model


def open_model(path: Path, config: dict[str, Any], version: str, fill: Callable[[Any], None]) -> Any:
    """Let Keras open a file whose description of the model was read; one of Keras 2 is built anew.

    Args:
        path: of the file.
        config: the description.
        version: of the Keras that wrote it.
        fill: puts the weights of a file of Keras 2 into the model that was built.

    Raises:
        WorkbenchError: if the description names code of the file's own, or Keras cannot read it.
    """
    _refuse_code(path, config)
    import keras

    from workbench.models.files.keras2 import build, written_by_keras_2
    from workbench.models.files.keras2.words import FUNCTIONS

    if written_by_keras_2(config, version):
        try:
            model = build(config)
            fill(model)
        except (*UNREADABLE, WorkbenchError) as error:
            raise WorkbenchError(
                f"{path.name} was written by Keras {version} and cannot be built with Keras {keras.__version__}: "
                f"{_cause(error).rstrip('.')}. {_help(path, error)}"
            ) from None
        return model
    custom = [name for name in _custom_classes(config) if keras.saving.get_registered_object(name) is None]
    if custom:
        raise WorkbenchError(
            f"{path.name} needs the custom class {custom[0]!r}, which is not part of Keras. Register it with "
            "`keras.saving.register_keras_serializable`, load the model in Python, and give the model to `Session`."
        )
    functions = {name: getattr(keras.activations, known) for name, known in FUNCTIONS.items()}  # as `tf.nn` calls them
    try:
        return keras.models.load_model(path, custom_objects=functions, compile=False, safe_mode=True)
    except UNREADABLE as error:
        raise WorkbenchError(
            f"{path.name} is not a model that Keras {keras.__version__} can read "
            f"(it was written by Keras {version}): {_cause(error)}"
        ) from None


def _fill(model: Any, path: Path, config: dict[str, Any]) -> None:
    import h5py

    from workbench.models.files.keras2.weights import load_keras_weights

    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as stored, h5py.File(stored, "r") as file:
        load_keras_weights(model, config, file)


def _help(path: Path, error: Exception) -> str:
    if path.suffix == ".keras" and not isinstance(error, WorkbenchError):
        return "What helps: `model.save('m.h5')` in Keras 2."
    return "What helps: `model.export('folder')` in Keras 2, a SavedModel (predictions only)."


def _cause(error: Exception) -> str:
    """What went wrong in Keras: its sentences quote whole descriptions, and have their cause at the end."""
    said = str(error).split("Exception encountered:")[-1].split("Full object config:")[0]
    said = " ".join(said.split()) or type(error).__name__
    return said if len(said) <= MOST else f"{said[: MOST // 3]} … {said[-2 * MOST // 3 :]}"


def _config(path: Path) -> tuple[dict[str, Any], str, str]:
    """Return the description of the model, the version of Keras that wrote it and the loss it was compiled with."""
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder. Name the .keras file in it.")
    if not path.is_file():
        beside = sorted(file.name for file in path.parent.glob("*.keras")) if path.parent.is_dir() else []
        raise Unavailable(f"{unknown('model file', path.name, beside)} Looked in {path.parent.resolve()}.")
    if path.suffix != ".keras":
        raise WorkbenchError(
            f"A model must be a .keras file of Keras 3, as `model.save('name.keras')` writes it. Got {path.name!r}."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "config.json" not in names or not names.intersection(WEIGHTS):
                raise WorkbenchError(f"{path.name} is not a Keras model file: it is a zip without a model in it.")
            damaged = archive.testzip()
            if damaged is not None:
                raise WorkbenchError(f"{path.name} is damaged: {damaged} in it does not match its checksum.")
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        raise WorkbenchError(f"{path.name} is not a Keras model file: it is truncated, or of another format.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise WorkbenchError(f"{path.name} is damaged: the description of the model in it cannot be read.") from None
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise WorkbenchError(f"{path.name} is not a Keras model file: its config.json describes no model.")
    compiled = config.pop("compile_config", None)  # optimizer and loss are never loaded, so they may be anything
    loss = loss_name(compiled.get("loss")) if isinstance(compiled, dict) else ""
    return config, str(metadata.get("keras_version", "unknown")), loss


def _refuse_code(path: Path, config: dict[str, Any]) -> None:
    for part in serialized_objects(config):
        if part["class_name"] in ("Lambda", "__lambda__"):
            inner = part.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            raise WorkbenchError(
                f"{path.name} has a Lambda layer{f' ({name!r})' if name else ''}: opening it would run code from the "
                "file, so it is refused. Replace the Lambda by a layer of Keras and save the model again."
            )


def _custom_classes(config: dict[str, Any]) -> Iterator[str]:
    """Yield the registered name of every class that is neither Keras's nor Python's."""
    for part in serialized_objects(config):
        module = part.get("module")
        if isinstance(module, str) and module != "builtins" and module.split(".")[0] != "keras":
            yield str(part.get("registered_name") or part["class_name"])


def serialized_objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every serialized object in a nest of lists and dictionaries."""
    nodes = [node]
    while nodes:  # not recursive: the nest is the file's, and may be deeper than Python's stack
        node = nodes.pop()
        if isinstance(node, dict):
            if "class_name" in node:
                yield node
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)


def fingerprint(model: Any) -> str:
    """16 hexadecimal digits that change with the structure of a Keras model and with any weight."""
    if known := getattr(model, "file_fingerprint", ""):  # its weights are not Keras's
        return str(known)
    try:
        structure = model.to_json()
    except (NotImplementedError, TypeError, ValueError):  # a model with a `call` of its own
        structure = repr([(weights.path, weights.shape) for weights in model.weights])
    digest = hashlib.sha256(structure.encode())
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    return digest.hexdigest()[:16]
