"""Tars of WebDataset: KEY.jpg beside KEY.cls, which holds the number or the name of the class. Nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.wording import plural
from workbench.data.folder.archive import SIGNATURE, open_tar, packed_with, refuse_cut_off
from workbench.data.folder.tree import printable
from workbench.data.image_kinds import SUFFIXES
from workbench.data.records.index import LONGEST, MOST_IMAGES, Index, Values, fits, index_without_images, names_of
from workbench.data.records.shard_file import ShardFile
from workbench.data.regular_file import read_regular

LABEL = "cls"
MOST_MEMBERS = 20_000_000
FIRST = 64
"""Members by which a tar is known."""
AGAIN = "a key that comes again, apart from the first: a sample's files must be neighbours"
TOO_LONG = f"a name of more than {LONGEST:,} bytes"


def is_webdataset(path: Path) -> bool:
    """Whether a file is a tar, not packed, in whose beginning a label lies beside its image."""
    try:
        if packed_with(read_regular(path, SIGNATURE, head=True)):  # what it holds could be of any size
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
    """Take a member's name apart as WebDataset does, at the first dot of its last step: a/000.jpg is a/000 and jpg.

    What has no ending, or a last step that begins with a dot, is of no sample: its ending is empty.
    """
    folder, _, file = name.rpartition("/")
    key, _, ending = file.partition(".")
    return f"{folder}/{key}" if folder else key, ending.lower() if key else ""


def index_webdataset(shard: ShardFile) -> Index:
    """Go through the members of a tar, and note down where each image stands; labels are read, images are not.

    A sample is made of members that follow one another and have one key, as WebDataset has it.

    Raises:
        WorkbenchError: if it is packed, or holds too much.
        tarfile.TarError: if it is cut off or damaged.
    """
    path, shown = shard.local(), shard.shown
    if packed := packed_with(read_regular(path, SIGNATURE, head=True)):
        raise WorkbenchError(f"{shown} is packed with {packed}, so that no image of it can be read alone. Unpack it.")
    odd, values = Counter[str](), Values(shown)
    names, starts, sizes, labels = list[str](), list[int](), list[int](), list[int]()
    seen, taken = set[str](), set[str]()
    for sample in _samples(path, shown, odd):
        again = sample.key in seen
        seen.add(sample.key)
        if len(seen) > MOST_IMAGES:
            raise WorkbenchError(f"{shown} must hold at most {MOST_IMAGES:,} images. Cut it into several.")
        if sample.image is None or not sample.label:
            why = "a label without an image" if sample.image is None else "an image without a label"
            odd[AGAIN if again else why] += 1
        elif sample.key in taken:
            odd[AGAIN] += 1
        else:
            taken.add(sample.key)
            ending, start, size = sample.image
            names.append(printable(f"{sample.key}.{ending}"))
            starts.append(start)
            sizes.append(size)
            labels.append(values.place(sample.label))
    notes = tuple(f"{shown}: {plural(n, 'entry')} skipped, {why}" for why, n in odd.items() if n)
    if not names:
        return index_without_images(
            f"{shown} must hold KEY.jpg and KEY.{LABEL}, neighbours, a sample each, and holds no such pair"
            + "".join(f"; {note.removeprefix(f'{shown}: ')}" for note in notes)
        )
    of, used = values.used(labels)
    return Index(
        names=names_of(names, shown),
        starts=np.array(starts, np.int64),
        sizes=np.array(sizes, np.int64),
        labels=of,
        values=used,
        notes=notes,
    )


@dataclass
class _Sample:
    """Members that follow one another and have one key.

    Attributes:
        key: theirs.
        image: the ending, place and bytes of the first image.
        label: the first label.
    """

    key: str
    image: tuple[str, int, int] | None = None
    label: str | None = None

    @property
    def told(self) -> bool:
        """Whether it has an image or a label."""
        return self.image is not None or self.label is not None


def _samples(path: Path, shown: str, odd: Counter[str]) -> Iterator[_Sample]:
    """Yield the samples of a tar that have an image or a label; count what belongs to none."""
    sample = _Sample("")
    with open_tar(path) as (archive, stream):
        for info in _plain(archive, path.stat().st_size, shown, odd):
            key, ending = key_and_ending(info.name)
            if not ending:
                continue
            if key != sample.key:
                if sample.told:
                    yield sample
                sample = _Sample(key)
            if ending == LABEL and sample.label is None:
                sample.label = _label(archive, info)
            elif f".{ending}" in SUFFIXES and sample.image is None:
                sample.image = (ending, info.offset_data, info.size)
            elif ending == LABEL or f".{ending}" in SUFFIXES:
                odd[f"a second {'label' if ending == LABEL else 'image'}"] += 1
        if sample.told:
            yield sample
        refuse_cut_off(stream)


def _plain(archive: tarfile.TarFile, end: int, shown: str, odd: Counter[str]) -> Iterator[tarfile.TarInfo]:
    """Yield the plain files of a tar of `end` bytes; count what else there is."""
    for count, info in enumerate(archive):
        archive.members = []  # type: ignore[attr-defined]  # of a million members nothing is kept
        if count >= MOST_MEMBERS:
            raise WorkbenchError(f"{shown} must hold at most {MOST_MEMBERS:,} files. Cut it into several.")
        if info.isdir():
            continue
        if not info.isreg() or info.issparse() or info.size < 0:
            odd["no plain file"] += 1
        elif info.offset_data + info.size > end:
            raise tarfile.ReadError("it is cut off")
        elif not fits(info.name):
            odd[TOO_LONG] += 1
        else:
            yield info


def _label(archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    opened = archive.extractfile(info)
    content = b"" if opened is None or info.size > LONGEST else opened.read(LONGEST)
    return printable(content.decode("utf-8", "replace").strip())
