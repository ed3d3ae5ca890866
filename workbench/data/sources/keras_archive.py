"""The data sets that come with Keras, each one file: found where Keras keeps it, or fetched, and verified."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core import cache as store
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.data.sources.keras_download import download


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One published file.

    Attributes:
        title: what sentences call the data set.
        file: its published name.
        address: where Keras fetches it.
        checksum: SHA-256, as `keras.datasets` has it.
        kept_as: other names that Keras keeps it under.
    """

    title: str
    file: str
    address: str
    checksum: str
    kept_as: tuple[str, ...] = ()


def read_archive(archive: Archive, data_dir: str | Path | None = None, progress: Progress = silent) -> bytes:
    """Return the verified content of a data set's file, fetching it where no place has it.

    Looks into `data_dir` or `WORKBENCH_DATA`, the workbench's cache folder, and Keras' folder (`~/.keras/datasets`).

    Raises:
        Unavailable: if nothing serves; says what was tried, and which file to put where.
    """
    tried = []
    cache = store.cache_folder() / "keras-datasets"
    for place, folder in _places(data_dir, cache):
        for name in (archive.file, *archive.kept_as):
            try:
                content = (folder / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                tried.append(f"{folder / name} cannot be read: {error.strerror}")
                continue
            progress(f"Verifying {name}", 0, 1)
            if hashlib.sha256(content).hexdigest() == archive.checksum:
                return content
            tried.append(f"{folder / name} is not the published file (its SHA-256 is another), so it was not used")
        if not (tried and tried[-1].startswith(f"{folder}{os.sep}")):
            tried.append(f"{place} ({folder}) has no {archive.file}")
    try:
        download({archive.file: archive.address}, cache, progress)
        content = (cache / archive.file).read_bytes()
    except (Unavailable, OSError) as error:
        tried.append(f"Keras' download of {archive.address} {str(error).rstrip('.')}")
    else:
        if hashlib.sha256(content).hexdigest() == archive.checksum:
            return content
        tried.append(f"the file from {archive.address} is not the published one")
    raise Unavailable(
        f"{archive.title} was not found: {'; '.join(tried)}. Put {archive.file} from {archive.address} into a "
        "folder and name that with --data-dir or WORKBENCH_DATA."
    )


def _places(data_dir: str | Path | None, cache: Path) -> Iterator[tuple[str, Path]]:
    named = data_dir or os.environ.get("WORKBENCH_DATA")
    if named:
        yield "--data-dir" if data_dir else "WORKBENCH_DATA", Path(named)
    yield "the cache", cache
    yield "Keras' folder", Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def built_in(images: Array, labels: Array, class_names: tuple[str, ...], name: str, archive: Archive) -> Dataset:
    """Return one split of a published data set."""
    return Dataset(
        images,
        labels.astype(np.int64),
        class_names=class_names,
        indices=np.arange(len(labels)),
        name=name,
        source_fingerprint=archive.checksum,
    )


def read_batches(content: bytes, members: tuple[str, ...], labels: str) -> tuple[Array, Array]:
    """Read the images and labels of a verified CIFAR archive: `(N, 32, 32, 3)` uint8 and `(N,)` int64.

    Args:
        content: of the archive.
        members: names of the files in it, without folder, in order.
        labels: key of the labels.
    """
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = {Path(each.name).name: each for each in archive.getmembers() if each.isfile()}
        streams = [archive.extractfile(files[name]) for name in members]
        batches = [_Plain(stream, encoding="bytes").load() for stream in streams if stream is not None]
    pixels = np.concatenate([batch[b"data"] for batch in batches])  # (N, 3 · 32 · 32), channel by channel
    known = np.concatenate([batch[labels.encode()] for batch in batches])
    return np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), known.astype(np.int64)


class _Plain(pickle.Unpickler):
    """Reads the pickled arrays of CIFAR and nothing else.

    CIFAR is published as pickles. Only a file whose SHA-256 is the published one gets here, never a user's; still,
    no name but those of which arrays are made is looked up, so that no code could run.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return what an array is made of.

        Raises:
            UnpicklingError: if it is anything else.
        """
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.ndarray((0,)).__reduce__()[0]  # where this NumPy keeps it
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return str.encode
        raise pickle.UnpicklingError(f"{module}.{name} is no part of CIFAR")
