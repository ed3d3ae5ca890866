"""From names and paths to a session that can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from workbench.core.cache import ROOM
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.image_names import ROWS
from workbench.core.image_set import OTHERS, Part
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.wording import join_names
from workbench.data import is_folder, load_dataset
from workbench.data.class_names import read_class_names
from workbench.data.metadata import read_metadata, with_metadata
from workbench.data.saved_predictions import read_predictions
from workbench.diagnosis import registry
from workbench.session.images.known import Known
from workbench.session.session import Session as Explained
from workbench.training.manifest import Manifest
from workbench.training.runs import MANIFEST, Run, open_run


class Session(Explained):
    """A debugging session: one model, one data set, and everything computed about them so far.

    Safe to use from several threads. What it is opened with: `workbench.session.study.Study`.
    """

    def analyze(self, name: str, **params: Any) -> Result:
        """Answer one analysis, for example `session.analyze("most-confused", top=5).draw()`.

        Raises:
            WorkbenchError: if there is no such analysis or parameter, or the session lacks what it needs.
        """
        return registry.compute(self, name, params)

    def _know(self, of: Self, part: Part) -> Known:
        """Let images be chosen by what analyses of this session know of them."""
        told = registry.analyses().items() if part in ROWS else ()
        brought = {name: kind.fields for name, kind in told if kind.fields}

        def answers(name: str, ask: bool) -> Result | None:
            quick = registry.analysis(name).quick
            for values in ({}, quick or {}):
                if (known := registry.cached(self, name, values)) is not None:
                    return known
            return registry.compute(self, name) if ask else None

        return Known(of, brought, answers, part)


def open_session(
    run: str | Path = "baseline",
    *,
    split: str = "test",
    model: str | Path | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    preprocessing: str | None = None,
    tokens: str | None = None,
    engine: str = "auto",
    predictions: str | Path | None = None,
    workspace: str | Path | None = None,
    hierarchy: str | Path | Mapping[str, Any] | None = None,
    **reading: Any,
) -> Session:
    """Open a run, a model file with your own data, or predictions that were made elsewhere.

    Args:
        run: name of a run under `saved_models/`, or the path of a run's folder.
        split: "test", "validation" or "train". A run's validation part is the one that it was measured on.
        model: path of a model file or folder, instead of a run; `data` is needed then.
        data: name of a data set, path of an `.npz` file, of a folder of images or its archive, or of a `.csv` of files
            and labels; the data that the run was trained on, if not given. Images of files are fitted to what the model
            takes.
        data_dir: folder of the Fashion-MNIST files, if they are not where they are usually found.
        preprocessing: what the model is given for an image, as `Session` takes it; the run's, if not given.
        tokens: how a transformer's tokens lie on the image, as `Session` takes it.
        engine: what passes images forward, as `Session` takes it.
        predictions: path of an `.npz` or `.csv` file with the scores of every image, as `read_predictions` takes it,
            instead of a model; without `data` there are no images, and everything but them.
        workspace: file of what people say about the images; the one that belongs to the data, if not given.
        hierarchy: the classes as a tree: a `.json` or `.csv` file, or a dict, as `read_hierarchy` takes it.
        reading: `class_names`, `image_size`, `fit`, …, as `load_dataset` takes them; the run's on its own data.

    Raises:
        WorkbenchError: if something does not exist or does not fit; in one sentence.
    """
    _ = ROOM.most  # before anything is computed that could not be kept
    if predictions is not None:
        if tokens is not None:
            raise WorkbenchError("`tokens` (--tokens) is for a model. `predictions` are there already.")
        return _from_predictions(
            predictions,
            split,
            model=model,
            data=data,
            data_dir=data_dir,
            about={"workspace": workspace, "hierarchy": hierarchy},
            **reading,
        )
    opened = open_run(run) if model is None else None
    if opened is None and data is None:
        raise WorkbenchError("A model file needs its data: give `data` (--data FILE.npz, or --data FOLDER) too.")
    source = str(data) if data is not None else ""
    if data is None and opened is not None:
        source = opened.manifest.dataset
    given = {name: value for name, value in reading.items() if value is not None}
    known = _known(opened, model, source)
    reading = {**known, **given}
    dataset = load_dataset(source, split=split, data_dir=data_dir, progress=report, **reading)
    if opened is not None and (notes := tuple(_other_fits(opened, known, given))):
        dataset = replace(dataset, notes=(*dataset.notes, *notes))

    def load(part: Part) -> Dataset | None:
        try:
            return load_dataset(source, split=part, data_dir=data_dir, progress=report, **reading)
        except Unavailable:
            if data is None and part == "train":
                raise
            return None  # a file with a test part only

    parts = {part: partial(load, part) for part in OTHERS}
    train = parts.pop("train")
    if opened is not None and tuple(opened.manifest.image_shape) != dataset.image_shape:
        raise WorkbenchError(
            f"Run {opened.name!r} takes images of shape {tuple(opened.manifest.image_shape)} (H, W, C). "
            f"{dataset.name!r} has {dataset.image_shape}."
        )
    return Session(
        opened or Path(str(model)),
        dataset,
        train=train,
        others=parts,
        preprocessing=preprocessing,
        tokens=tokens,
        engine=engine,
        workspace=workspace,
        hierarchy=hierarchy,
    )


def open_named(what: str | Path, *, data: str | Path | None = None, **given: Any) -> Session:
    """Open a run, a model file or saved predictions, whichever it names.

    Args:
        what: name or folder of a run; path of a model file or folder; or an `.npz` or `.csv` file of predictions.
        data: as `open_session` takes it.
        given: what else `open_session` takes.

    Raises:
        WorkbenchError: if there is no such thing, or it does not fit the data.
    """
    path = Path(what)
    if path.suffix.lower() in (".npz", ".csv") and path.is_file():
        return open_session(predictions=path, data=data, **given)
    # A run's name is a run, also where a folder of that name lies in the way; a damaged run says what it lacks.
    is_run = _manifest_of(what) is not None or (path / MANIFEST).is_file() or not path.exists()
    return open_session(what, data=data, **given) if is_run else open_session(model=path, data=data, **given)


def open_both(
    first: str | Path, second: str | Path, *, data: str | Path | None = None, **given: Any
) -> tuple[Session, Session]:
    """Open two models on the same images; a model file without data gets those of the other one.

    Raises:
        WorkbenchError: as `open_named` does.
    """
    if data is None:
        data = next((made.dataset for each in (first, second) if (made := _manifest_of(each)) is not None), None)
    one, other = (open_named(each, data=_needed(each, data), **given) for each in (first, second))
    return one, other


def open_beside(session: Session, what: str | Path, *, data: str | Path | None = None, **given: Any) -> Session:
    """Open another model on the data of a session that is open, unless it is a run on data of its own.

    Args:
        session: the open one.
        what: as `open_named` takes it.
        data: that the session was opened with, if it was not the run's.
        given: what else `open_session` takes.

    Raises:
        WorkbenchError: as `open_named` does.
    """
    own = data if data is not None or session.run is None else session.run.manifest.dataset
    other = open_named(what, data=_needed(what, own), **given)
    if other.hierarchy is None and other.class_names == session.class_names:
        other.hierarchy = session.hierarchy
    return other


def open_on(session: Explained, run: str) -> Session:
    """Open a run on the very images of a session, with that session's other parts.

    Args:
        session: whose images they are.
        run: name of a run.

    Raises:
        WorkbenchError: if there is no such run, or it knows other classes or takes images of another shape.
    """
    opened = open_run(run)
    data = session.dataset
    if why := cannot_see(opened.manifest, data):
        raise WorkbenchError(f"Run {run!r} cannot be asked about {data.name}: {why}")
    others = {part: partial(session.data_of, part) for part in session.other_parts}
    train = others.pop("train", None)
    kept: dict[str, Any] = {"cache": session.cache, "engine": session.wanted_engine, "hierarchy": session.hierarchy}
    return Session(opened, data, train=train, others=others, **kept)


def cannot_see(made: Manifest, data: Dataset) -> str:
    """Say in a sentence why a run cannot be asked about images as they were read; empty where it can."""
    both = classes, known = tuple(made.class_names), data.class_names
    if set(classes) != set(known):
        others, lacking = ([repr(each) for each in one if each not in two] for one, two in (both, both[::-1]))
        has = f"it knows {join_names(others, 3)}" if others else ""
        lacks = f"it does not know {join_names(lacking, 3)}" if lacking else ""
        return f"{' and '.join(filter(None, [has, lacks]))}."
    if classes != known:
        return "it has the same classes in another order."
    if tuple(made.image_shape) != data.image_shape:
        theirs, ours = (" × ".join(map(str, shape)) for shape in (made.image_shape, data.image_shape))
        return f"it takes images of {theirs} (height, width, channels), and these have {ours}."
    return ""


def _manifest_of(what: str | Path) -> Manifest | None:
    """The manifest of a run; None where it is a file, or nothing."""
    try:
        return None if Path(what).is_file() else open_run(what).manifest
    except WorkbenchError:
        return None


def _needed(what: str | Path, data: str | Path | None) -> str | Path | None:
    """A run on its own data reads it as it was trained."""
    made = _manifest_of(what)
    return None if made is not None and made.dataset == data else data


def _from_predictions(
    path: str | Path,
    split: str,
    *,
    model: str | Path | None,
    data: str | Path | None,
    data_dir: str | Path | None,
    about: Mapping[str, Any],
    **reading: Any,
) -> Session:
    if model is not None:
        raise WorkbenchError("Give a model or its predictions, not both.")
    saved = read_predictions(path)
    reading = {name: value for name, value in reading.items() if value is not None}
    if saved.part(split) is None:
        raise Unavailable(f"{Path(path).name} has no predictions of the {split} part.")
    if data is not None:
        if saved.class_names is not None and is_folder(data):
            reading = {"model_names": saved.class_names, **reading}
        dataset = load_dataset(data, split=split, data_dir=data_dir, progress=report, **reading)
        part = saved.part(split)
        matching = () if part is None else part.matching(dataset)
        dataset = replace(dataset, notes=(*dataset.notes, *saved.notes, *matching))

        def load(part: Part) -> Dataset | None:
            try:
                return load_dataset(data, split=part, data_dir=data_dir, progress=report, **reading)
            except Unavailable:
                return None  # a source with a test part only

        parts = {part: partial(load, part) for part in OTHERS}
        return Session(None, dataset, predictions=saved, train=parts.pop("train"), others=parts, **about)
    names, metadata = reading.pop("class_names", None), reading.pop("metadata", None)
    if reading:
        raise WorkbenchError(f"{join_names(sorted(reading))}: there are no images to read without `data` (--data).")
    saved = saved if names is None else saved.named(read_class_names(names))
    told = {name: saved.part(name) for name in {split, *OTHERS}} if saved.parts is not None else {split: saved}
    known = {name: each.dataset(name) for name, each in told.items() if each is not None}
    if metadata is not None:
        tables = [read_metadata(Path(metadata))]  # once for all parts
        known = {name: with_metadata(each, tables) for name, each in known.items()}
    others: dict[Part, Dataset] = {part: known[part] for part in OTHERS if part in known}
    return Session(None, known[split], predictions=saved, train=others.pop("train", None), others=others, **about)


def _fit_of(run: Run) -> dict[str, Any]:
    """How the files that a run was trained on became pixels; nothing where they were no files."""
    made = run.manifest
    if "fit" not in made.reading and not is_folder(made.dataset):
        return {}
    # Runs of before this was noted down had their images padded.
    return {"fit": made.reading.get("fit", "pad"), "interpolation": made.reading.get("interpolation", "bilinear")}


def _other_fits(run: Run, known: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    """Say where a run's images are read in another way than in its training, or that this is not known."""
    for name in ("fit", "interpolation"):
        if name in known and given.get(name, known[name]) != known[name]:
            yield f"{name} {given[name]}, as requested; run {run.name} was trained with {known[name]}"
    if "fit" in known and "fit" not in run.manifest.reading and "fit" not in given:
        yield f"run {run.name} does not say how its images were fitted; pad is assumed, which was usual then"


def _known(run: Run | None, model: str | Path | None, source: str) -> dict[str, Any]:
    """What a run or a model file says about how its data is read."""
    known: dict[str, Any] = {}
    if run is not None and run.manifest.dataset == source:
        known = {**run.manifest.reading, "validation_share": run.manifest.settings.get("validation_split", 0.1)}
    if not is_folder(source):
        return known
    if run is not None:
        height, width, channels = run.manifest.image_shape
        known |= _fit_of(run)
        return {**known, "image_size": (height, width), "channels": channels, "model_names": run.manifest.class_names}
    from workbench.models.declared_shape import declared_shape

    sides = declared_shape(str(model))
    if None not in sides[:2]:
        known["image_size"] = sides[:2]
    if sides[2] in (1, 3):
        known["channels"] = sides[2]
    return known
