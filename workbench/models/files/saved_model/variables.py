"""Values of a SavedModel's variables, read from its checkpoint: what the file would do to restore them is not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.models.files.saved_model.program import Program, place

OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
Tensor = Any


class Stored(NamedTuple):
    """Where a variable stands in a checkpoint: under which key, and which part of it ("" for the whole)."""

    key: str
    part: str = ""


def read_variables(path: Path, program: Program) -> dict[str, Tensor]:
    """Read the value of every variable of a program, by the name of its node.

    Raises:
        WorkbenchError: if the checkpoint cannot be read, or lacks one.
    """
    if not program.variables:
        return {}
    prefix = path / "variables" / "variables"
    reader = tf.train.load_checkpoint(str(prefix))
    types = reader.get_variable_to_dtype_map()
    places = _by_name(program.file.graph_def.node)
    objects = _by_object(program.file.object_graph_def, reader) if OBJECTS in types else {}
    values = {}
    for name, node_id in program.variables.items():
        stored = objects.get(node_id) if node_id is not None else None
        stored = stored or places.get(name) or Stored(name)
        if stored.key not in types:
            raise WorkbenchError(f"{path.name} has no value for its variable {name!r} (key {stored.key!r}).")
        (values[name],) = tf.raw_ops.RestoreV2(
            prefix=str(prefix), tensor_names=[stored.key], shape_and_slices=[stored.part], dtypes=[types[stored.key]]
        )
    return values


def _by_object(objects: Any, reader: Any) -> dict[int, Stored]:
    """Walk the objects of the file and those of its checkpoint side by side, by the names of their parts."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    kept = trackable_object_graph_pb2.TrackableObjectGraph()
    kept.ParseFromString(reader.get_tensor(OBJECTS))
    found: dict[int, Stored] = {}
    waiting, seen = [(0, 0)], {0}
    while waiting:
        here, there = waiting.pop()
        attributes = kept.nodes[there].attributes
        if objects.nodes[here].WhichOneof("kind") == "variable" and len(attributes) == 1:
            found[here] = Stored(attributes[0].checkpoint_key)
        children = {each.local_name: each.node_id for each in kept.nodes[there].children}
        for each in objects.nodes[here].children:
            if each.local_name in children and each.node_id not in seen:
                seen.add(each.node_id)
                waiting.append((each.node_id, children[each.local_name]))
    return found


def _by_name(nodes: Any) -> Mapping[str, Stored]:
    """Read off a graph of TensorFlow 1 what its restoring would assign to each variable."""
    named = {node.name: node for node in nodes}
    found = {}
    for node in nodes:
        if node.op not in ("Assign", "AssignVariableOp") or len(node.input) < 2:
            continue
        variable, (giver, slot) = place(node.input[0])[0], place(node.input[1])
        for _ in range(8):  # what hands values on unchanged
            if giver in named and named[giver].op in ("Identity", "Reshape", "Cast") and named[giver].input:
                giver, slot = place(named[giver].input[0])
        restored = named.get(giver)
        if restored is None or restored.op != "RestoreV2" or len(restored.input) < 3:
            continue
        keys, parts = (_texts(named.get(place(each)[0])) for each in restored.input[1:3])
        if slot < min(len(keys), len(parts)):
            found[variable] = Stored(keys[slot], parts[slot])
    return found


def _texts(node: Any) -> list[str]:
    if node is None or node.op != "Const" or "value" not in node.attr:
        return []
    return [each.decode() for each in tf.make_ndarray(node.attr["value"].tensor).ravel()]
