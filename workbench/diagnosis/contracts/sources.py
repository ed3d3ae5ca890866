"""What every data source owes."""

from __future__ import annotations

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import silent
from workbench.data.sources import sources
from workbench.diagnosis.contracts.check import Check, hold


def is_called(_: None, name: str) -> None:
    """A name that a command line takes, and that no file or folder has."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    hold(plain.isalnum() and plain.isascii() and name[0].isalpha(), f"NAME must be letters, digits and '-': {name!r}.")
    hold(not name.endswith(".npz"), f"NAME must not look like a file. Got {name!r}.")


def gives_both_parts(_: None, name: str) -> None:
    """A dataset for "train" and one for "test", of the same classes and shape, not empty."""
    parts = [sources()[name].load(split, None, silent) for split in ("train", "test")]
    for split, part in zip(("train", "test"), parts, strict=True):
        hold(isinstance(part, Dataset), f"load({split!r}, …) must return a Dataset. Got {type(part).__name__}.")
        hold(len(part) > 0, f"Its {split} part is empty.")
        hold(part.name == f"{name}/{split}", f"The dataset must be named {name + '/' + split!r}. Got {part.name!r}.")
    hold(parts[0].class_names == parts[1].class_names, "Its two parts have other classes.")
    hold(parts[0].image_shape == parts[1].image_shape, "The images of its two parts have other shapes.")


def is_the_same_again(_: None, name: str) -> None:
    """What is read twice is the same, so that what was computed of it may be kept."""
    once, again = (sources()[name].load("test", None, silent) for _ in range(2))
    hold(np.array_equal(once.labels, again.labels), "Read again, its labels are others.")
    hold(once.fingerprint == again.fingerprint, "Read again, its images are others.")


CHECKS = (
    Check("its name is one that a command line takes", is_called),
    Check("it gives a train part and a test part", gives_both_parts),
    Check("read again it is the same", is_the_same_again),
)
