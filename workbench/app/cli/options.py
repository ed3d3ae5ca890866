"""Options shared by the commands, and options made from the fields of a parameter model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli.program import plain
from workbench.core.errors import WorkbenchError, unknown

if TYPE_CHECKING:
    from pydantic import BaseModel

    from workbench.core.dataset import Dataset
    from workbench.core.params import Parameter
    from workbench.data.resizing import Fit, Interpolation
    from workbench.diagnosis.opening import Session

FOLDER = click.Path(file_okay=False, path_type=Path)
MODEL = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


READING = ("class_names", "image_size", "fit", "interpolation", "follow_links", "metadata")
"""Options that say how data is read."""
_JSON: dict[str, Any] = {"is_flag": True, "help": "Print JSON on stdout and nothing else."}
as_json = click.option("--json", "as_json", **_JSON)


def json_option() -> click.Option:
    """The option that `as_json` adds, for a list of parameters."""
    return click.Option(["--json", "as_json"], **_JSON)


class Choice(click.ParamType[str]):
    """One of some names; a mistyped one gets the nearest offered."""

    name = "choice"

    def __init__(self, kind: str, names: Callable[[], Iterable[str]] | tuple[str, ...], metavar: str = "") -> None:
        self.kind, self._names, self._metavar = kind, names, metavar

    def names(self) -> list[str]:
        """Every name, looked up when first needed."""
        return list(self._names() if callable(self._names) else self._names)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Write the names themselves, unless they would have to be searched for."""
        return self._metavar or f"[{'|'.join(self.names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name.

        Raises:
            WorkbenchError: if it is none of the names.
        """
        names = {name.casefold(): name for name in self.names()}
        if str(value).casefold() not in names:
            raise unknown(self.kind, value, names.values())
        return names[str(value).casefold()]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a command works on: a run, or a model file, and a split of some data; None is what was not given."""

    run: str | None
    model: Path | None
    data: str | None
    split: str
    data_dir: Path | None
    reading: Mapping[str, Any]
    preprocessing: str | None = None
    tokens: str | None = None
    engine: str = "auto"
    predictions: Path | None = None
    workspace: Path | None = None
    hierarchy: Path | None = None

    @property
    def own(self) -> bool:
        """Whether a run, a model or data was named."""
        return any(each is not None for each in (self.run, self.model, self.data, self.predictions))

    def open(self) -> Session:
        """Open the session, and say what was done to its data; loads neither the model nor TensorFlow."""
        session = self.opener()
        tell_notes(session.dataset)
        return session

    @property
    def opener(self) -> partial[Session]:
        """What opens the session, also in another process, and says nothing."""
        from workbench.diagnosis.opening import open_session

        return partial(
            open_session,
            self.run or "baseline",
            split=self.split,
            model=self.model,
            data=self.data,
            data_dir=self.data_dir,
            preprocessing=self.preprocessing,
            tokens=self.tokens,
            engine=self.engine,
            predictions=self.predictions,
            workspace=self.workspace,
            hierarchy=self.hierarchy,
            **self.reading,
        )

    def open_for_files(self) -> tuple[Session, tuple[Fit, Interpolation]]:
        """Open the session for image files beside its data; and say how they are fitted: as asked, else as its data."""
        from workbench.data import is_folder
        from workbench.training.runs import open_run

        asked = {name: self.reading[name] for name in ("fit", "interpolation") if name in self.reading}
        source = self.data
        if asked and source is None and self.model is None:
            source = open_run(self.run or "baseline").manifest.dataset
        rest = {name: value for name, value in self.reading.items() if name not in asked}
        session = (self if not asked or is_folder(str(source)) else replace(self, reading=rest)).open()
        fit, interpolation = session.dataset.fit
        return session, (asked.get("fit", fit), asked.get("interpolation", interpolation))


def tell_notes(dataset: Dataset) -> None:
    """Say on stderr what was done to the data while it was read."""
    for note in dataset.notes:
        click.echo(plain(f"{dataset.name.rpartition('/')[0]}: {note}"), err=True)


def tell_assumption(session: Session, *, as_json: bool) -> None:
    """Say what is assumed about the model's input, on which every number stands; on stderr where stdout is JSON."""
    if session.assumed:
        click.echo(plain(session.assumed), err=as_json)


class Data(click.ParamType[str]):
    """The name of a data set, a file, a folder, or the URL of one."""

    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, path or URL as it is; of a file:// URL the path.

        Raises:
            WorkbenchError: if there is nothing of this name, or it is a URL that is not taken. No store is asked.
        """
        from workbench.data import is_there, meant, unknown_dataset

        if not is_there(value):
            raise unknown_dataset(value)
        return str(meant(value))


data_dir = click.option("--data-dir", type=FOLDER, help="Folder with the Fashion-MNIST files, searched first.")


def data_params(use: str = "Your own data", *, metadata: bool = True) -> list[click.Option]:
    """The options that say which data, and how it is read: `--data` and those of `READING`.

    Args:
        use: what the data is for.
        metadata: whether what else is known of the images is of use.
    """
    table = click.Option(
        ["--metadata"],
        type=FILE,
        metavar="FILE.csv",
        help="What else is known of each image: a .csv with a column of file names, or the columns part and index, and "
        "any others. A folder may bring its own, metadata.csv.",
    )
    return [
        *([table] if metadata else []),
        click.Option(
            ["--data"],
            type=Data(),
            metavar="DATA",
            help=f"{use}: an .npz file (x_train, y_train, x_test, y_test), a folder of images (train/CLASS/…, "
            "test/CLASS/…, or CLASS/…) or a .zip or .tar of one, a .csv of file,label, Parquet or WebDataset files; "
            "the s3:// or gs:// URL of any of them; or the name of a dataset.",
        ),
        click.Option(
            ["--class-names"],
            metavar="A,B,…|FILE",
            help="Class names in the model's order: comma-separated, or a .txt or .json file; or a "
            ".json object of other names for the data's.",
        ),
        click.Option(
            ["--image-size"],
            metavar="N|HxW",
            help="Size that a folder's images are resized to.  [default: the model's input]",
        ),
        click.Option(
            ["--fit"],
            type=Choice("fit", _fits, "stretch|pad|crop"),
            help="What is done about a folder's images of other proportions: stretch, as Keras' readers do; pad with "
            "black (pad_to_aspect_ratio), or crop to the middle (crop_to_aspect_ratio).  [default: the run's, or "
            "stretch]",
        ),
        click.Option(
            ["--interpolation"],
            type=Choice("interpolation", _interpolations, "NAME"),
            help="How a folder's images are resized: bilinear, nearest, bicubic, area, lanczos3, … without "
            "antialiasing, as Keras does it; or antialias (bilinear, as Pillow).  [default: the run's, or bilinear]",
        ),
        click.Option(
            ["--follow-links"],
            is_flag=True,
            default=None,
            help="Follow links that lead out of a folder of images, and read files out of a table's folder.",
        ),
    ]


def with_reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command that has `data_params` with `data` (text or None) and `reading` (a dict)."""

    @wraps(function)
    def call(**others: Any) -> Any:
        return function(reading=_reading(others), **others)

    return call


def _fits() -> Iterator[str]:
    from workbench.data.resizing import FITS

    yield from FITS


def _interpolations() -> Iterator[str]:
    from workbench.data.resizing import INTERPOLATIONS

    yield from INTERPOLATIONS


def _reading(options: dict[str, Any]) -> dict[str, Any]:
    """Take what was given of how data is read out of a command's options, checked."""
    given = {name: text for name in READING if (text := options.pop(name, None)) is not None}
    if "metadata" in given:
        given["metadata"] = str(given["metadata"])
    if not given:
        return {}
    from workbench.data.reading import Reading

    read = Reading.of(given)
    return {name: value for name in (*given, "renaming") if (value := getattr(read, name))}


def with_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command that has `source_params` with one `source` in their place."""

    @wraps(function)
    def call(
        *,
        run: str | None,
        model: Path | None,
        data: str | None,
        split: str,
        data_dir: Path | None,
        preprocessing: str | None,
        tokens: str | None,
        engine: str,
        predictions: Path | None,
        hierarchy: Path | None,
        **others: Any,
    ) -> Any:
        if run is not None and model is not None:
            raise WorkbenchError(f"Give a run or `--model`, not both. Got {run!r} and {str(model)!r}.")
        if predictions is not None and (run is not None or model is not None):
            raise WorkbenchError("Give `--predictions`, or a run or `--model` that makes them, not both.")
        if predictions is not None and preprocessing is not None:
            raise WorkbenchError("`--preprocessing` is for a model. `--predictions` are there already.")
        if predictions is not None and tokens is not None:
            raise WorkbenchError("`--tokens` is for a model. `--predictions` are there already.")
        source = Source(
            run=run,
            model=model,
            data=data,
            split=split,
            data_dir=data_dir,
            reading=_reading(others),
            preprocessing=preprocessing,
            tokens=tokens,
            engine=engine,
            predictions=predictions,
            hierarchy=hierarchy,
        )
        return function(source=source, **others)

    return call


def source_params(run_option: bool = False) -> list[click.Parameter]:
    """The parameters that say what a command works on: RUN (or `--run`), `--model`, `--data`, `--split`, …."""
    run: click.Parameter = (
        click.Option(["--run"], metavar="RUN", help="Run to open, by name or folder.  [default: baseline]")
        if run_option
        else click.Argument(["run"], required=False, metavar="[RUN]")
    )
    return [
        run,
        click.Option(
            ["--model"],
            type=MODEL,
            metavar="FILE",
            help="Your own model instead of a run: .keras or .h5; or .onnx, .tflite or a SavedModel folder, which "
            "have no gradients.",
        ),
        click.Option(
            ["--predictions"],
            type=FILE,
            metavar="FILE",
            help="Scores from any framework instead of a model: .npz (logits or probabilities, labels, names) or .csv "
            "(a row for each image, a column for each class, file, label). Everything but maps.",
        ),
        *data_params(),
        click.Option(
            ["--preprocessing"],
            type=Choice("preprocessing", _preprocessings, "NAME"),
            help="Scaling of the model's input: unit (0…1), signed (−1…1), pixels (0…255), imagenet-torch, "
            "imagenet-caffe; auto (shown by the model, else measured), or find (by accuracy).  "
            "[default: the run's, or auto]",
        ),
        click.Option(
            ["--tokens"],
            metavar="HxW[+N]",
            help="How a transformer's tokens lie on the image: rows x columns, and N further ones, as a class token: "
            "14x14+1.  [default: found in the model, or assumed]",
        ),
        click.Option(
            ["--engine"],
            type=Choice("engine", _engines, "tensorflow|onnxruntime|auto"),
            default="auto",
            show_default=True,
            help="What passes images forward where no gradient is needed; auto: the faster of both, if it computes the "
            "same, measured once a model.",
        ),
        click.Option(
            ["--split"],
            type=Choice("split", ("train", "validation", "test")),
            default="test",
            show_default=True,
            help="Part of the data to evaluate.",
        ),
        click.Option(["--data-dir"], type=FOLDER, help="Folder with the Fashion-MNIST files."),
        click.Option(
            ["--hierarchy"],
            type=FILE,
            metavar="FILE",
            help='The classes as a tree: .json, {"animals": ["cat", "dog"], …}, or .csv with the columns class and '
            "parent. Groups are found from the confusions without it.",
        ),
    ]


def _engines() -> Iterator[str]:
    from workbench.models.forward_passes.engine_names import ENGINES

    yield from ENGINES


def _preprocessings() -> Iterator[str]:
    from workbench.models.preprocessing import FIND, NAMES

    yield from (*NAMES, FIND)


def param_options(params: type[BaseModel], taken: frozenset[str], *, defaults: bool = True) -> list[click.Option]:
    """Make one option for each field of `params`; without `defaults` the help names none, as others count there.

    Raises:
        TypeError: if a field has the name of an option that every command has.
    """
    from workbench.core.params import describe

    options = []
    for parameter in describe(params):
        if parameter.name in taken:
            raise TypeError(f"{params.__qualname__}.{parameter.name}: every command has an option of this name.")
        flag = parameter.name.replace("_", "-")
        names = [f"--{flag}/--no-{flag}" if parameter.kind is bool else f"--{flag}", parameter.name]
        options.append(
            click.Option(
                names,
                type=None if parameter.kind is bool else _Value(parameter),
                multiple=parameter.many,
                default=None,
                help=_help(parameter if defaults else replace(parameter, default=None)),
            )
        )
    return options


def typed_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the user typed; the others are left to the parameter model."""
    return {name: value for name, value in values.items() if value is not None and value != ()}


class _Value(click.ParamType[str]):
    """Text for one parameter; `params.make` reads and checks it, so that every surface says the same."""

    def __init__(self, parameter: Parameter) -> None:
        self.name = parameter.kind.__name__
        self._parameter = parameter

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        if self._parameter.options:
            return f"[{'|'.join(self._parameter.options)}]"
        singular = {"layers": "LAYER", "classes": "CLASS", "explainers": "METHOD"}
        return singular.get(self._parameter.choose_from) or {"int": "N", "float": "X"}.get(self.name, "TEXT")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        options = self._parameter.options
        if options and value not in options:
            raise unknown(self._parameter.name, value, options)
        return value


def _help(parameter: Parameter) -> str:
    """Description, range and default, in a sentence."""
    text = parameter.help.rstrip(".")
    text = f"{text[:1].upper()}{text[1:]}." if text else ""
    low, high = (None if bound is None else f"{bound:g}" for bound in (parameter.low, parameter.high))
    facts = [
        f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else "",
        "repeatable" if parameter.many else "",
        f"default: {_default(parameter)}" if parameter.default not in (None, ()) else "",
    ]
    said = "; ".join(fact for fact in facts if fact)
    return f"{text}  [{said}]".strip() if said else text


def _default(parameter: Parameter) -> str:
    if parameter.kind is bool:
        return f"--{'' if parameter.default else 'no-'}{parameter.name.replace('_', '-')}"
    if parameter.many:
        return ", ".join(str(each) for each in parameter.default)
    return f"{parameter.default:g}" if isinstance(parameter.default, float) else str(parameter.default)
