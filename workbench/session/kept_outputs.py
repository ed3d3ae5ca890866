"""What a model said of images, as the cache folder keeps it: logits, embeddings, and how the outputs are read."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from workbench.core.array_file import MAPPED, ArrayWriter, map_array
from workbench.core.cache import ROOM, load_arrays, map_kept, save_arrays
from workbench.core.errors import WorkbenchError
from workbench.core.files import disk_trouble
from workbench.core.locks import sharing
from workbench.core.types import Array
from workbench.core.wording import plural

LOG = logging.getLogger("workbench.session.kept_outputs")
NAMES = ("logits", "embeddings")


class KeptOutputs:
    """The outputs of one model on N images; of very many, files of their own that are mapped and never read whole.

    Such a file has its checksum in its name, and what names it is written last: of two processes that write at once
    each has what it wrote, and who comes later has that of one of them.

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
            values = map_kept(_beside(self._path, name, int(checksum)), int(checksum))
        else:
            values = stored.get(name)
        return values if values is not None and values.shape[:1] == (self._count,) else None

    def has(self, name: str) -> bool:
        """Whether "logits" or "embeddings" are there; of large ones no value is looked at, which takes seconds."""
        checksum = self._stored().get(f"{name}/checksum")
        if checksum is not None and self._path is not None:
            return _beside(self._path, name, int(checksum)).is_file()
        return self.values(name) is not None

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
        logits, embeddings = (np.concatenate(each) for each in zip(*arrived, strict=True))
        if self._path is not None:
            save_arrays(self._path, {"logits": logits, "embeddings": embeddings, **_said(told)})
        return logits, embeddings

    def _map(self, parts: Iterator[tuple[Array, Array]], told: Callable[[], tuple[str, str]]) -> tuple[Array, Array]:
        """Write large outputs to files of their own, in the cache, or where that takes no file, in a passing folder."""
        with contextlib.ExitStack() as ending:
            first, path = next(parts), self._path
            writers = None if path is None else _writers(path, first)
            if path is None or writers is None:
                with _room(self._count):
                    folder = Path(tempfile.mkdtemp(prefix="workbench-"))
                ending.callback(shutil.rmtree, folder, ignore_errors=True)  # what is mapped stays while it is
                path = folder / "predictions.npz"
                with _room(self._count):
                    writers = _opened(path, first)
            for writer in writers:
                ending.callback(writer.discard)
            for both in _all([first], parts):
                for writer, each in zip(writers, both, strict=True):
                    with _room(self._count):
                        writer.add(each)
            with _room(self._count):
                for writer in writers:
                    writer.close()
                found = [map_array(writer.path, writer.checksum) for writer in writers]
                for writer, name in zip(writers, NAMES, strict=True):
                    writer.move(_beside(path, name, writer.checksum))
            if path == self._path:
                sums = {f"{name}/checksum": np.array(each.checksum) for name, each in zip(NAMES, writers, strict=True)}
                written = {writer.path for writer in writers}
                save_arrays(path, {**sums, **_said(told)}, written)
                _tidy(path, written)
                _tell_too_large(sum(each.nbytes for each in found), self._count)
        return found[0], found[1]

    def _stored(self) -> dict[str, Array]:
        stored = (None if self._path is None else load_arrays(self._path)) or {}
        return stored if "reading" in stored else {}  # else of a version that did not say how it read the outputs


def _writers(path: Path, first: tuple[Array, Array]) -> list[ArrayWriter] | None:
    """Begin both files in the cache; None where it takes none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(path, first)
    except OSError as error:
        LOG.warning("Predictions are not cached, so computed anew next time: %s", error)
        return None


def _opened(path: Path, first: tuple[Array, Array]) -> list[ArrayWriter]:
    """Begin both files under names that nobody else has."""
    new = secrets.token_hex(4)
    return [ArrayWriter(path.with_name(f".{new}.{name}.npy"), each) for name, each in zip(NAMES, first, strict=True)]


@contextlib.contextmanager
def _room(count: int) -> Iterator[None]:
    """Say in a sentence what the disk says."""
    try:
        yield
    except OSError as error:
        raise WorkbenchError(
            f"Predictions of {plural(count, 'image')} are larger than what is kept in memory, and the disk takes no "
            f"more: {disk_trouble(error) or error}. WORKBENCH_CACHE names a folder on another one."
        ) from None


def _tell_too_large(size: int, count: int) -> None:
    """Say of what is larger than all that is kept that it goes as soon as anything else is written."""
    if size > (most := ROOM.most) > 0:
        LOG.warning(
            "Predictions of %s have %.3g GB, and %g GB of what was computed are kept: they will be computed anew. Set "
            "WORKBENCH_CACHE_SIZE to more gigabytes.",
            plural(count, "image"),
            size / 1e9,
            most / 1e9,
        )


def _tidy(path: Path, kept: set[Path]) -> None:
    """Remove the files of before, which nothing names any more; whoever has mapped them still has them."""
    for name in NAMES:
        for each in path.parent.glob(f"{path.stem}.{name}-*.npy"):
            if each not in kept:
                with contextlib.suppress(OSError):
                    each.unlink()


def _said(told: Callable[[], tuple[str, str]]) -> dict[str, Array]:
    reading, engine = told()
    return {"reading": np.array(reading), "engine": np.array(engine)}


def _all(arrived: list[tuple[Array, Array]], rest: Iterator[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
    """Yield what has arrived, which is forgotten then, and the rest."""
    while arrived:
        yield arrived.pop(0)
    yield from rest


def _beside(path: Path, name: str, checksum: int) -> Path:
    return path.with_name(f"{path.stem}.{name}-{checksum:08x}.npy")
