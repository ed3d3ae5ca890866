"""Policies as TOML: read strictly, each mistake one sentence with the nearest key; drafted by `draft`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.finding import Kind, Severity
from workbench.core.text_file import read_toml
from workbench.diagnosis.policy import Policy, Slice

OF_A_SLICE = ("where", "min-accuracy", "name")


def read_policy(path: str | Path) -> Policy:
    """Read a policy.

    Raises:
        WorkbenchError: if the file cannot be read, has no rule, or a key or a value is none; the nearest are offered.
    """
    path = Path(path)
    found = read_toml(path, "policy")
    for key in found:
        if key not in KEYS:
            raise unknown("key", key, KEYS, where=str(path))
    if not set(found) - {"fast", "allowed-kinds", "against"}:
        raise WorkbenchError(f"{path} has no rule. Give one of {', '.join(RULES)}.")
    if "allowed-kinds" in found and "max-severity" not in found:
        raise WorkbenchError(f"{path}: `allowed-kinds` says what may be worse than `max-severity`. Give that too.")
    read = {key.replace("-", "_"): KEYS[key](value, f"{path}: `{key}`") for key, value in found.items()}
    return Policy(**read, source=str(path))


def _share(value: Any, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value <= 1:
        return float(value)
    hint = f" Write {value} % as {value / 100:g}." if number and 1 < value <= 100 else ""
    raise WorkbenchError(f"{where} must be a number from 0 to 1.{hint} Got {value!r}.")


def _recall(value: Any, where: str) -> Mapping[str, float]:
    if isinstance(value, Mapping):
        if not value:
            raise WorkbenchError(f"{where} names no class. Write a number for all, or a class = number for each.")
        return {name: _share(share, f"{where} of {name!r}") for name, share in value.items()}
    if isinstance(value, int | float):
        return {"*": _share(value, where)}
    raise WorkbenchError(f"{where} must be a number for all classes, or a table of numbers by class. Got {value!r}.")


def _severity(value: Any, where: str) -> Severity:
    if value not in list(Severity):
        raise unknown("severity", value, Severity, where=where)
    return Severity(value)


def _kinds(value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise WorkbenchError(f"{where} must be a list of kinds of findings. Got {value!r}.")
    for kind in value:
        if kind not in get_args(Kind):
            raise unknown("kind of finding", kind, get_args(Kind), where=where)
    return tuple(value)


def _truth(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise WorkbenchError(f"{where} must be true or false. Got {value!r}.")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WorkbenchError(f"{where} must be text. Got {value!r}.")
    return value


def _slices(value: Any, where: str) -> tuple[Slice, ...]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise WorkbenchError(
            f"{where} must be tables, [[slices]], each with `where` and `min-accuracy`. Got {value!r}."
        )
    return tuple(_slice(each, f"{where}, number {place}") for place, each in enumerate(value, 1))


def _slice(value: Mapping[str, Any], where: str) -> Slice:
    for key in value:
        if key not in OF_A_SLICE:
            raise unknown("key", key, OF_A_SLICE, where=where)
    if missing := [key for key in ("where", "min-accuracy") if key not in value]:
        raise WorkbenchError(f"{where} lacks `{missing[0]}`. A slice has `where`, a query, and `min-accuracy`.")
    return Slice(
        where=_text(value["where"], f"{where}: `where`"),
        min_accuracy=_share(value["min-accuracy"], f"{where}: `min-accuracy`"),
        name=_text(value["name"], f"{where}: `name`") if "name" in value else "",
    )


RULES = ("min-accuracy", "min-recall", "max-ece", "max-severity", "max-drop", "slices")
KEYS: Mapping[str, Callable[[Any, str], Any]] = {
    "min-accuracy": _share,
    "min-recall": _recall,
    "max-ece": _share,
    "max-severity": _severity,
    "allowed-kinds": _kinds,
    "fast": _truth,
    "against": _text,
    "max-drop": _share,
    "slices": _slices,
}
"""What a policy may say, and what reads it."""
