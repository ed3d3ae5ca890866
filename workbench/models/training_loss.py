"""The loss that a model was compiled with, as its file or the model tells it: what its outputs were meant to be."""

from __future__ import annotations

import re
from typing import Any

REGRESSIONS = {
    "mse": "a squared error",
    "meansquarederror": "a squared error",
    "mae": "an absolute error",
    "meanabsoluteerror": "an absolute error",
    "huber": "the Huber loss",
    "huberloss": "the Huber loss",
    "logcosh": "the log-cosh loss",
    "msle": "a squared logarithmic error",
    "meansquaredlogarithmicerror": "a squared logarithmic error",
}
"""Losses that compare an output with its target as numbers, without capitals and underscores, in words."""


def loss_name(given: Any) -> str:
    """Name one loss: of a compiled model, or as a file describes it; without capitals and underscores.

    Args:
        given: a name, an object of Keras, its description in JSON, or a list or dictionary that holds one of these.

    Returns:
        Its name; empty where there is none, several, or what cannot be told.
    """
    for _ in range(8):  # a description is the file's, and may be nested as deep as it likes
        if isinstance(given, dict) and isinstance(given.get("class_name"), str):
            function = given["class_name"] in ("function", "LossFunctionWrapper")
            given = given.get("config") if function else given["class_name"]
        elif isinstance(given, dict) and isinstance(given.get("fn"), str | dict):
            given = given["fn"]
        elif isinstance(given, dict | list | tuple):
            parts = [each for each in (given.values() if isinstance(given, dict) else given) if each is not None]
            given = parts[0] if len(parts) == 1 else None
        else:
            break
    if given is None or isinstance(given, dict | list | tuple):
        return ""
    said = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
    return re.sub(r"[^a-z0-9]", "", str(said).rpartition(">")[2].lower())


def regression_loss(model: Any) -> str:
    """Say with which loss of a regression a model was trained, "a squared error"; empty if with another, or unknown."""
    known = getattr(model, "saved_loss", None)
    return REGRESSIONS.get(known if isinstance(known, str) else loss_name(getattr(model, "loss", None)), "")
