"""Image files that nobody has labelled yet: any folder, however it is laid out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.core.wording import plural
from workbench.data.folder.decoded import DecodedImages
from workbench.data.folder.survey import survey_files
from workbench.data.folder.tree import Place, look_through, printable
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation

MOST_NAMED = 5
"""Files that a note names."""


def load_unlabelled(
    path: str | Path,
    image_shape: tuple[int, int, int],
    class_names: tuple[str, ...],
    *,
    fit: Fit = STRETCH,
    interpolation: Interpolation = BILINEAR,
    follow_links: bool = False,
    progress: Progress = silent,
) -> Dataset:
    """Look through a folder and everything below it; no image is kept decoded.

    Args:
        path: of the folder.
        image_shape: (H, W, C) that all are fitted to.
        class_names: those that the images may be given later; as yet every label is that of the first class, and means
            nothing.
        fit: how images of other proportions are fitted, as `read_image` takes it.
        interpolation: how they are resized.
        follow_links: whether links that lead out of the folder are followed.
        progress: told how many files were looked at.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it has no image that can be read.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {str(path)!r}.")
    tree = look_through(folder, follow_links=follow_links)
    files = _files(tree.top)
    if not files:
        raise WorkbenchError(f"{printable(folder.name)} holds no image. Give a folder of image files.")
    seen = survey_files(folder, files, progress, within=None if follow_links else folder.resolve())
    rows = np.flatnonzero(seen.problems == "")
    if not len(rows):
        raise WorkbenchError(f"None of the {plural(len(files), 'image')} in {path} can be read.")
    skipped = [
        f"{printable(files[row])} ({seen.problems[row]})" for row in np.flatnonzero(seen.problems != "").tolist()
    ]
    more = f" and {len(skipped) - MOST_NAMED:,} more" if len(skipped) > MOST_NAMED else ""
    notes = [f"{plural(len(skipped), 'file')} skipped: {', '.join(skipped[:MOST_NAMED])}{more}"] if skipped else []
    digest = hashlib.sha256(b"unlabelled")
    digest.update(seen.digests[rows].tobytes())
    return Dataset(
        images=DecodedImages(  # type: ignore[arg-type]
            folder,
            files,
            image_shape,
            rows,
            fit=fit,
            interpolation=interpolation,
            sizes=seen.sizes,
            follow_links=follow_links,
        ),
        labels=np.zeros(len(rows), np.int64),
        class_names=class_names,
        indices=np.arange(len(rows)),
        name=f"{printable(folder.name)}/unlabelled",
        names=np.array([printable(files[row]) for row in rows.tolist()]),
        file_digests=seen.digests[rows],
        source_fingerprint=digest.hexdigest(),
        notes=(*tree.notes(), *notes),
    )


def _files(place: Place) -> list[str]:
    """Return the image files in a folder and below it, by their paths."""
    found = list(place.images)
    for inner in place.places.values():
        found += _files(inner)
    return sorted(found)
