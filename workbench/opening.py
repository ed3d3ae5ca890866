"""From names and paths to a session."""

from __future__ import annotations

from pathlib import Path

from workbench.contracts import Dataset
from workbench.datasets import load_dataset
from workbench.errors import Unavailable, WorkbenchError
from workbench.progress import report
from workbench.runs import open_run
from workbench.session import Session


def open_session(
    run: str | Path = "baseline", *, split: str = "test", model: str | Path | None = None,
    data: str | Path | None = None, data_dir: str | Path | None = None,
) -> Session:  # fmt: skip
    """Open a run, or a model file with data of one's own.

    Args:
        run: name of a run under `saved_models/`, or the path of a run's folder.
        split: "test" or "train".
        model: path of a `.keras` file, instead of a run; `data` is needed then.
        data: path of an `.npz` file; the data that the run was trained on, if not given.
        data_dir: folder of the Fashion-MNIST files, if they are not where they are usually found.

    Raises:
        WorkbenchError: if something does not exist or does not fit; in one sentence.
    """
    opened = open_run(run) if model is None else None
    if opened is None and data is None:
        raise WorkbenchError("A model file needs its data: give `data` (--data FILE.npz) too.")
    source = str(data) if data is not None else opened.manifest.dataset if opened else ""
    dataset = load_dataset(source, split=split, data_dir=data_dir, progress=report)

    def train() -> Dataset | None:
        try:
            return load_dataset(source, split="train", data_dir=data_dir, progress=report)
        except Unavailable:
            if data is None:
                raise
            return None  # a file with a test part only

    if opened is None:
        return Session(Path(str(model)), dataset, train=train)
    if tuple(opened.manifest.image_shape) != dataset.image_shape:
        raise WorkbenchError(
            f"Run {opened.name!r} takes images of shape {tuple(opened.manifest.image_shape)} (H, W, C). "
            f"{dataset.name!r} has {dataset.image_shape}."
        )
    return Session(opened, dataset, train=train)
