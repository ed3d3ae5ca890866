"""What images can be chosen by: what is known of them, measured on them, said about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable
from workbench.core.types import Array
from workbench.data.properties import property_names, property_of
from workbench.session.images.column import Column, Kind

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.study import Study

SHORT = 30
"""Letters of a title that has room beside a picture."""
READABLE = 20
"""Classes up to which groups are found only where they are asked for."""
METADATA = "metadata."
"""Before the name of a column of metadata that is called as something else is."""


class NotComputed(Unavailable):
    """What a query asks about is not computed yet.

    Attributes:
        analysis: whose answer it is in.
    """

    def __init__(self, field: str, analysis: str) -> None:
        super().__init__(
            f"`{field}` is not computed yet: it is in the answer of {analysis}. Compute it now with --compute "
            f"(compute=True), or before with `workbench analyze {analysis}`."
        )
        self.analysis = analysis


@dataclass(frozen=True, kw_only=True)
class Field:
    """Something that is known, or can be, of every image.

    Attributes:
        name: as queries name it.
        title: what people call it.
        kind: of its values.
        read: what gives its column.
        unit: of a number.
        group: "image", "model", "property", "workspace", "metadata", or the analysis that it comes from.
        ready: whether it is there at once.
    """

    name: str
    title: str
    kind: Kind
    read: Callable[[], Column]
    unit: str = ""
    group: str = "image"
    ready: Callable[[], bool] = lambda: True

    @property
    def called(self) -> str:
        """What it is called where there is little room."""
        return self.title if len(self.title) <= SHORT else self.name


def fields_of(study: Study) -> dict[str, Field]:
    """Return the fields of a study's images by name, but those that come from analyses and from the workspace."""
    own = {each.name: each for each in (*_own(study), *_said_by_model(study), *_properties(study))}
    return own | dict(_metadata(study, taken=set(own)))


def _own(study: Study) -> Iterator[Field]:
    data = study.dataset
    yield Field(name="name", title="name", kind="text", read=lambda: Column("name", "text", data.names))
    yield Field(name="label", title="label", kind="category", read=lambda: _classes("label", data.labels, study))


def _said_by_model(study: Study) -> Iterator[Field]:
    def numbers(name: str, unit: str, values: Callable[[], Array]) -> Callable[[], Column]:
        return lambda: Column(name, "number", values().astype(np.float64), unit=unit)

    def known() -> bool:
        return study.has_predictions

    about: dict[str, Any] = {"group": "model", "ready": known}
    yield Field(
        name="predicted",
        title="predicted class",
        kind="category",
        read=lambda: _classes("predicted", study.predictions.predicted, study),
        **about,
    )
    yield Field(
        name="correct",
        title="correct",
        kind="truth",
        read=lambda: Column("correct", "truth", study.predictions.correct.astype(np.int8)),
        **about,
    )
    yield from _groups(study, about)
    for name, title, unit, values in (
        ("confidence", "confidence", "of 1", lambda: study.predictions.confidence),
        ("margin", "logit of the label minus the largest other", "logits", lambda: study.predictions.margin),
        ("loss", "loss", "nats", lambda: study.predictions.loss),
    ):
        yield Field(name=name, title=title, kind="number", unit=unit, read=numbers(name, unit, values), **about)


def groups_are_fields(study: Study) -> bool:
    """Whether images can be chosen by groups of classes: a tree was given, or there are many classes."""
    return study.hierarchy is not None or len(study.class_names) > READABLE


def _groups(study: Study, about: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the groups of the classes, where these are many or a tree of them was given."""
    if not groups_are_fields(study):
        return

    def read(name: str, classes: Callable[[], Array]) -> Callable[[], Column]:
        def column() -> Column:
            tree = study.class_tree
            if tree is None:
                return Column(name, "category", np.full(len(study.dataset), -1))
            place = {node: number for number, node in enumerate(tree.top)}
            codes = np.array([place[int(node)] for node in tree.at_level(1)], np.int64)
            return Column(name, "category", codes[classes()], options=tuple(tree.names[node] for node in tree.top))

        return column

    yield Field(
        name="group",
        title="group of the label",
        kind="category",
        read=read("group", lambda: study.dataset.labels),
        **about,
    )
    yield Field(
        name="predicted_group",
        title="group of the predicted class",
        kind="category",
        read=read("predicted_group", lambda: study.predictions.predicted),
        **about,
    )
    if study.hierarchy is not None:
        tree = study.hierarchy

        def levels() -> Column:
            apart = tree.distance(study.dataset.labels, study.predictions.predicted)
            return Column("error_distance", "number", apart.astype(np.float64), unit="levels")

        title = "levels up to the group of both classes"
        yield Field(name="error_distance", title=title, kind="number", unit="levels", read=levels, **about)


def _properties(study: Study) -> Iterator[Field]:
    if not study.dataset.has_images:
        return
    for name in property_names(study.dataset.image_shape[2]):
        said = property_of(name)
        yield Field(
            name=name,
            title=said.words,
            kind="number",
            unit=said.unit,
            group="property",
            read=partial(_measured, study, name),
            ready=lambda: study.has_properties,
        )


def _metadata(study: Study, taken: set[str]) -> Iterator[tuple[str, Field]]:
    """Yield the columns of the metadata, by their names; "metadata.label" where a field is called "label" already."""
    frame = study.dataset.metadata
    if frame is None:
        return
    for column in frame.columns:
        own = str(column)
        name = f"{METADATA}{own}" if own.casefold() in taken else own
        values = frame[column]
        read = partial(column_of, name, values)
        yield name, Field(name=name, title=own, kind=kind_of(values), group="metadata", read=read)


def _measured(study: Study, name: str) -> Column:
    values = study.properties[name].to_numpy(np.float64)
    return Column(name, "number", values, unit=property_of(name).unit)


def kind_of(values: pd.Series[Any]) -> Kind:
    """Return the kind of a typed column of a frame, by its type alone."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(values.dtype):
        return "truth"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(values.dtype) else "category"


def column_of(name: str, values: pd.Series[Any]) -> Column:
    """Turn a typed column of a frame into one that can be asked."""
    import pandas as pd

    kind = kind_of(values)
    if kind == "truth":
        return Column(name, "truth", values.astype("Int8").fillna(-1).to_numpy(np.int8))
    if kind == "date":
        plain = values.dt.tz_convert(None) if values.dt.tz is not None else values
        return Column(name, "date", plain.to_numpy("datetime64[us]"))
    if kind == "number":
        return Column(name, "number", values.to_numpy(np.float64, na_value=np.nan))
    codes = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("category")
    options = tuple(str(option) for option in codes.cat.categories)
    return Column(name, "category", codes.cat.codes.to_numpy(np.int64), options=options)


def _classes(name: str, values: Array, study: Study) -> Column:
    return Column(name, "category", values, options=study.class_names)
