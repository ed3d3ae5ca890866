"""CIFAR-10: 32 x 32 colour images of ten kinds of things.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

from pathlib import Path

from workbench.core.dataset import Dataset
from workbench.core.progress import Progress, silent
from workbench.data.sources.keras_archive import Archive, built_in, read_archive, read_batches

NAME = "cifar10"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE = Archive(
    title="CIFAR-10",
    file="cifar-10-python.tar.gz",
    address="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    checksum="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    kept_as=("cifar-10-batches-py-target_archive",),
)
MEMBERS = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}


def load(split: str, data_dir: str | Path | None = None, progress: Progress = silent) -> Dataset:
    """Load "train" (50,000) or "test" (10,000).

    Raises:
        Unavailable: if it is nowhere and cannot be fetched.
    """
    images, labels = read_batches(read_archive(ARCHIVE, data_dir, progress), MEMBERS[split], "labels")
    return built_in(images, labels, CLASS_NAMES, f"{NAME}/{split}", ARCHIVE)
