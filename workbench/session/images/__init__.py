"""The images of a session: chosen by a query, sorted, looked at, marked, written to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from workbench.core.errors import unknown
from workbench.core.image_set import ImageSet, Part
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.session.images.fields import Field
from workbench.session.images.files import Chosen, as_text, write_images
from workbench.session.images.grammar import parse
from workbench.session.images.known import Known
from workbench.session.images.query import fields_in, found_by
from workbench.session.images.showing import images_html, images_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.core.attribution import Attribution
    from workbench.session.images.column import Column
    from workbench.session.study import Study
    from workbench.workspace.identities import Identities
    from workbench.workspace.journal import Change

SHOWN = 24
"""Pictures that a notebook is shown."""


class Images(ImageSet):
    """Images of a session: rows of its data set, in an order, which can be narrowed, looked at and marked.

    Attributes:
        known: what is known of every image of the session, and can be asked for.
        query: how they were chosen.

    Args:
        known: of the session; rows are those of its data set.
        rows: which images; all of them, if not given.
        part: what the session that they are shown in calls them: "data" or "train".
        title: what they are, in a few words.
        query: how they were chosen.
    """

    __slots__ = ("known", "query")

    def __init__(
        self,
        known: Known,
        rows: Sequence[int] | Array | None = None,
        *,
        part: Part = "data",
        title: str = "",
        query: str = "",
    ) -> None:
        super().__init__(np.arange(len(known.study.dataset)) if rows is None else rows, part=part, title=title)
        self.known, self.query = known, query

    @property
    def session(self) -> Study:
        """The model and the data."""
        return self.known.study

    @property
    def fields(self) -> dict[str, Field]:
        """What images can be chosen and sorted by, by name."""
        return self.known.fields

    def where(self, query: str, *, compute: bool = False) -> Images:
        """Return those of them that a query finds, in the same order.

        Args:
            query: for example `label:Coat predicted:Pullover confidence>0.9 -tag:done`; see
                `workbench.session.images.grammar.parse`.
            compute: whether to ask an analysis for what is not computed yet.

        Raises:
            WorkbenchError: if it is no query, or a field or a value is unknown; the nearest are offered.
            NotComputed: if it asks about what only an analysis knows that was not asked yet.
        """
        term = parse(query)
        column = self._reading(compute=compute)
        for name in sorted(fields_in(term)):
            column(name)  # before anything long begins
        kept = found_by(term, column, len(self.session.dataset))
        both = " ".join(f"({each})" if " or " in each else each for each in (self.query, query) if each.strip())
        return self._of(self._rows[kept[self._rows]], query=both)

    def sort(self, by: str, *, compute: bool = False) -> Images:
        """Return them sorted by a field, with "-" before its name the other way round; what has no value comes last.

        Raises:
            WorkbenchError: as `where` does.
        """
        column = self._reading(compute=compute)(by.removeprefix("-"))
        keys, there = column.order()
        keys, there = keys[self._rows], there[self._rows]
        if by.startswith("-"):
            keys = -keys
        return self._of(self._rows[np.lexsort((keys, ~there))])

    def at(self, rows: Array) -> Images:
        """Return other rows of the same data set, known by the same query."""
        return self._of(rows)

    @property
    def names(self) -> Array:
        """`(n,)` text, what people know them by."""
        return self.session.dataset.names[self._rows]

    @property
    def keys(self) -> Array:
        """`(n,)` text, what they are known by wherever they lie."""
        return self.session.dataset.keys[self._rows]

    @property
    def table(self) -> pd.DataFrame:
        """One row an image: its name, everything that is known of it already, and what was said about it."""
        return images_table(self.known, self.rows)

    def show(self, most: int = SHOWN) -> str:
        """Return the first of them as HTML; in a notebook they are shown."""
        return images_html(self.session, self.rows, repr(self), most)

    def export(self, path: str | Path, form: str = "") -> Path:
        """Write them to a file: csv, tsv, json, jsonl, txt or paths (names alone), or npz (images and labels).

        Args:
            path: the file.
            form: one of these; the ending of the file says it, if not given.

        Raises:
            WorkbenchError: if it is another one.
            Unavailable: if the file cannot be written.
        """
        return write_images(self._chosen, Path(path), form)

    def text(self, form: str) -> str:
        """Return them as text: csv, tsv, json, jsonl, txt or paths.

        Raises:
            WorkbenchError: if it is another one.
        """
        return as_text(self._chosen, form)

    def to_datasets(self) -> Any:
        """Return them as a Hugging Face `datasets.Dataset`; see `exchange.as_hugging_face`."""
        from workbench.session.images.exchange import as_hugging_face

        return as_hugging_face(self._chosen)

    def to_datalab(self) -> Any:
        """Return cleanlab's Datalab of them, its issues found; see `exchange.as_datalab`."""
        from workbench.session.images.exchange import as_datalab

        return as_datalab(self._chosen)

    def to_fiftyone(self, folder: str | Path, maps: Attribution | None = None) -> list[Any]:
        """Return FiftyOne samples, for `dataset.add_samples`; see `exchange.as_fiftyone`."""
        from workbench.session.images.exchange import as_fiftyone

        return as_fiftyone(self._chosen, Path(folder), maps)

    @property
    def _chosen(self) -> Chosen:
        return Chosen(self.known, self.rows, self.query)

    def tag(self, name: str, *, source: str = "") -> Images:
        """Give them a tag; returns themselves."""
        return self._say(lambda these, whence: self.session.workspace.tag(these, name, source=whence), source)

    def untag(self, name: str, *, source: str = "") -> Images:
        """Take a tag from them."""
        return self._say(lambda these, whence: self.session.workspace.untag(these, name, source=whence), source)

    def note(self, text: str, *, source: str = "") -> Images:
        """Write a note to each; an empty one removes it."""
        return self._say(lambda these, whence: self.session.workspace.note(these, text, source=whence), source)

    def relabel(self, label: str | int, *, source: str = "") -> Images:
        """Note that their label should be another one; the data stays as it is.

        Raises:
            WorkbenchError: if there is no such class.
        """
        name = self.session.class_names[self.session.class_index(label)]
        return self._say(lambda these, whence: self.session.workspace.relabel(these, name, source=whence), source)

    def drop(self, *, source: str = "") -> Images:
        """Note that they should not be used; the data stays as it is."""
        return self._say(lambda these, whence: self.session.workspace.drop(these, source=whence), source)

    def keep(self, *, source: str = "") -> Images:
        """Note that they were looked at, and are right as they are."""
        return self._say(lambda these, whence: self.session.workspace.keep(these, source=whence), source)

    def clear(self, *, source: str = "") -> Images:
        """Take back what was noted to be corrected."""
        return self._say(lambda these, whence: self.session.workspace.clear(these, source=whence), source)

    def save(self, name: str, *, source: str = "") -> Images:
        """Save them as a set under a name, by which a query finds them again (`set:name`).

        What a query alone has found is saved as that query: what it finds later is in the set then. Anything else, or
        what is sorted, is saved as these images in this order.
        """
        from workbench.workspace.identities import Identities

        again = self.known.images(self.query) if self.query else None
        by_query = again is not None and np.array_equal(again, self._rows)
        these = None if by_query else Identities.of(self.session.dataset, self._rows)
        query = self.query if by_query else ""
        self.session.workspace.save_set(
            name, query=query, images=these, part=self.session.split, source=source or self.title
        )
        return self

    def saved(self, name: str) -> Images:
        """Return those of them that are in a saved set, in its order.

        Raises:
            WorkbenchError: if there is no such set; the nearest are offered.
        """
        sets = {each.casefold(): saved for each, saved in self.session.workspace.sets().items()}
        if name.casefold() not in sets:
            raise unknown("saved set", name, [saved.name for saved in sets.values()])
        found = sets[name.casefold()]
        if found.query:
            return self.where(found.query)
        place = {key: at for at, key in enumerate(found.keys)}
        at = np.array([place.get(key, -1) for key in self.keys.tolist()])
        return self._of(self._rows[np.argsort(at, kind="stable")][(at < 0).sum() :])

    def _say(self, say: Callable[[Identities, str], Change | None], source: str) -> Images:
        from workbench.workspace.identities import Identities

        if len(self):
            say(Identities.of(self.session.dataset, self._rows), source or self.query or self.title)
        return self

    def _reading(self, *, compute: bool) -> Callable[[str], Column]:
        def read(name: str) -> Column:
            return self.known.column(name, compute=compute)

        return read

    def _of(self, rows: Array, *, query: str | None = None) -> Images:
        own = self.query if query is None else query
        return Images(self.known, rows, part=self.part, title=self.title, query=own)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Images: ...
    def __getitem__(self, place: int | slice) -> int | Images:
        return self._of(self._rows[place]) if isinstance(place, slice) else int(self._rows[place])

    def __repr__(self) -> str:
        how = f" where {self.query}" if self.query else ""
        return f"{plural(len(self), 'image')} of {self.session.dataset.name}{how}"

    def _repr_html_(self) -> str:
        return self.show()
