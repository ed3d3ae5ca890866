"""What a network is trained on: which device, in which precision, and whether in one order of its sums."""

from __future__ import annotations

from typing import Any

from workbench.core.cores import cores
from workbench.core.errors import WorkbenchError


def describe() -> str:
    """Say in a few words what TensorFlow computes on: "GPU NVIDIA H100 80GB HBM3", "CPU, 2 cores"."""
    import tensorflow as tf

    cards = gpus()
    if cards:
        names = [tf.config.experimental.get_device_details(card).get("device_name") or card.name for card in cards]
        return f"GPU {names[0]}" if len(cards) == 1 else f"{len(cards)} GPUs, {names[0]}"
    count = cores()
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    if threads == 1 and tf.config.threading.get_inter_op_parallelism_threads() == 1:
        return "CPU, one thread"
    return f"CPU, {count} core{'' if count == 1 else 's'}"


def gpus() -> list[Any]:
    """Return TensorFlow's GPUs; empty where there is none, or it is a build without."""
    import tensorflow as tf

    return list(tf.config.list_physical_devices("GPU"))


def one_order() -> None:
    """Let TensorFlow compute on one thread and with deterministic kernels from here on, in this process.

    Raises:
        WorkbenchError: if TensorFlow has computed before on more threads, whose number it then no longer changes.
    """
    import tensorflow as tf

    threading = tf.config.threading
    try:
        if threading.get_intra_op_parallelism_threads() != 1:
            threading.set_intra_op_parallelism_threads(1)
        if threading.get_inter_op_parallelism_threads() != 1:
            threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise WorkbenchError(
            "Deterministic training needs one thread. TensorFlow has already started more in this process. Start the "
            "training in a new process: workbench train … --deterministic."
        ) from None
    tf.config.experimental.enable_op_determinism()
