"""More than one device or machine: which strategy of `tf.distribute` a training uses, and who writes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from workbench.core.errors import Unavailable, WorkbenchError, unknown

KINDS = ("auto", "none", "mirrored", "multi-worker")
"""auto: multi-worker where TF_CONFIG names several, mirrored where there are several GPUs, else none."""
_strategy: ContextVar[str] = ContextVar("strategy", default="auto")


@contextmanager
def using(kind: str) -> Iterator[None]:
    """Train with one of `KINDS` inside.

    Raises:
        WorkbenchError: if there is no such strategy.
    """
    if kind not in KINDS:
        raise unknown("strategy", kind, KINDS)
    token = _strategy.set(kind)
    try:
        yield
    finally:
        _strategy.reset(token)


@dataclass(frozen=True)
class Worker:
    """This process among all that train together.

    Attributes:
        kind: "chief" or "worker".
        number: its place among its kind.
        count: processes in all.
        is_chief: whether it is the one that writes.
    """

    kind: Literal["chief", "worker"]
    number: int
    count: int
    is_chief: bool


def worker() -> Worker | None:
    """Return which worker this process is, by TF_CONFIG; None where it trains alone.

    Raises:
        WorkbenchError: if TF_CONFIG is not what TensorFlow takes, or is missing and several workers are asked for.
    """
    asked, given = _strategy.get(), _tf_config()
    if asked not in ("auto", "multi-worker"):
        return None
    example = (
        '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}} with another '
        "index on each machine"
    )
    if not given:
        if asked == "auto":
            return None
        raise WorkbenchError(f"The strategy multi-worker needs the environment variable TF_CONFIG, such as {example}.")
    try:
        config = json.loads(given)
        cluster, task = config["cluster"], config["task"]
        kind, number = str(task["type"]), int(task["index"])
        counts = {name: len(hosts) for name, hosts in cluster.items() if name in ("chief", "worker")}
        fits = kind in counts and 0 <= number < counts[kind]
    except (ValueError, TypeError, KeyError, AttributeError):
        fits = False
    if not fits:
        raise WorkbenchError(f"TF_CONFIG must name the workers and this one's place, such as {example}. Got {given!r}.")
    first = "chief" if "chief" in counts else "worker"
    count = sum(counts.values())
    if count < 2 and asked == "auto":
        return None
    return Worker("chief" if kind == "chief" else "worker", number, count, kind == first and number == 0)


def _tf_config() -> str:
    given = os.environ.get("TF_CONFIG", "").strip()
    return "" if given == "{}" else given


def is_chief() -> bool:
    """Whether this process writes checkpoints and the run: it is alone, or the first of the workers."""
    here = worker()
    return here is None or here.is_chief


@contextmanager
def own_folder(folder: Path, unfinished: str | None = None) -> Iterator[Path]:
    """Provide a folder to write to: the given one to the chief, a temporary one to other workers.

    Every worker saves, since all must take part in reading what is spread over them.

    Args:
        folder: where the chief writes.
        unfinished: name of a folder in it that all go on from: every machine must see it.
    """
    if is_chief():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="workbench-worker-") as name:
        if unfinished and (folder / unfinished).is_dir():
            shutil.copytree(folder / unfinished, Path(name) / unfinished)
        yield Path(name)


def start() -> Any:
    """Return the `tf.distribute.Strategy` of this process, or None; the first call must come before any tensor.

    Raises:
        WorkbenchError: if TF_CONFIG is wrong, or TensorFlow has computed before.
        Unavailable: if the other workers cannot be reached.
    """
    if worker() is not None:
        return _multi_worker(os.environ["TF_CONFIG"])
    asked = _strategy.get()
    if asked not in ("auto", "mirrored"):
        return None
    if asked == "mirrored" and _tf_config():
        raise WorkbenchError(
            "The strategy mirrored uses the devices of this machine, and TF_CONFIG names several: unset it, or choose "
            "multi-worker."
        )
    import tensorflow as tf

    several = len(tf.config.list_physical_devices("GPU")) > 1
    return _mirrored() if asked == "mirrored" or several else None


@cache
def _multi_worker(config: str) -> Any:
    """Join the other workers, once a process; waits for them."""
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise WorkbenchError(
            f"Several workers can only be joined before TensorFlow computes anything ({error}). Train in a process of "
            "its own."
        ) from None
    except tf.errors.OpError as error:
        raise Unavailable(f"The workers of TF_CONFIG, {config}, could not be joined: {error.message}") from None


@cache
def _mirrored() -> Any:
    """All GPUs, or where there is none, the logical CPUs."""
    import tensorflow as tf

    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(None if tf.config.list_physical_devices("GPU") else cpus)


def describe() -> str:
    """Say what a training is spread over, "; 2 workers, this is the chief"; empty where it is not."""
    here, strategy = worker(), start()
    if here is not None:
        return f"; {here.count} workers, this is " + ("the chief" if here.is_chief else f"{here.kind} {here.number}")
    return "" if strategy is None else f"; {strategy.num_replicas_in_sync} replicas"


def scope() -> AbstractContextManager[Any]:
    """Return the context in which a model is built, opened and compiled."""
    strategy = start()
    return nullcontext() if strategy is None else strategy.scope()
