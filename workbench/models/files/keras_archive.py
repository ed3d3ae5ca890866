"""What a `.keras` file says of itself, read within limits: sizes are looked at before a byte is unpacked."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.memory import free_memory
from workbench.core.wording import plural
from workbench.core.zip_archive import RefusedArchive, open_archive

if TYPE_CHECKING:
    import zipfile

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", ("model.weights.h5", "model.weights.npz")
MOST_TEXT = 32 * 2**20
"""Bytes of a model's description; that of a network of 1,000 layers has one or two million."""
MOST_ASSETS = 256 * 2**20
"""Bytes of whatever else is in it: Keras unpacks that onto the disk."""
DEEPEST = 200
"""Levels of a description; a model in a model in a model has thirty."""
MOST_OBJECTS = 100_000
"""Layers, initializers and the like; a network of 1,000 layers has five for each."""
MOST_NODES = 500_000
"""Lists and objects of JSON in a description; a network of 1,000 layers has thirty for each."""
MOST_CALLS = 200_000
"""Calls of a layer while a model is built, a minute of them. A Sequential calls all its layers anew with each that is
added: a tenth of these are 200 layers in a row. A model that is a layer calls its own wherever it is called."""
WRAPPED = ("layer", "backward_layer", "cell")
"""What else a layer calls its own in its description."""


def read_description(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the description of a model, and that of its file.

    Raises:
        Unavailable: if the file cannot be read.
        WorkbenchError: if it is damaged, no model, or larger unpacked than any model.
    """
    try:
        with open_archive(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if CONFIG not in members or not members.keys() & set(WEIGHTS):
                raise WorkbenchError(f"{path.name} is not a Keras model file: it is a zip without a model in it.")
            _check_names(path, members)
            _check_sizes(path, members)
            config = parse_description(path, archive.read(CONFIG))
            metadata = parse_description(path, archive.read(METADATA)) if METADATA in members else {}
    except WorkbenchError:
        raise
    except RefusedArchive as error:
        raise WorkbenchError(f"{path.name} is not a Keras model file: {error}.") from None
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise WorkbenchError(f"{path.name} is damaged: the description of the model in it cannot be read.") from None
    except Exception:  # noqa: BLE001 - zipfile has two dozen ways to say that a file is no good
        raise WorkbenchError(f"{path.name} is not a Keras model file: it is truncated, or of another format.") from None
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise WorkbenchError(f"{path.name} is not a Keras model file: its {CONFIG} describes no model.")
    check_description(path, config)
    return config, metadata


def parse_description(path: Path, text: Any) -> Any:
    """Parse the JSON that describes a model, or its file.

    Raises:
        WorkbenchError: if it has more parts than any model's: each takes a hundred times its bytes.
        TypeError: if it is no text at all.
        Exception: what `json` raises, of three kinds, if it is none.
    """
    if isinstance(text, bytes):
        text = text.decode()
    elif not isinstance(text, str):
        raise TypeError(f"no text: {type(text)}")
    if text.count("{") + text.count("[") > MOST_NODES:
        raise WorkbenchError(
            f"{path.name} is refused: its description has more than {MOST_NODES:,} lists and objects in it."
        )
    return json.loads(text)


def read_weights(path: Path) -> tuple[str, io.BytesIO]:
    """Read the file of weights in a `.keras` file whose description was read; return its name, and it.

    Raises:
        WorkbenchError: if it does not match its checksum.
    """
    name = "its weights"
    try:
        with open_archive(path) as archive:
            name = next(each for each in WEIGHTS if each in archive.namelist())
            return name, io.BytesIO(archive.read(name))
    except Exception as error:  # noqa: BLE001 - as above
        said = " ".join(str(error).split())[:200] or type(error).__name__
        if "CRC" in said:
            raise WorkbenchError(f"{path.name} is damaged: {name} in it does not match its checksum.") from None
        raise WorkbenchError(f"{path.name} is damaged: the weights in it cannot be read ({said}).") from None


def check_description(path: Path, config: Any) -> None:
    """See that a description is no deeper and no longer than those of models are.

    Raises:
        WorkbenchError: if it is.
    """
    objects, waiting = 0, [(config, 1)]
    while waiting:  # not recursive: it may be deeper than Python's stack
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise WorkbenchError(f"{path.name} is refused: its description is deeper than {DEEPEST} levels.")
        if isinstance(node, dict):
            objects += "class_name" in node
            if objects > MOST_OBJECTS:
                raise WorkbenchError(f"{path.name} is refused: it describes more than {MOST_OBJECTS:,} parts.")
            waiting.extend((each, depth + 1) for each in node.values() if isinstance(each, dict | list))
        else:
            waiting.extend((each, depth + 1) for each in node if isinstance(each, dict | list))
    _, calls = _calls(config)
    if calls > MOST_CALLS:
        raise WorkbenchError(
            f"{path.name} is refused: {plural(calls, 'call')} of its layers would be needed to build it, and at most "
            f"{MOST_CALLS:,} are made. What helps: a functional model in place of a Sequential of many layers."
        )


def _calls(layer: Any) -> tuple[int, int]:
    """Count calls of layers: in one call of what is described, which was seen to be not too deep, and to build it."""
    inner = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(inner, dict):
        return 1, 0
    layers = inner.get("layers")
    if not isinstance(layers, list):
        wrapped = [_calls(inner[name]) for name in WRAPPED if name in inner]
        return 1 + sum(calls for calls, _ in wrapped), sum(built for _, built in wrapped)
    counted = [_calls(each) for each in layers]
    nodes = [each.get("inbound_nodes") if isinstance(each, dict) else None for each in layers]
    times = [len(of) if isinstance(of, list) and of else 1 for of in nodes]
    calls = [count * number for (count, _), number in zip(counted, times, strict=True)]
    again = sum(itertools.accumulate(calls)) if layer.get("class_name") == "Sequential" else sum(calls)
    return sum(calls), again + sum(built for _, built in counted)


def _check_names(path: Path, members: dict[str, zipfile.ZipInfo]) -> None:
    for name in members:
        parts = PurePosixPath(name), PureWindowsPath(name)
        if any(each.is_absolute() or each.drive or ".." in each.parts for each in parts):
            raise WorkbenchError(f"{path.name} is no Keras model: it holds {name[:60]!r}, outside of it.")


def _check_sizes(path: Path, members: dict[str, zipfile.ZipInfo]) -> None:
    sizes = {name: member.file_size for name, member in members.items()}
    weights = sum(sizes.get(name, 0) for name in WEIGHTS)
    others = sum(sizes.values()) - weights
    text = max(sizes[CONFIG], sizes.get(METADATA, 0))
    if text > MOST_TEXT or others > MOST_ASSETS:
        raise WorkbenchError(
            f"{path.name} is refused: unpacked, it has {others / 2**20:,.0f} MB beside its weights, "
            f"{text / 2**20:,.0f} MB of them its description. "
            f"At most {MOST_ASSETS >> 20} MB, and {MOST_TEXT >> 20} MB, are taken."
        )
    free = free_memory()
    if free is not None and weights > free:
        raise WorkbenchError(
            f"{path.name} needs {weights / 2**30:.1f} GB of memory for its weights, and {free / 2**30:.1f} GB are free."
        )
