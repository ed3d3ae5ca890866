"""Files -> Dataset. One source a file; a module with `NAME` and `load` is found by its presence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.progress import Progress, silent
from workbench.core.wording import join_names, plural
from workbench.data.remote.address import Address, local_or_remote
from workbench.data.sources import sources

if TYPE_CHECKING:
    from workbench.data.reading import Reading

SPLITS = ("train", "validation", "test")


def names() -> list[str]:
    """Return the names of all data sets: those of the workbench, and those that were registered."""
    from workbench.data.user_sources import registered_names

    return [*sources(), *registered_names()]


def load_dataset(
    name: str | Path = "fashion-mnist",
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    progress: Progress = silent,
    **reading: Any,
) -> Dataset:
    """Load one split of a data set.

    Args:
        name: name of a data set; the path of an `.npz` file in the Keras convention (`x_train`, `y_train`, `x_test`,
            `y_test`, optional `x_validation`, `y_validation`, `class_names`); a folder of images, one sub-folder a
            class, perhaps below `train`, `test` and `validation`, or a .zip or .tar archive of one; a .csv table
            of images with the columns `file,label`; or Parquet files or WebDataset tars of images with labels: one, a
            folder of them, or a pattern, `shard-{000..009}.tar`. Of files and folders also the s3://, gs:// or
            file:// URL.
        split: "train", "validation" or "test". Where the source has no validation part, it is the end of the training
            part, which the trainer holds out too; "train" is then the whole training part.
        data_dir: folder to look into first; only for data sets known by name.
        progress: receives what is read or downloaded.
        reading: `class_names` for all; `image_size`, `channels`, `fit`, `interpolation`, `follow_links`, `seed` and
            `test_share` for files of images; `validation_share`. What they are: `workbench.data.reading.Reading`.

    Raises:
        WorkbenchError: if name or split is unknown, or what was read is not what it should be.
        Unavailable: if no source has the data.
    """
    from workbench.data.reading import Reading

    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    how = Reading.of(reading)
    place, source = meant(name), source_of(name)
    if split == "validation" and "validation" not in own_parts(name, **reading):
        held_out = _held_out(_load(place, "train", data_dir, how, progress), how.validation_share)
        return replace(held_out, source=source)
    return replace(_load(place, split, data_dir, how, progress), source=source)


def meant(name: str | Path | Address) -> str | Path | Address:
    """Return what a name means: a data set that is known, a local path, or an address in a store.

    Raises:
        WorkbenchError: if it is a URL of another kind, or one that could hold a password or a token.
    """
    return name if isinstance(name, Address) or is_known(name) else local_or_remote(name)


def source_of(name: str | Path) -> str:
    """Return the one text that data is known by: a name, an absolute path, or a URL. Raises as `meant`."""
    place = meant(name)
    return str(place) if is_known(name) or isinstance(place, Address) else str(Path(place).expanduser().resolve())


def own_parts(name: str | Path, **reading: Any) -> tuple[str, ...]:
    """Return the parts that a source holds itself, of "train", "validation" and "test"; nothing is decoded for it.

    Raises:
        WorkbenchError: if name is unknown, or what it names is not what it should be.
    """
    from workbench.data.reading import Reading
    from workbench.data.user_sources import load_registered, registered_names

    place = meant(name)
    if str(name) in registered_names():
        try:
            load_registered(str(name), "validation")
        except (Unavailable, KeyError):  # a dictionary of parts, say
            return ("train", "test")
        return SPLITS
    if str(name) in sources():
        return ("train", "test")
    if _is_npz(place):
        from workbench.data.npz import parts_of

        return parts_of(_file(place), Reading.of(reading).test_share)
    if is_folder(place):
        from workbench.data.opening import parts_of_images

        how = Reading.of(reading)
        there = parts_of_images(place, how) or {"train", *(["test"] if how.test_share else [])}
        return tuple(part for part in SPLITS if part in there)
    raise unknown_dataset(place)


def is_known(name: str | Path | Address) -> bool:
    """Whether `name` is the name of a data set."""
    return str(name) in names()


def is_folder(name: str | Path | Address) -> bool:
    """Whether `name` is files of images, which are fitted to a size, not a data set known by name.

    That is a folder, a .zip or .tar archive of one, a .csv table of files and labels, or files of many images; of what
    lies in a store, all but .npz files, without asking it.

    Raises:
        WorkbenchError: as `meant`.
    """
    if is_known(name) or not str(name).strip():
        return False
    place = name if isinstance(name, Address) else local_or_remote(name)
    if isinstance(place, Address):
        return not _is_npz(place)
    path = Path(place)
    if path.is_dir():
        return True
    from workbench.data.folder.archive import is_archive
    from workbench.data.folder.label_file import is_label_file
    from workbench.data.records.finding import is_pattern, is_shard_file

    if not path.is_file():
        return is_pattern(path)
    return not _is_npz(path) and (is_label_file(path) or is_archive(path) or is_shard_file(path))


def is_there(name: str | Path) -> bool:
    """Whether there is a data set of this name, or a file, a folder, or a pattern of files; a store is not asked.

    Raises:
        WorkbenchError: as `meant`.
    """
    place = meant(name)
    if is_known(name) or isinstance(place, Address):
        return True
    return bool(str(name).strip()) and (Path(place).exists() or is_folder(place))


def _file(name: str | Path | Address) -> str | Path:
    """A path; of an address that of its copy."""
    if not isinstance(name, Address):
        return name
    from workbench.data.remote.opening import copy_of

    return copy_of(name)


def _is_npz(name: str | Path | Address) -> bool:
    """Whether it is called .npz, in any case, or is one though it is called otherwise."""
    from workbench.data.npz import holds_arrays

    if isinstance(name, Address):
        return name.key.lower().endswith(".npz")
    return Path(name).suffix.lower() == ".npz" or holds_arrays(Path(name))


def _load(
    name: str | Path | Address, split: str, data_dir: str | Path | None, how: Reading, progress: Progress
) -> Dataset:
    if is_folder(name):
        from workbench.data.opening import open_files

        return open_files(name, how, progress).load(split)
    return _with_metadata(_load_arrays(name, split, data_dir, how, progress), how)


def _load_arrays(
    name: str | Path | Address, split: str, data_dir: str | Path | None, how: Reading, progress: Progress
) -> Dataset:
    from workbench.data.resizing import BILINEAR, STRETCH
    from workbench.data.user_sources import load_registered, registered_names

    if how.renaming and how.class_names is None:
        raise WorkbenchError(
            f"`class_names` of {str(name)!r} must be names in the order of the classes, or a .json file that gives "
            f"them the numbers 0 to K-1. Got names by {join_names(list(how.renaming), 4)}."
        )
    if how.image_size is not None or how.channels is not None:
        raise WorkbenchError(f"`image_size` and `channels` need a folder of images. {str(name)!r} is not one.")
    if (how.fit, how.interpolation) != (STRETCH, BILINEAR):
        raise WorkbenchError(f"`fit` and `interpolation` need a folder of images. {str(name)!r} is not one.")
    if str(name) in registered_names():
        return _with_names(load_registered(str(name), split), how)
    if str(name) in sources():
        return _with_names(sources()[str(name)].load(split, data_dir, progress), how)
    if _is_npz(name):
        from workbench.data.npz import load_npz

        return load_npz(_file(name), split, how.class_names, seed=how.seed, test_share=how.test_share)
    raise unknown_dataset(name)


def _with_metadata(dataset: Dataset, how: Reading) -> Dataset:
    if how.metadata is None:
        return dataset
    from workbench.data.metadata import read_metadata, with_metadata

    return with_metadata(dataset, [read_metadata(Path(how.metadata))])


def _with_names(dataset: Dataset, how: Reading) -> Dataset:
    from workbench.data.class_names import with_names

    return dataset if how.class_names is None else with_names(dataset, how.class_names, repr(dataset.name))


def _held_out(train: Dataset, share: float) -> Dataset:
    """Return the end of the training part, as the trainer holds it out.

    Raises:
        Unavailable: if that leaves a part empty.
    """
    count = int(len(train) * (1 - share))  # as Keras' own validation_split counts
    if not 0 < count < len(train):
        raise Unavailable(
            f"{train.name.rpartition('/')[0]!r} has no validation part, and a validation share of {share:g} of its "
            f"{plural(len(train), 'training image')} leaves one part empty. Choose another share."
        )
    return replace(train.subset(slice(count, None)), name=f"{train.name.rpartition('/')[0]}/validation")


def unknown_dataset(name: str | Path | Address) -> WorkbenchError:
    """Build the error for an unknown data set, with the nearest names."""
    if isinstance(name, Address):
        return Unavailable(f"There is nothing at {name} that can be read.")
    name = str(meant(name))
    if not str(name).strip():
        return WorkbenchError("The data must be a data set's name, a file or a folder. Got an empty name.")
    path = Path(name)
    if path.exists():
        return _unknown_file(path)
    if "/" in str(name) or path.suffix:
        return Unavailable(f"There is no file or folder {str(name)!r}.")
    return unknown("data set", name, [*names(), "FILE.npz", "FOLDER"])


def _unknown_file(path: Path) -> WorkbenchError:
    if not path.is_file():
        return WorkbenchError(f"{path.name} is neither a folder nor a regular file.")
    if not os.access(path, os.R_OK):
        return Unavailable(f"{path.name} cannot be read: Permission denied.")
    if path.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
        return WorkbenchError(f"{path.name} is no archive that can be opened: it is cut off, or of another format.")
    if path.suffix.lower() == ".parquet":
        return WorkbenchError(f"{path.name} is no Parquet file: it is of another format.")
    return WorkbenchError(
        f"{path.name} is of an unknown kind. What is taken: an .npz file (x_train, y_train, x_test, y_test), a "
        f"folder of images or a .zip or .tar of one, a .csv table with the columns file,label, or a Parquet file or a "
        f"WebDataset tar of images.{_hint(path)}"
    )


def _hint(path: Path) -> str:
    """Say how arrays in another format become what is taken."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return " Arrays with their labels: numpy.savez('data.npz', x_test=images, y_test=labels)."
    if suffix in (".h5", ".hdf5", ".mat", ".pkl", ".pickle", ".tfrecord", ".tfrecords"):
        return " Read the arrays and save them: numpy.savez('data.npz', x_test=images, y_test=labels)."
    return ""
