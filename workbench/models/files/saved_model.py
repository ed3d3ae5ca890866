"""SavedModel folders: `model.export(folder)` of Keras 3, `tf.saved_model.save`, and what Keras 2 saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.models.files.inference_only import Foreign, Tensor

SIGNATURES = ("serve", "serving_default")
FORBIDDEN = (
    "PyFunc",
    "ReadFile",
    "WriteFile",
    "FileReader",
    "MatchingFiles",
    "Record",
    "Dataset",
    "Rpc",
    "Print",
    "Summary",
    "Socket",
    "Debug",
    "FromTextFile",
)
"""In the name of an operation that reaches beyond the model: to files, to the network, or to Python."""


def read_saved_model(path: Path) -> Foreign:
    """Open a SavedModel by the signature that is meant for serving.

    A SavedModel is a program: one whose operations reach files, the network or Python is refused before it is loaded.

    Raises:
        WorkbenchError: if it is damaged, refused, or has no signature that takes one array.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    _refuse_reach(path)
    try:
        loaded = tf.saved_model.load(str(path))
    except (
        tf.errors.OpError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        LookupError,
        DecodeError,
    ) as error:
        said = " ".join(str(error).split())[:300]
        raise WorkbenchError(
            f"{path.name} is not a SavedModel that TensorFlow {tf.__version__} can read: {said}"
        ) from None
    function, keyword, spec = _signature(path, loaded)
    names = tuple(tf.nest.flatten(_names(function.structured_outputs)))

    def run(images: Tensor, number: int) -> Tensor:
        given = function(**{keyword: images}) if keyword else function(images)
        return tf.nest.flatten(given)[number]

    sizes = (None,) * 4 if spec.shape.rank is None else tuple(spec.shape)
    return Foreign(
        kind="a SavedModel",
        name=path.name,
        taken=sizes,
        dtype=spec.dtype.as_numpy_dtype.__name__,
        outputs=names,
        run=_kept(run, loaded),
    )


def _kept(run: Any, loaded: Any) -> Any:
    """Hold on to what was loaded as long as the function is: its variables live there."""
    run.loaded = loaded
    return run


def _names(outputs: Any) -> Any:
    if isinstance(outputs, dict):
        return {name: name for name in outputs}
    if isinstance(outputs, list | tuple):
        return [f"output {number}" for number in range(len(outputs))]
    return "output"


def _signature(path: Path, loaded: Any) -> tuple[Any, str, Any]:
    """Choose the function to call; return it, the name of its argument ("" for the first), and what it takes."""
    import tensorflow as tf

    signatures = dict(getattr(loaded, "signatures", {}))
    name = next((each for each in SIGNATURES if each in signatures), None)
    if name is None and len(signatures) == 1:
        name = next(iter(signatures))
    if name is not None:
        taken = signatures[name].structured_input_signature[1]
        if len(taken) == 1:
            keyword, spec = next(iter(taken.items()))
            return signatures[name], keyword, spec
        raise WorkbenchError(f"{path.name} must take one array of images. Signature {name!r} takes {sorted(taken)}.")
    if signatures:
        raise WorkbenchError(
            f"{path.name} must have a signature {' or '.join(map(repr, SIGNATURES))}. It has {sorted(signatures)}."
        )
    concrete = [
        each
        for name in ("serve", "__call__")
        for each in getattr(getattr(loaded, name, None), "concrete_functions", ())
    ]
    for each in concrete:
        specs = [spec for spec in tf.nest.flatten(each.structured_input_signature) if isinstance(spec, tf.TensorSpec)]
        if len(specs) == 1:
            return each, specs[0].name if each.structured_input_signature[1] else "", specs[0]
    raise WorkbenchError(
        f"{path.name} has no signature: it holds variables, or functions that cannot be called by name. Export the "
        "model with `model.export(folder)`."
    )


def _refuse_reach(path: Path) -> None:
    """Read which operations the program has, without loading it.

    Raises:
        WorkbenchError: if it cannot be read, or has one that is refused.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    program = saved_model_pb2.SavedModel()
    try:
        if (path / "saved_model.pb").is_file():
            program.ParseFromString((path / "saved_model.pb").read_bytes())
        else:
            text_format.Parse((path / "saved_model.pbtxt").read_text("utf-8"), program)
    except (DecodeError, OSError, text_format.ParseError, UnicodeDecodeError) as error:
        raise WorkbenchError(f"{path.name} is damaged: its saved_model.pb cannot be read ({error}).") from None
    if not program.meta_graphs:
        raise WorkbenchError(f"{path.name} is damaged: its saved_model.pb holds no model.")
    for graph in (each.graph_def for each in program.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        refused = next((node.op for node in nodes if any(word in node.op for word in FORBIDDEN)), None)
        if refused is not None:
            raise WorkbenchError(
                f"{path.name} has the operation {refused!r}, which accesses files, the network or Python, so it is not "
                "loaded. "
                "Export the model alone, without reading, writing or Python functions."
            )
