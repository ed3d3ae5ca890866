"""What a model said of images, as the cache folder keeps it: logits, embeddings, and how the outputs are read."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from workbench.core.array_file import MAPPED, ArrayWriter, map_array
from workbench.core.cache import load_arrays, map_kept, save_arrays
from workbench.core.errors import WorkbenchError
from workbench.core.files import disk_trouble
from workbench.core.locks import sharing
from workbench.core.types import Array
from workbench.core.wording import plural

LOGITS, EMBEDDINGS = NAMES = ("logits", "embeddings")


class KeptOutputs:
    """The outputs of one model on N images; of very many, files of their own that are mapped and never read whole.

    Args:
        path: of the file; None where nothing is kept.
        count: N.
    """

    def __init__(self, path: Path | None, count: int) -> None:
        self._path, self._count = path, count

    def values(self, name: str) -> Array | None:
        """Return "logits" or "embeddings", if they are there for every image."""
        stored = self._stored()
        if (checksum := stored.get(f"{name}/checksum")) is not None and self._path is not None:
            values = map_kept(_beside(self._path, name), int(checksum))
        else:
            values = stored.get(name)
        return values if values is not None and values.shape[:1] == (self._count,) else None

    def has(self, name: str) -> bool:
        """Whether "logits" or "embeddings" are there; large ones are not looked at, which takes seconds."""
        return f"{name}/checksum" in self._stored() or self.values(name) is not None

    @property
    def reading(self) -> str:
        """How the model's outputs are read, in sentences; empty where nothing is kept."""
        return str(self._stored().get("reading", ""))

    @property
    def engine(self) -> str:
        """What computed them in TensorFlow's place; empty where it was TensorFlow, or nothing is kept."""
        return str(self._stored().get("engine", ""))

    def alone(self) -> AbstractContextManager[None]:
        """Wait while another process computes them."""
        return sharing(self._path, "Predictions")

    def keep(self, parts: Iterable[tuple[Array, Array]], told: Callable[[], tuple[str, str]]) -> tuple[Array, Array]:
        """Keep them for the next process.

        Args:
            parts: logits `(n, K)` and embeddings `(n, D)` of some images, in order.
            told: asked after the last of them: how the outputs are read, and what computed them in TensorFlow's place.

        Returns:
            All logits `(N, K)` and embeddings `(N, D)`, as memory maps where they are large.

        Raises:
            WorkbenchError: if there is no room for them on the disk, and they are large.
        """
        arrived, held = list[tuple[Array, Array]](), 0
        rest = iter(parts)
        for part in rest:
            arrived.append(part)
            held += sum(each.nbytes for each in part)
            if held >= MAPPED:
                return self._map(_all(arrived, rest), told)
        both = tuple(np.concatenate(each) for each in zip(*arrived, strict=True))
        if self._path is not None:
            save_arrays(self._path, {**dict(zip(NAMES, both, strict=True)), **_said(told)})
        return both[0], both[1]

    def _map(self, parts: Iterator[tuple[Array, Array]], told: Callable[[], tuple[str, str]]) -> tuple[Array, Array]:
        """Write large outputs to files of their own."""
        path = self._path or Path(tempfile.mkdtemp(prefix="workbench-")) / "predictions.npz"
        writers: list[ArrayWriter] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for both in parts:
                if not writers:
                    # Under a name of their own until they are whole: another process may have the former ones open.
                    writers = [ArrayWriter(_new(path, name), each) for name, each in zip(NAMES, both, strict=True)]
                for writer, each in zip(writers, both, strict=True):
                    writer.add(each)
            sums = {}
            for writer, name in zip(writers, NAMES, strict=True):
                writer.close()
                writer.path.replace(_beside(path, name))
                sums[f"{name}/checksum"] = np.array(writer.checksum)
            if self._path is not None:
                save_arrays(path, {**sums, **_said(told)})
            found = [map_array(_beside(path, name), int(sums[f"{name}/checksum"])) for name in NAMES]
        except OSError as error:
            raise WorkbenchError(
                f"Predictions of {plural(self._count, 'image')} need room on the disk, and {path.parent} takes no "
                f"more: {disk_trouble(error) or error}. WORKBENCH_CACHE names another folder."
            ) from None
        finally:
            for writer in writers:
                with contextlib.suppress(OSError):
                    writer.close()
                writer.path.unlink(missing_ok=True)
            if self._path is None:
                shutil.rmtree(path.parent, ignore_errors=True)  # what is mapped stays until nobody maps it
        return found[0], found[1]

    def _stored(self) -> dict[str, Array]:
        stored = (None if self._path is None else load_arrays(self._path)) or {}
        return stored if "reading" in stored else {}  # else of a version that did not say how it read the outputs


def _said(told: Callable[[], tuple[str, str]]) -> dict[str, Array]:
    reading, engine = told()
    return {"reading": np.array(reading), "engine": np.array(engine)}


def _all(arrived: list[tuple[Array, Array]], rest: Iterator[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
    """Yield what has arrived, which is forgotten then, and the rest."""
    while arrived:
        yield arrived.pop(0)
    yield from rest


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.{name}.npy")


def _new(path: Path, name: str) -> Path:
    return path.with_name(f".{path.stem}.{name}.npy.new")
