"""Images for other tools: Hugging Face `datasets`, cleanlab's Datalab, FiftyOne. They come back as a CSV of names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable
from workbench.core.files import write_file
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.thumbnails import as_rgb

if TYPE_CHECKING:
    from workbench.core.attribution import Attribution
    from workbench.session.images.files import Chosen

EXTRA = "It is not installed: pip install {}."


def as_hugging_face(images: Chosen) -> Any:
    """Return them as a `datasets.Dataset`: `image`, `label` (a ClassLabel), and what is known of each.

    Raises:
        Unavailable: if `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise Unavailable(f"Images are handed to Hugging Face's `datasets`. {EXTRA.format('datasets')}") from None
    from PIL import Image

    data, rows = images.data, images.rows
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(data.class_names))}
    columns: dict[str, list[Any]] = {"label": data.labels[rows].tolist()}
    for name, values in images.table.items():
        if name not in ("label", "tag"):
            plain = [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
            columns[str(name)] = plain
            features[str(name)] = datasets.Value(_arrow(plain))
    columns["tags"] = _tags(images)
    features["tags"] = datasets.List(datasets.Value("string"))

    def read() -> Any:
        for place, row in enumerate(rows.tolist()):
            report("Images to datasets", place, len(rows))
            picture = Image.fromarray(as_rgb(np.asarray(data.images[row])))
            yield {"image": picture, **{name: values[place] for name, values in columns.items()}}

    if not data.has_images:
        del features["image"]
        return datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    return datasets.Dataset.from_list(list(read()), features=datasets.Features(features))


def as_datalab(images: Chosen) -> Any:
    """Return cleanlab's Datalab of them, with the issues found by the model's probabilities and embeddings.

    The model's own probabilities of images that it was trained on flatter their labels: for those, the out-of-sample
    ones of the analysis label-issues are the better judge.

    Raises:
        Unavailable: if Datalab or `datasets` is not installed.
    """
    try:
        from cleanlab import Datalab
    except ImportError:
        raise Unavailable(f"Datalab needs `datasets`. {EXTRA.format('cleanlab[datalab]')}") from None
    study, rows = images.known.study, images.rows
    lab = Datalab(data=as_hugging_face(images), label_name="label", task="classification", verbosity=0)
    lab.find_issues(pred_probs=study.predictions.probabilities[rows], features=study.embeddings[rows])
    return lab


def as_fiftyone(images: Chosen, folder: Path, maps: Attribution | None = None) -> list[Any]:
    """Return FiftyOne samples, for `dataset.add_samples`: label, prediction, tags, what is known, and heat maps.

    A sample is the file that the image comes from, where there is one; else a PNG that is written to `folder`.

    Args:
        images: n images.
        folder: made where it is needed.
        maps: n maps of them, in the same order.

    Raises:
        Unavailable: if FiftyOne is not installed, or the folder takes no file.
    """
    try:
        import fiftyone as fo
    except ImportError:
        where = "fiftyone, in an environment without the page's gradio"
        raise Unavailable(f"Samples are made by FiftyOne. {EXTRA.format(where)}") from None
    study, data, rows = images.known.study, images.data, images.rows
    table, tags, made = images.table, _tags(images), []
    for place, row in enumerate(rows.tolist()):
        report("Images to FiftyOne", place, len(rows))
        sample = fo.Sample(filepath=str(_file(images, row, folder)), tags=[study.split, *tags[place]])
        sample["label"] = fo.Classification(label=data.class_names[data.labels[row]])
        if study.has_predictions:
            said = study.predictions
            sample["prediction"] = fo.Classification(
                label=data.class_names[said.predicted[row]],
                confidence=float(said.confidence[row]),
                logits=said.logits[row].astype(float),
            )
        for name, value in table.iloc[place].items():
            known = name in ("label", "predicted", "confidence", "tag")
            if not known and value is not None and value == value:  # noqa: PLR0124 - NaN
                plain = value.item() if hasattr(value, "item") else value
                sample[str(name).replace(".", "_").replace(" ", "_")] = plain
        if maps is not None:
            largest = float(np.abs(maps.values[place]).max()) or 1.0
            low = -largest if maps.signed else 0.0
            sample[maps.method.replace("-", "_")] = fo.Heatmap(map=maps.values[place], range=[low, largest])
        made.append(sample)
    return made


def _tags(images: Chosen) -> list[list[str]]:
    said = images.known.column("tag").of(images.rows).shown()
    return [[tag for tag in (each or "").split(",") if tag] for each in said]


def _file(images: Chosen, row: int, folder: Path) -> Path:
    """Where an image lies, or is put."""
    from PIL import Image

    data = images.data
    own = Path(data.source) / str(data.names[row])
    if data.named and data.source and own.is_file():
        return own
    path = folder / f"{data.keys[row]}.png"
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = io.BytesIO()
            Image.fromarray(as_rgb(_pixels(data.images, row))).save(stream, "png")
            write_file(path, stream.getvalue())
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written to: {error.strerror or error}.") from None
    return path


def _pixels(images: Array, row: int) -> Array:
    return np.asarray(images[row])


def _arrow(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    return "bool" if kinds == {bool} else "float64" if kinds and kinds <= {int, float} else "string"
