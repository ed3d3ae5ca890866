"""MNIST: 28 x 28 grey images of handwritten digits.

Source: LeCun, Bottou, Bengio and Haffner 1998, doi:10.1109/5.726791.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from workbench.core.array_file import ArrayFile
from workbench.core.dataset import Dataset
from workbench.core.progress import Progress, silent
from workbench.data.sources.keras_archive import Archive, built_in, read_archive

NAME = "mnist"
ARCHIVE = Archive(
    title="MNIST",
    file="mnist.npz",
    address="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    checksum="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)


def load(split: str, data_dir: str | Path | None = None, progress: Progress = silent) -> Dataset:
    """Load "train" (60,000) or "test" (10,000).

    Raises:
        Unavailable: if it is nowhere and cannot be fetched.
    """
    with ArrayFile(io.BytesIO(read_archive(ARCHIVE, data_dir, progress))) as arrays:
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    return built_in(images[..., np.newaxis], labels, tuple("0123456789"), f"{NAME}/{split}", ARCHIVE)
