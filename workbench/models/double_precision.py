"""A copy of a model in double precision, to check maps with."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe

DOUBLE = "float64"


def double_probe(probe: Probe) -> Probe:
    """Return a probe whose model computes in float64, one image or copy at a time, with the weights of `probe`'s.

    Raises:
        WorkbenchError: if the model cannot be built again from its own description.
    """
    model = probe.model
    if probe.inference_only:
        raise WorkbenchError(
            f"This model is {probe.inference_only}: no float64 copy of it can be made, so its maps cannot be checked."
        )
    try:
        copy = type(model).from_config(_in_double(model.get_config()))
        if not copy.built:
            copy.build((None, *probe.image_shape))
        copy.set_weights(
            [weights.astype(DOUBLE) if weights.dtype.kind == "f" else weights for weights in model.get_weights()]
        )
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise WorkbenchError(
            f"A float64 copy of this model cannot be made, so its maps cannot be checked: {str(error).splitlines()[0]}"
        ) from None
    checked = Probe(copy, probe.image_shape, given=probe.preprocessing.name, floats=DOUBLE, tokens=probe.tokens)
    checked.scores.as_in(probe.scores)
    checked.max_rows = 1  # nothing is shared with the way in which batches are made
    return checked


def _in_double(config: Any) -> Any:
    """Write float64 wherever a layer's configuration names another precision; integer inputs stay."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": DOUBLE}}
        return {
            key: DOUBLE if key == "dtype" and str(value) in _FLOATS else _in_double(value)
            for key, value in config.items()
        }
    return (
        [_in_double(each) for each in config]
        if isinstance(config, list)
        else (tuple(_in_double(each) for each in config) if isinstance(config, tuple) else config)
    )


_FLOATS = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


def relative_difference(values: Any, checked: Any) -> float:
    """Largest difference of two arrays as a share of the largest magnitude of `checked`; 0 if both are all zero."""
    scale = float(np.abs(checked).max()) if checked.size else 0.0
    difference = float(np.abs(np.asarray(values, np.float64) - checked).max()) if checked.size else 0.0
    return difference / scale if scale > 0 else (0.0 if difference == 0 else float("inf"))
