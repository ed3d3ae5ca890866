"""A user's own data: a folder of images, one sub-folder a class, perhaps below `train`, `test` and `validation`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.class_names import (
    SHOWN,
    begin_at_one,
    from_one,
    matching_names,
    places_among,
    refuse_mixture,
    shown_as,
)
from workbench.data.folder.archive import archive_folder
from workbench.data.folder.class_folders import lay_out_tree
from workbench.data.folder.contents import Contents
from workbench.data.folder.decoded import DecodedImages
from workbench.data.folder.label_file import (
    has_labels,
    is_label_file,
    lay_out_labels,
    lay_out_part_tables,
    part_said,
    tables_of_labels,
)
from workbench.data.folder.layout import Layout
from workbench.data.folder.survey import Survey, survey_files
from workbench.data.folder.tree import Tree, look_through, printable
from workbench.data.image_file import AS_STORED
from workbench.data.reading import Reading
from workbench.data.resizing import FITS, OVERSHOOTING, other_proportions

MOST_NAMED = 10  # files that a note names
LARGE = 512 * 512  # pixels; beyond it a note offers a smaller size
FITTING = 2  # of the way files become pixels; another one gives other fingerprints


@dataclass(frozen=True)
class Folder:
    """A folder that was looked through.

    Attributes:
        path: the folder.
        layout: its image files by part and class.
        survey: what each file is.
        reading: how it is read.
        name: what the data is called.
        contents: what has the bytes of the files, where they are not files of `path`; else None.
    """

    path: Path
    layout: Layout
    survey: Survey
    reading: Reading
    name: str
    contents: Contents | None = None

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
        if self.reading.renaming and set(own) <= self.reading.renaming.keys():
            return self._renamed(), np.arange(len(own))
        if self.reading.renaming and self.reading.class_names is None:
            lacking = [name for name in own if name not in self.reading.renaming]
            raise WorkbenchError(
                f"The object of class names must have a key for each class of {self.name}. It has none for "
                f"{join_names(lacking)}; its keys are {join_names(list(self.reading.renaming))}."
            )
        if self.layout.numbered and (names := self.reading.class_names or self.reading.model_names):
            if begin_at_one(np.array(self.layout.classes), len(names)):
                raise from_one(self.name, len(names))
            return matching_names(names, own, self.name, named=False), np.arange(len(own))
        for names in (self.reading.class_names, self.reading.model_names):
            if names is not None and None not in (places := places_among(own, names)):
                return names, np.array(places, np.int64)
        given = self.reading.class_names
        if given is None:
            return own, np.arange(len(own))
        names = matching_names(given, own, f"{self.name} ({join_names(own, SHOWN)})")
        refuse_mixture(own, names, self.name)
        return names, np.arange(len(own))

    def _renamed(self) -> tuple[str, ...]:
        names = tuple(self.reading.renaming[name] for name in self.layout.class_names)
        counts = Counter(names)
        if twice := sorted(name for name, count in counts.items() if count > 1):
            raise WorkbenchError(f"Class names must be distinct. {twice[0]!r} is given to {counts[twice[0]]} classes.")
        return names

    def load(self, part: str) -> Dataset:
        """Return a part; no image of it is decoded yet.

        Raises:
            Unavailable: if the folder does not hold this part.
        """
        rows = self.rows(part)
        if not len(rows):
            there = [each for each in ("train", "test", "validation") if len(self.rows(each))]
            few = part == "test" and not self.split and self.reading.test_share > 0
            why = f": {100 * self.reading.test_share:g} % of each class are no image" if few else ""
            why = f": {self.layout.lacking[part]}" if part in self.layout.lacking else why
            raise Unavailable(f"{self.name} has no {part} part{why}. It has {' and '.join(there)}: give --split.")
        names, places = self.named()
        digest = hashlib.sha256(f"{FITTING}".encode())
        digest.update(self.survey.digests[rows].tobytes())
        from workbench.data.metadata import Table, own_metadata, read_metadata, with_metadata  # which reads folders too

        dataset = Dataset(
            images=DecodedImages(  # type: ignore[arg-type]
                self.path,
                self.layout.files,
                self.image_shape,
                rows,
                fit=self.reading.fit,
                interpolation=self.reading.interpolation,
                sizes=self.survey.sizes,
                follow_links=self.reading.follow_links,
                contents=self.contents,
            ),
            labels=places[np.array(self.layout.classes)[rows]].astype(np.int64),
            class_names=names,
            indices=np.arange(len(rows)),
            name=f"{self.name}/{part}",
            names=np.array([printable(self.layout.files[row]) for row in rows.tolist()]),
            file_digests=self.survey.digests[rows],
            source_fingerprint=digest.hexdigest(),
            notes=tuple(self.notes()),
        )
        tables, notes = list[Table](), list[str]()
        if self.path.is_dir():
            tables, notes = own_metadata(self.path, follow_links=self.reading.follow_links)
        if self.reading.metadata is not None:
            tables.append(read_metadata(Path(self.reading.metadata)))
        dataset = replace(dataset, notes=(*dataset.notes, *notes))
        return with_metadata(dataset, tables, [printable(name) for name in self.layout.files])

    def notes(self) -> Iterator[str]:
        """Yield what was done to the images, a sentence each."""
        yield from self.layout.notes
        if not self.layout.numbered:
            names, places = self.named()
            yield from shown_as(self.layout.class_names, [names[place] for place in places.tolist()])
        if skipped := self.skipped:
            named = ", ".join(f"{name} ({problem})" for name, problem in list(skipped.items())[:MOST_NAMED])
            more = f" and {len(skipped) - MOST_NAMED:,} more" if len(skipped) > MOST_NAMED else ""
            yield f"{plural(len(skipped), 'file')} skipped: {named}{more}"
        yield from self._changes(self.survey.problems == "")
        if not self.split and self.reading.test_share:
            yield (
                f"no train and test folders: {100 * self.reading.test_share:g} % of each class held out as test part, "
                f"{plural(len(self.rows('test')), 'image')} (seed {self.reading.seed})"
            )

    def _changes(self, usable: Array) -> Iterator[str]:
        """Yield what is done to the pixels of the `(F,)` `usable` files."""
        height, width, channels = self.image_shape
        sizes = np.unique(self.survey.sizes[usable], axis=0)
        if len(sizes) > 1 or sizes[0].tolist() != [height, width]:
            yield self._resizing(sizes, (height, width))
        if not self.reading.image_size and height * width > LARGE:
            yield f"images of {height}×{width} are large: a smaller --image-size makes everything faster"
        coloured = int((self.survey.coloured & usable).sum())
        if channels == 1 and coloured:
            yield f"colour converted to grey in {plural(coloured, 'image')}"
        if channels == 3 and coloured < usable.sum():
            yield f"{plural(int(usable.sum()) - coloured, 'grey image')} converted to colour"
        if transparent := int((self.survey.transparent & usable).sum()):
            yield f"transparency dropped in {plural(transparent, 'image')}, as Keras' readers do"
        if deep := int((self.survey.deep & usable).sum()):
            yield f"{plural(deep, 'image')} of 16 bits a channel: the high 8 are read, as Keras' readers do"
        if turned := int((self.survey.turned & usable).sum()):
            yield f"{plural(turned, 'image')} turned upright, as EXIF says; {AS_STORED}"

    def _resizing(self, sizes: Array, size: tuple[int, int]) -> str:
        """Say how files of `(n, 2)` `sizes` are fitted to (H, W), and what may be wrong with that."""
        how = self.reading
        chosen = f", {self._usual[1]}" if how.image_size is None else ""
        first = "×".join(map(str, sizes[0].tolist()))
        found = f"images of {first}" if len(sizes) == 1 else f"{plural(len(sizes), 'different size')} of images"
        words = f"{found} resized to {size[0]}×{size[1]} (H×W{chosen}, {how.interpolation})"
        other = sum(other_proportions((int(h), int(w)), size) for h, w in sizes)
        if how.interpolation in OVERSHOOTING:
            words += f"; {how.interpolation} gives values beyond 0…255 at edges, which Keras keeps; they are cut here"
        if not other:
            return words
        done = {"stretch": "stretched", "pad": "padded with black", "crop": "cropped to the middle"}[how.fit]
        return (
            f"{words} and {done}, since {'their' if len(sizes) == 1 else 'many'} proportions are others; a model that "
            f"was trained with another fit sees other images: --fit {' or '.join(f for f in FITS if f != how.fit)}"
        )


def layout_of(path: Path, reading: Reading, tree: Tree | None = None) -> Layout:
    """Understand a folder, or a table of labels; a folder that has no classes may hold one, called labels.csv.

    Args:
        path: of the folder or table.
        reading: how it is read.
        tree: what lies in the folder, where that is known already; `path` then needs to have its tables only.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it cannot be understood.
    """
    follow = reading.follow_links
    if path.is_file():
        return lay_out_labels(path, tree, follow_links=follow)
    tree = look_through(path, follow_links=follow) if tree is None else tree
    table = next((each for each in tree.top.tables if each.casefold() in ("labels.csv", "labels.tsv")), None)
    names = [each for each in (reading.class_names, reading.model_names) if each]
    try:
        layout = lay_out_tree(path, tree, names)
    except WorkbenchError as error:
        if table is not None:
            return lay_out_labels(path / table, tree, follow_links=follow)
        return _of_tables(path, tree, error, follow)
    table = table or next((each for each in tree.top.tables if has_labels(path / each)), None)
    if table is not None and table.casefold() != "metadata.csv":  # which is read as that
        unused = f"{printable(table)} is not read, since there are class folders; give it as the data to read it"
        return replace(layout, notes=(*layout.notes, unused))
    return layout


def _of_tables(path: Path, tree: Tree, error: WorkbenchError, follow: bool) -> Layout:
    """Read the tables of the parts of a folder without classes.

    Raises:
        WorkbenchError: `error`, with a table that may be given as the data, where there are no two.
    """
    inner = [each for place in tree.top.places.values() for each in place.tables]
    tables = tables_of_labels(path, [*tree.top.tables, *inner])
    parts = [each for each in tables if part_said(each)]
    said = {part_said(each) for each in parts}
    if len(said) > 1 and len(said) == len(parts):
        return lay_out_part_tables(path, parts, tree, follow_links=follow)
    if len(tables) == 1 or (tables and not parts):
        raise type(error)(f"{error} If {printable(tables[0])} has the labels, give that file as the data.") from None
    raise error


def parts_of_files(path: Path, reading: Reading, tree: Tree | None = None) -> set[str]:
    """Return the parts that a folder (with its `tree`, if that is known), an archive or a table holds itself."""
    given = path
    if path.is_file() and not is_label_file(path):
        path = archive_folder(path)
    with _called_as_given(path, given):
        return set(layout_of(path, reading, tree).parts) - {""}


@contextmanager
def _called_as_given(path: Path, given: Path) -> Iterator[None]:
    """Say of an archive what is wrong with it by its own name, which is known, and not by its folder in the cache."""
    try:
        yield
    except WorkbenchError as error:
        if path == given:
            raise
        raise type(error)(str(error).replace(str(path), printable(given.name))) from None


def open_folder(
    path: str | Path, reading: Reading | None = None, progress: Progress = silent, tree: Tree | None = None
) -> Folder:
    """Look through a folder (with its `tree`, if that is known), an archive of one, or the images of a table of labels.

    All names are looked at, and the content of the files that changed since the last time.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it does not hold images of at least two classes, or none that can be used.
    """
    how = reading or Reading()
    path = Path(path)
    path = given = path if path.name and path.name != ".." else path.resolve()
    name = printable(path.name)
    if path.is_file() and not is_label_file(path):
        name, path = printable(path.name.partition(".")[0]), archive_folder(path, progress)
    with _called_as_given(path, given):
        layout = layout_of(path, how, tree)
        return surveyed(path.parent if path.is_file() else path, layout, how, name=name, progress=progress)


def surveyed(
    path: Path,
    layout: Layout,
    how: Reading,
    *,
    name: str,
    progress: Progress = silent,
    contents: Contents | None = None,
) -> Folder:
    """Look at every image of a layout, and return the folder; arguments as `Folder` has them.

    Raises:
        WorkbenchError: if none can be used.
    """
    within = None if how.follow_links or contents is not None else path.resolve()
    seen = survey_files(path, layout.files, progress, within=within, contents=contents)
    folder = Folder(path, layout, seen, how, name, contents)
    if len(folder.skipped) == len(layout.files):
        file, problem = next(iter(folder.skipped.items()))
        where = path if contents is None else name
        raise WorkbenchError(
            f"None of the {plural(len(layout.files), 'image')} in {where} can be read: {file} ({problem}) …"
        )
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
