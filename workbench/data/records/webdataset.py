"""Tars of WebDataset: KEY.jpg beside KEY.cls, which holds the number or the name of the class. Nothing is unpacked."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.folder.archive import open_tar, refuse_cut_off
from workbench.data.folder.tree import printable
from workbench.data.image_kinds import SUFFIXES
from workbench.data.records.index import MOST_IMAGES, Index
from workbench.data.records.shard_file import ShardFile
from workbench.data.regular_file import read_regular

LABEL = "cls"
LONGEST = 1024
"""Bytes of a label."""
MOST_MEMBERS = 20_000_000
FIRST = 64
"""Members by which a tar is known."""
PACKED = (b"\x1f\x8b", b"BZ", b"\xfd7", b"(\xb5")


def is_webdataset(path: Path) -> bool:
    """Whether a file is a tar in whose beginning a label lies beside its image."""
    try:
        if not path.is_file():
            return False
        endings: dict[str, set[str]] = {}
        with open_tar(path) as (archive, _):
            for _ in range(FIRST):
                if (info := archive.next()) is None:
                    break
                key, ending = key_and_ending(info.name)
                endings.setdefault(key, set()).add(ending)
                if LABEL in endings[key] and any(f".{each}" in SUFFIXES for each in endings[key]):
                    return True
    except Exception:  # noqa: BLE001 - of four unpackers, each with its own
        return False
    return False


def key_and_ending(name: str) -> tuple[str, str]:
    """Take a member's name apart as WebDataset does, at the first dot of its last step: a/000.jpg is a/000 and jpg."""
    folder, _, file = name.rpartition("/")
    key, _, ending = file.partition(".")
    return f"{folder}/{key}" if folder else key, ending.lower()


def index_webdataset(shard: ShardFile) -> Index:
    """Go through the members of a tar, and note down where each image stands; labels are read, images are not.

    Raises:
        WorkbenchError: if it is packed, or holds no image with a label.
        tarfile.TarError: if it is cut off or damaged.
    """
    path, shown = shard.local(), shard.shown
    if read_regular(path, 2, head=True) in PACKED:
        raise WorkbenchError(f"{shown} is packed, so that no image of it can be read alone. Unpack it: gunzip.")
    end, odd = path.stat().st_size, Counter[str]()
    images: dict[str, tuple[str, int, int]] = {}
    labels: dict[str, str] = {}
    with open_tar(path) as (archive, stream):
        for count, info in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # of a million members nothing is kept
            key, ending = key_and_ending(info.name)
            if count >= MOST_MEMBERS or len(images) > MOST_IMAGES:
                raise WorkbenchError(f"{shown} must hold at most {MOST_IMAGES:,} images. Cut it into several.")
            if info.isdir():
                continue
            if not info.isreg() or info.issparse() or info.size < 0:
                odd["no plain file"] += 1
            elif info.offset_data + info.size > end:
                raise tarfile.ReadError("it is cut off")
            elif ending == LABEL:
                _keep(labels, key, _label(archive, info), odd, "a second label")
            elif f".{ending}" in SUFFIXES:
                _keep(images, key, (f"{key}.{ending}", info.offset_data, info.size), odd, "a second image")
        refuse_cut_off(stream)
    keys = [key for key in images if labels.get(key)]
    odd["an image without a label"] += len(images) - len(keys)
    odd["a label without an image"] += len(labels.keys() - images.keys())
    if not keys:
        raise WorkbenchError(f"{shown} must hold KEY.jpg and KEY.{LABEL}, a sample each. It holds no such pair.")
    return Index(
        names=np.array([printable(images[key][0]) for key in keys]),
        starts=np.array([images[key][1] for key in keys], np.int64),
        sizes=np.array([images[key][2] for key in keys], np.int64),
        labels=as_numbers([labels[key] for key in keys]),
        notes=tuple(f"{shown}: {plural(n, 'entry')} skipped, {why}" for why, n in odd.items() if n),
    )


def as_numbers(labels: list[str]) -> Array:
    """Labels as int64 where all of them are whole numbers, else as text."""
    if all(re.fullmatch(r"[0-9]{1,9}", label) for label in labels):
        return np.array([int(label) for label in labels], np.int64)
    return np.array(labels)


def _keep(known: dict[str, Any], key: str, value: Any, odd: Counter[str], twice: str) -> None:
    if key in known:
        odd[twice] += 1
    else:
        known[key] = value


def _label(archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    opened = archive.extractfile(info)
    content = b"" if opened is None or info.size > LONGEST else opened.read(LONGEST)
    return printable(content.decode("utf-8", "replace").strip())
