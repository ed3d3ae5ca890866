"""A user's own data: a folder of images, one sub-folder a class, perhaps below `train`, `test` and `validation`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.class_names import matching_names
from workbench.data.folder.decoded import DecodedImages
from workbench.data.folder.layout import Layout, lay_out, printable
from workbench.data.folder.survey import Survey, survey_files
from workbench.data.reading import Reading

MOST_NAMED = 10  # files that a note names
LARGE = 512 * 512  # pixels; beyond it a note offers a smaller size
FITTING = 1  # of the way files become pixels; another one gives other fingerprints


@dataclass(frozen=True)
class Folder:
    """A folder that was looked through.

    Attributes:
        path: the folder.
        layout: its image files by part and class.
        survey: what each file is.
        reading: how it is read.
    """

    path: Path
    layout: Layout
    survey: Survey
    reading: Reading

    @property
    def skipped(self) -> dict[str, str]:
        """File -> why it cannot be used."""
        problems = zip(self.layout.files, self.survey.problems.tolist(), strict=True)
        return {printable(name): problem for name, problem in problems if problem}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C): as requested, else the usual size, and colour if any image is coloured."""
        height, width = self.reading.image_size or self._usual[0]
        return height, width, self.reading.channels or (3 if self.survey.coloured.any() else 1)

    @property
    def _usual(self) -> tuple[tuple[int, int], str]:
        """(H, W) that at least half of the images have, else their medians; and what to call it."""
        usable = self.survey.sizes[self.survey.problems == ""]
        (size, count), *_ = Counter(map(tuple, usable.tolist())).most_common(1)
        if 2 * count >= len(usable):
            return size, "most common size"
        return (int(np.median(usable[:, 0])), int(np.median(usable[:, 1]))), "median size"

    @property
    def split(self) -> bool:
        """Whether it has folders for its parts."""
        return bool(self.layout.parts[0])

    def rows(self, part: str) -> Array:
        """Return the files of a part, in an order that depends on their names and the seed alone.

        Each class is spread evenly over the order, so that the end of the training part is a sample of it.
        """
        usable = self.survey.problems == ""
        if self.split:
            return self._spread(np.flatnonzero(usable & (np.array(self.layout.parts) == part)))
        order = self._spread(np.flatnonzero(usable))
        classes = np.array(self.layout.classes)[order]
        tested = np.zeros(len(order), bool)
        for label in np.unique(classes):
            own = np.flatnonzero(classes == label)
            tested[own[: round(len(own) * self.reading.test_share)]] = True
        return order[tested] if part == "test" else order[~tested] if part == "train" else order[:0]

    def _spread(self, rows: Array) -> Array:
        """Order files: those of a class by a hash of their names, at equal distances among the others."""
        keys = [f"{self.reading.seed}/{printable(self.layout.files[row])}".encode() for row in rows.tolist()]
        digests = b"".join(hashlib.blake2b(key, digest_size=16).digest() for key in keys)
        numbers, chance = np.frombuffer(digests, ">u8").reshape(-1, 2).T
        classes = np.array(self.layout.classes)[rows]
        place = np.empty(len(rows))  # in [0, 1)
        for label in np.unique(classes):
            own = np.flatnonzero(classes == label)
            own = own[np.argsort(numbers[own], kind="stable")]
            # By chance within its stretch: else classes took turns, and every third image of three were of one.
            place[own] = (np.arange(len(own)) + chance[own] / 2.0**64) / len(own)
        return rows[np.argsort(place, kind="stable")]

    def named(self) -> tuple[tuple[str, ...], Array]:
        """Return the K names of the classes, and for each folder's class its place among them."""
        own = self.layout.class_names
        for names in (self.reading.class_names, self.reading.model_names):
            if names is not None and set(own) <= set(names):
                return names, np.array([names.index(name) for name in own])
        given = self.reading.class_names
        names = own if given is None else matching_names(given, own, f"{self.path.name}/ ({', '.join(own)[:80]})")
        return names, np.arange(len(own))

    def load(self, part: str) -> Dataset:
        """Return a part; no image of it is decoded yet.

        Raises:
            Unavailable: if the folder does not hold this part.
        """
        rows = self.rows(part)
        if not len(rows):
            there = [each for each in ("train", "test", "validation") if len(self.rows(each))]
            raise Unavailable(f"{self.path} has no {part} part. It has {' and '.join(there)}.")
        names, places = self.named()
        digest = hashlib.sha256(f"{FITTING}".encode())
        digest.update(self.survey.digests[rows].tobytes())
        return Dataset(
            images=DecodedImages(self.path, self.layout.files, self.image_shape, rows),  # type: ignore[arg-type]
            labels=places[np.array(self.layout.classes)[rows]].astype(np.int64),
            class_names=names,
            indices=np.arange(len(rows)),
            name=f"{printable(self.path.name)}/{part}",
            names=np.array([printable(self.layout.files[row]) for row in rows.tolist()]),
            source_fingerprint=digest.hexdigest(),
            notes=tuple(self.notes()),
        )

    def notes(self) -> Iterator[str]:
        """Yield what was done to the images, a sentence each."""
        yield from self.layout.notes
        if skipped := self.skipped:
            named = ", ".join(f"{name} ({problem})" for name, problem in list(skipped.items())[:MOST_NAMED])
            more = f" and {len(skipped) - MOST_NAMED:,} more" if len(skipped) > MOST_NAMED else ""
            yield f"{plural(len(skipped), 'file')} skipped: {named}{more}"
        usable = self.survey.problems == ""
        height, width, channels = self.image_shape
        sizes = np.unique(self.survey.sizes[usable], axis=0)
        if len(sizes) > 1 or sizes[0].tolist() != [height, width]:
            chosen = "requested size" if self.reading.image_size else self._usual[1]
            found = plural(len(sizes), "size" if len(sizes) == 1 else "different size")
            yield f"{found}; resized to {height}×{width} (H×W, {chosen}), aspect ratio kept"
        if not self.reading.image_size and height * width > LARGE:
            yield f"images of {height}×{width} are large: a smaller --image-size makes everything faster"
        coloured = int((self.survey.coloured & usable).sum())
        if channels == 1 and coloured:
            yield f"colour converted to grey in {plural(coloured, 'image')}"
        if channels == 3 and coloured < usable.sum():
            yield f"{plural(int(usable.sum()) - coloured, 'grey image')} converted to colour"
        if transparent := int((self.survey.transparent & usable).sum()):
            yield f"transparent pixels made black in {plural(transparent, 'image')}"
        if not self.split and self.reading.test_share:
            yield (
                f"no train and test folders: {100 * self.reading.test_share:g} % of each class held out as test part, "
                f"{plural(len(self.rows('test')), 'image')} (seed {self.reading.seed})"
            )


def open_folder(path: str | Path, reading: Reading | None = None, progress: Progress = silent) -> Folder:
    """Look through a folder: at the names of all files, and at the content of those that changed since the last time.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it does not hold images of at least two classes, or none that can be used.
    """
    path = Path(path)
    path = path if path.name and path.name != ".." else path.resolve()
    layout = lay_out(path)
    seen = survey_files(path, layout.files, progress)
    folder = Folder(path, layout, seen, reading or Reading())
    if len(folder.skipped) == len(layout.files):
        name, problem = next(iter(folder.skipped.items()))
        raise WorkbenchError(f"None of the {len(layout.files)} images in {path} can be read: {name} ({problem}) …")
    return folder


def load_folder(
    path: str | Path, split: str = "test", reading: Reading | None = None, progress: Progress = silent
) -> Dataset:
    """Load one part of a folder of images.

    Args:
        path: `CLASS/image.jpg` below it, or `train/CLASS/image.jpg`, `test/CLASS/image.jpg` and, if there is one,
            `validation/CLASS/image.jpg` (also `val`, `valid`); sub-folders of a class belong to it.
        split: "train", "test" or "validation".
        reading: names, size, seed and shares, where they are not to be found out.
        progress: told how many images were looked at.

    Raises:
        Unavailable: if there is no such folder, or it does not hold this part.
        WorkbenchError: if it holds no images of at least two classes, or given names are not as many.
    """
    if split not in ("train", "test", "validation"):
        raise unknown("split", split, ("train", "test", "validation"))
    return open_folder(path, reading, progress).load(split)
