"""What is computed of every image, as every worker can do it: a task travels, and opens model and data where it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.core.types import Array


@dataclass(frozen=True, kw_only=True)
class About:
    """What a task says once its model and data are open; equal in every worker, or they do not do the same work.

    Attributes:
        made: what decides about the results, of JSON types: fingerprints of model and data, and every option.
        count: images, numbered from 0 on.
        batch: images that are computed together.
        bytes_of_one: about how many bytes are kept of an image.
    """

    made: Mapping[str, Any]
    count: int
    batch: int
    bytes_of_one: int


class Opened(ABC):
    """A task whose model and data are open."""

    @property
    @abstractmethod
    def about(self) -> About:
        """See `About`."""

    @abstractmethod
    def compute(self, rows: Array) -> dict[str, Array]:
        """Compute a batch.

        Args:
            rows: `(B,)` int64, numbers of images; each may be there more than once.

        Returns:
            Arrays of numbers by name, each with B rows; a row depends on its own image alone.
        """


class Task(ABC):
    """Is pickled, and opened once by each worker."""

    @abstractmethod
    def open(self) -> Opened:
        """Open model and data; imports TensorFlow where it is needed, and takes seconds."""

    def like(self, about: About) -> Task:
        """Return the task with what the first worker chose by itself, so that another one does it alike."""
        return self
