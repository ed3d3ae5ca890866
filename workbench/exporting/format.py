"""What a format is: it converts a SavedModel, and runs what it made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from workbench.core.extras import require
from workbench.core.params import Named
from workbench.core.types import Array

IMAGES, PROBABILITIES, HEATMAP = "images", "probabilities", "heatmap"
"""Names of the graph's input, `(N, H, W, C)` float32 in [0, 1], and outputs, `(N, K)` and `(N, h, w)`."""
Served = Callable[[Array], Mapping[str, Array]]
"""An exported model as a function: images to outputs by name."""


class Exporter(Named, ABC):
    """Base of all formats; the first line of a subclass's docstring says what runs it.

    Attributes:
        file: name of the file, or folder, that it writes.
        quantizations: what it can do to make the file smaller: name of the kind, and what it does.
        needs: libraries that it imports beside TensorFlow, from the extra `export`.
    """

    file: ClassVar[str] = ""
    quantizations: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def check_installed(cls) -> None:
        """See that what the format needs is installed, before anything takes time.

        Raises:
            Unavailable: if not; says what to install.
        """
        require(*cls.needs, extra="export", what=f"Exporting to {cls.name}")

    @abstractmethod
    def write(self, graph: Path, path: Path, quantize: str | None) -> None:
        """Convert a SavedModel, whose signature has the names above.

        Args:
            graph: folder of the SavedModel.
            path: what to write; it does not exist yet.
            quantize: one of `quantizations`, or None.

        Raises:
            WorkbenchError: if the format lacks something that the model does.
        """

    @abstractmethod
    def open(self, path: Path) -> Served:
        """Return what was written as a function, run by the format's own engine on the CPU."""
