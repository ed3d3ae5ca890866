"""SavedModel folders, as Keras 3 (`model.export`), `tf.saved_model.save`, Keras 2 and TensorFlow 1 write them.

A SavedModel is a program. TensorFlow's own loader would run parts of it while it loads (what restores, initialises and
frees); here only the served signature and what it calls is taken out of it, every operation is one that is allowed, and
variables are read by us.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.files.foreign import Foreign, said
from workbench.models.files.saved_model.ending import ending
from workbench.models.files.saved_model.program import Program, read_program
from workbench.models.files.saved_model.variables import read_variables

FAILURES = (tf.errors.OpError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OSError)
"""What TensorFlow raises about a damaged file."""


def read_saved_model(path: Path) -> Foreign:
    """Open a SavedModel by the signature that is meant for serving.

    Raises:
        WorkbenchError: if it is damaged, has an operation that is not allowed, or no signature that takes one array.
    """
    try:
        program = read_program(path)
        function, kept = _imported(path, program)
    except WorkbenchError:
        raise
    except FAILURES as error:
        raise WorkbenchError(
            f"{path.name} is not a SavedModel that TensorFlow {tf.__version__} can read: {said(error)}"
        ) from None
    names = tuple(program.outputs)

    def run(images: Array, numbers: Sequence[int]) -> list[Array]:
        try:
            outputs = function(tf.constant(images))
            found = [outputs[number].numpy() for number in numbers]
        except FAILURES as error:
            raise ValueError(said(error)) from None
        return [each if each.dtype.kind in "biuf" else each.astype(np.float32) for each in found]

    run.kept = kept  # type: ignore[attr-defined]  # variables live as long as the function does
    return Foreign(
        kind="a SavedModel",
        name=path.name,
        taken=program.taken,
        dtype=program.dtype,
        outputs=names,
        run=run,
        endings=tuple(ending(program.graph, tensor) for tensor in program.outputs.values()),
    )


def _imported(path: Path, program: Program) -> tuple[Any, list[Any]]:
    """Build the function of a program, with its variables filled."""
    values = read_variables(path, program)
    resources = program.resources
    held = {name: tf.Variable(value, trainable=False) if name in resources else value for name, value in values.items()}
    names = list(program.outputs.values())

    def call(images: Any) -> list[Any]:
        capture = tf.compat.v1.get_default_graph().capture
        mapped = {f"{name}:0": capture(each.handle if name in resources else each) for name, each in held.items()}
        return list(
            tf.graph_util.import_graph_def(
                program.graph,
                input_map={program.given: images, **mapped},
                return_elements=names,
                producer_op_list=program.file.meta_info_def.stripped_op_list,
            )
        )

    spec = tf.TensorSpec(program.taken, program.dtype)
    return tf.compat.v1.wrap_function(call, [spec]), list(held.values())
