"""What a SavedModel's served signature computes: its operations, read and never run, and its variables' places."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.models.files.foreign import said
from workbench.models.files.saved_model.operations import ALLOWED, VARIABLES

SIGNATURES = ("serve", "serving_default")
INTERNAL = "__saved_model_"
"""How TensorFlow's own entries among the signatures begin, such as the one that initialises."""
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
NUMBERS = frozenset(
    ("bool", "float16", "bfloat16", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
)
GIVEN = "given_images"
"""Name of the node that stands for the images."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One function of images, with everything that it calls, and nothing else.

    Attributes:
        graph: its operations; all of them are allowed.
        given: name of the tensor that the images become.
        taken: sizes of the images; None where one is open, or all are.
        dtype: of the images, as numpy names it.
        outputs: by name, the tensor of each output that is an array of numbers.
        variables: names of nodes that hold variables, each with the object of the file that it is; None where the file
            knows variables by name only.
        resources: names of those nodes that give a handle, and no value.
        file: what the file holds about variables: objects, and how it would restore them.
    """

    graph: Any
    given: str
    taken: tuple[int | None, ...]
    dtype: str
    outputs: Mapping[str, str]
    variables: Mapping[str, int | None]
    resources: frozenset[str]
    file: Any = field(repr=False)


def read_program(path: Path) -> Program:
    """Read what the signature for serving computes, without loading or running any of it.

    Raises:
        WorkbenchError: if it cannot be read, has an operation that is not allowed, or no signature for one array.
    """
    try:
        return _read(path, parsed(path))
    except WorkbenchError:
        raise
    except Exception as error:  # noqa: BLE001 - a graph can contradict itself in more ways than there are errors
        raise WorkbenchError(f"{path.name} is damaged: its graph cannot be read ({said(error)}).") from None


def _read(path: Path, saved: Any) -> Program:
    meta = _serving(path, saved)
    nodes = {node.name: node for node in meta.graph_def.node}
    given, taken, dtype, outputs = _signature(path, meta, nodes)
    graph = tf.compat.v1.GraphDef(versions=meta.graph_def.versions)
    variables: dict[str, int | None] = {}
    for node in _reached(path, nodes, [*outputs.values()], until=given):
        if node.name == given or node.op in VARIABLES:
            placeholder = graph.node.add(name=node.name, op="Placeholder")
            placeholder.attr["dtype"].type = _held(node, dtype if node.name == given else "")
            if node.name != given:
                variables[node.name] = None
        else:
            graph.node.add().CopyFrom(node)
    variables.update(_objects(meta, graph.node))
    graph.library.function.extend(_called(path, graph.node, meta.graph_def.library))
    for body in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in body:
            _plain(node)
    _renamed(graph)
    resources = frozenset(name for name in variables if nodes[name].op == "VarHandleOp")
    return Program(
        graph=graph,
        given=f"{given}:0",
        taken=taken,
        dtype=dtype,
        outputs=outputs,
        variables=variables,
        resources=resources,
        file=meta,
    )


def parsed(path: Path) -> Any:
    """Parse `saved_model.pb`, or its text.

    Raises:
        WorkbenchError: if it cannot be.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    program = saved_model_pb2.SavedModel()
    try:
        if (path / "saved_model.pb").is_file():
            program.ParseFromString((path / "saved_model.pb").read_bytes())
        else:
            text_format.Parse((path / "saved_model.pbtxt").read_text("utf-8"), program)
    except (DecodeError, OSError, text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise WorkbenchError(f"{path.name} is damaged: its saved_model.pb cannot be read ({said(error)}).") from None
    return program


def _serving(path: Path, saved: Any) -> Any:
    """Choose the graph that is meant for serving."""
    if not saved.meta_graphs:
        raise WorkbenchError(f"{path.name} is damaged: its saved_model.pb holds no model.")
    ranked = sorted(
        saved.meta_graphs, key=lambda meta: ("serve" not in meta.meta_info_def.tags, len(meta.meta_info_def.tags))
    )
    return ranked[0]


def _signature(path: Path, meta: Any, nodes: dict[str, Any]) -> tuple[str, tuple[int | None, ...], str, dict[str, str]]:
    """Choose the signature to call; return the node of its images, their sizes and dtype, and its outputs.

    Where there is none, a function that can be called by name is called by a node that is added to `nodes`.
    """
    signatures = {name: each for name, each in meta.signature_def.items() if not name.startswith(INTERNAL)}
    name = next((each for each in SIGNATURES if each in signatures), None)
    if name is None and len(signatures) == 1:
        name = next(iter(signatures))
    if name is None and signatures:
        raise WorkbenchError(
            f"{path.name} must have a signature {' or '.join(map(repr, SIGNATURES))}. It has {sorted(signatures)}."
        )
    if name is None:
        return _function(path, meta, nodes)
    taken = signatures[name].inputs
    if len(taken) != 1:
        raise WorkbenchError(f"{path.name} must take one array of images. Signature {name!r} takes {sorted(taken)}.")
    (info,) = taken.values()
    given, slot = place(info.name)
    if slot or info.WhichOneof("encoding") != "name" or given not in nodes:
        raise WorkbenchError(f"{path.name} must take one array of images. Signature {name!r} takes {info.name!r}.")
    sizes = (None,) * 4 if info.tensor_shape.unknown_rank else _sizes(info.tensor_shape)
    found = {
        key: each.name
        for key, each in sorted(signatures[name].outputs.items())
        if each.WhichOneof("encoding") == "name" and _dtype(each.dtype) in NUMBERS
    }
    return given, sizes, _dtype(info.dtype), found


def _function(path: Path, meta: Any, nodes: dict[str, Any]) -> tuple[str, tuple[int | None, ...], str, dict[str, str]]:
    """Call the function "serve" or "__call__" of the root object, where it takes one array and what it captured."""
    objects, functions = meta.object_graph_def.nodes, meta.object_graph_def.concrete_functions
    library = {each.signature.name: each for each in meta.graph_def.library.function}
    children = {each.local_name: each.node_id for each in objects[0].children} if objects else {}
    for name in ("serve", "__call__"):
        found = (
            objects[children[name]].function.concrete_functions
            if children.get(name, len(objects)) < len(objects)
            else ()
        )
        for each in found:
            if each not in library or each not in functions:
                continue
            bound, arguments = functions[each].bound_inputs, library[each].signature.input_arg
            if len(arguments) != len(bound) + 1:
                continue
            call = tf.compat.v1.NodeDef(name=f"{GIVEN}/call", op=CALLS[1])
            call.attr["f"].func.name = each
            call.attr["Tin"].list.type.extend(argument.type for argument in arguments)
            call.attr["Tout"].list.type.extend(argument.type for argument in library[each].signature.output_arg)
            call.input.append(GIVEN)
            for number, node_id in enumerate(bound):
                call.input.append(_captured(objects, node_id, f"{GIVEN}/{number}", nodes))
            nodes[GIVEN] = tf.compat.v1.NodeDef(name=GIVEN, op="Placeholder")
            nodes[call.name] = call
            shapes = library[each].arg_attr[0].attr["_output_shapes"].list.shape
            sizes = (None,) * 4 if not shapes or shapes[0].unknown_rank else _sizes(shapes[0])
            names = [
                argument.name for argument in library[each].signature.output_arg if _dtype(argument.type) in NUMBERS
            ]
            outputs = {
                output: f"{call.name}:{number}"
                for number, output in enumerate(argument.name for argument in library[each].signature.output_arg)
                if output in names
            }
            return GIVEN, sizes, _dtype(arguments[0].type), outputs
    raise WorkbenchError(
        f"{path.name} has no signature: it holds variables, or functions that cannot be called by name. Export the "
        "model with `model.export(folder)`."
    )


def _captured(objects: Any, node_id: int, name: str, nodes: dict[str, Any]) -> str:
    """Return the node that gives what a function captured: a constant of the file, or a variable under a new name."""
    captured = objects[node_id]
    if captured.WhichOneof("kind") == "constant" and captured.constant.operation in nodes:
        return str(captured.constant.operation)
    nodes[name] = tf.compat.v1.NodeDef(name=name, op="VarHandleOp")
    nodes[name].attr["dtype"].type = captured.variable.dtype
    return name


def _reached(path: Path, nodes: Mapping[str, Any], tensors: list[str], *, until: str) -> Iterator[Any]:
    """Yield every node that tensors depend on, control dependencies too; not beyond the images and variables."""
    waiting, seen = [place(each)[0] for each in tensors], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in nodes:
            raise WorkbenchError(f"{path.name} is damaged: its graph has no operation {name!r}.")
        yield nodes[name]
        if name != until and nodes[name].op not in VARIABLES:
            waiting += [place(each)[0] for each in nodes[name].input]


def _called(path: Path, nodes: Any, library: Any) -> list[Any]:
    """Return the functions that nodes call, however deep, and see that every operation is allowed.

    Raises:
        WorkbenchError: if one is not; names it.
    """
    functions = {each.signature.name: each for each in library.function}
    found: dict[str, Any] = {}
    waiting = [nodes]
    while waiting:
        for node in waiting.pop():
            named = [node.op] if node.op in functions else []
            if node.op not in ALLOWED and (not named or _known(node.op)):
                raise WorkbenchError(
                    f"{path.name} has the operation {node.op!r}, which is none of those that compute on arrays of "
                    "numbers alone: it may reach files, the network or Python, so it is not loaded. Export the model "
                    "alone, without what reads, writes, prints or looks up."
                )
            for name in [*named, *_named(node.attr)]:
                if name in found:
                    continue
                if name not in functions:
                    raise WorkbenchError(f"{path.name} is damaged: its graph has no function {name!r}.")
                found[name] = functions[name]
                waiting.append(functions[name].node_def)
    return list(found.values())


def _named(attributes: Any) -> Iterator[str]:
    """Yield the functions that attributes name, those of a function that is named too."""
    for attribute in attributes.values():
        for each in [*([attribute.func] if attribute.HasField("func") else []), *attribute.list.func]:
            yield each.name
            yield from _named(each.attr)


def _known(op: str) -> bool:
    """Whether TensorFlow has an operation of this name, which a function of the file would hide."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op) is not None


def _plain(node: Any) -> None:
    """Take off what says where and how an operation is run: it is run here, as TensorFlow would."""
    node.device = ""
    for name in [each for each in node.attr if each.startswith("_")]:
        del node.attr[name]


def _renamed(graph: Any) -> None:
    """Give functions names that nothing else in this process has."""
    mark = secrets.token_hex(4)
    names = {each.signature.name: f"file_{mark}_{number}" for number, each in enumerate(graph.library.function)}

    def rename(attributes: Any) -> None:
        for attribute in attributes.values():
            for each in [*([attribute.func] if attribute.HasField("func") else []), *attribute.list.func]:
                each.name = names[each.name]
                rename(each.attr)

    for function in graph.library.function:
        function.signature.name = names[function.signature.name]
    for body in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in body:
            node.op = names.get(node.op, node.op)
            rename(node.attr)


def _objects(meta: Any, nodes: Any) -> dict[str, int]:
    """Tell which object of the file each variable is that a call is given: arguments end with what was captured."""
    functions, found = meta.object_graph_def.concrete_functions, {}
    for node in nodes:
        name = function_of(node)
        if name in functions:
            bound = functions[name].bound_inputs
            given = [each for each in node.input if not each.startswith("^")]
            found.update({place(each)[0]: node_id for each, node_id in zip(given[-len(bound) :], bound, strict=False)})
    held = {node.name for node in nodes if node.op == "Placeholder"}
    return {name: node_id for name, node_id in found.items() if name in held}


def _held(node: Any, given: str) -> int:
    """The type of what stands in the place of the images, or of a variable."""
    if given:
        return int(tf.as_dtype(given).as_datatype_enum)
    return int(
        tf.resource.as_datatype_enum
        if node.op == "VarHandleOp"
        else node.attr["dtype"].type
        if "dtype" in node.attr
        else 0
    )


def function_of(node: Any) -> str:
    """Name the function that a node calls; empty where it calls none."""
    return str(node.attr["f"].func.name) if node.op in CALLS and "f" in node.attr else ""


def place(tensor: str) -> tuple[str, int]:
    """Split the name of a tensor, or of a dependency, into that of its node and its number."""
    name, _, slot = tensor.removeprefix("^").partition(":")
    return name, int(slot) if slot.isdigit() else 0


def _dtype(number: int) -> str:
    try:
        return str(tf.as_dtype(number).name)
    except TypeError:
        return "unknown"


def _sizes(shape: Any) -> tuple[int | None, ...]:
    return tuple(None if each.size < 0 else int(each.size) for each in shape.dim)
