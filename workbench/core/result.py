"""The result of an analysis: tables, arrays and findings; drawing it needs no model."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.core.finding import Finding
from workbench.core.image_names import ImageNames
from workbench.core.image_set import ImageSet, Part
from workbench.core.types import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Result:
    """Everything that an analysis computed; its figure is drawn from this and nothing else.

    Attributes:
        tables: DataFrames by name; the first one is the answer. Images stand in them by their rows, in columns that
            are called as `image_names.ROWS` says; `named` has their names.
        arrays: named arrays that the figure needs.
        findings: the sentences, most important first.
        sets: images that places of the figure stand for and no finding shows, by names that stand in addresses.
        notes: small facts for the figure (class names, a layer's name), JSON values only.
        analysis: name of the analysis, filled in by the registry.
        params: its parameters, filled in by the registry.
        context: run, dataset, N and fingerprints, filled in by the registry; becomes the caption.
        class_names: K names, filled in by the registry, so that a figure can cut them and keep them different.
        drawer: what turns it into a figure, filled in by the registry; not saved.
        names: of the images, filled in by the registry; not saved, since files are renamed.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    _: KW_ONLY
    arrays: Mapping[str, Array] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    sets: Mapping[str, ImageSet] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    analysis: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    drawer: Callable[[Result], Figure] | None = field(default=None, repr=False)
    names: ImageNames | None = field(default=None, repr=False)

    @cached_property
    def named(self) -> Mapping[str, pd.DataFrame]:
        """The tables as people see them: names of images in place of rows."""
        names = self.names
        return self.tables if names is None else {name: names.table(frame) for name, frame in self.tables.items()}

    def image_name(self, row: int, part: Part = "data") -> str:
        """Return what an image is called."""
        return f"row {row}" if self.names is None else self.names.one(int(row), part)

    def image_title(self, row: int, part: Part = "data") -> str:
        """Return what an image is called, with its label and prediction where they are known."""
        return f"row {row}" if self.names is None else self.names.title(int(row), part)

    def image_names(self, images: ImageSet) -> list[str]:
        """Return what the images of a set are called, in its order."""
        return [f"row {row}" for row in images] if self.names is None else self.names.of_set(images)

    def draw(self) -> Figure:
        """Draw the figure.

        Raises:
            TypeError: if the result did not come from `Session.analyze` or the registry.
        """
        if self.drawer is None:
            raise TypeError(
                "This result was not made by an analysis; draw it with `workbench.diagnosis.registry.draw(result)`."
            )
        return self.drawer(self)

    def _repr_html_(self) -> str:
        """Show findings, figure and the first table in a notebook."""
        parts = ["<ul>", *(f"<li>{html.escape(finding.claim)}</li>" for finding in self.findings), "</ul>"]
        if self.drawer is not None:
            png = io.BytesIO()
            self.draw().savefig(png, format="png", dpi=110)
            parts.append(
                f'<img alt="{html.escape(self.analysis)}" src="data:image/png;base64,'
                f'{base64.b64encode(png.getvalue()).decode()}">'
            )
        parts += [
            table.head(20).to_html(index=False, float_format="{:.4g}".format) for table in list(self.named.values())[:1]
        ]
        return "".join(parts)
