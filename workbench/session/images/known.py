"""Everything that is known of every image of a session, each read when it is first asked for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.image_set import Part
from workbench.core.types import Array
from workbench.session.images.column import Column
from workbench.session.images.fields import Field, NotComputed, fields_of
from workbench.session.images.grammar import parse
from workbench.session.images.query import found_by

if TYPE_CHECKING:
    from workbench.core.result import Result
    from workbench.session.images.image_field import ImageField
    from workbench.session.study import Study

Answers = Callable[[str, bool], "Result | None"]
"""An analysis's name, and whether to ask it -> its answer; None where it was not asked before."""
WORKSPACE = {
    "tag": ("tags", "tags"),
    "note": ("note", "words"),
    "edits": ("kept changes", "words"),
    "correction": ("correction", "category"),
    "set": ("saved sets", "tags"),
}
"""Fields of what was said about images: what people call each, and of which kind it is."""


class Known:
    """The fields of a study's images, and their columns.

    Attributes:
        study: the model and the data.

    Args:
        study: see above.
        brought: the fields that analyses know, by the names of the analyses.
        answers: gives their answers.
        part: as what the answers speak of these images.
    """

    def __init__(
        self, study: Study, brought: Mapping[str, Mapping[str, ImageField]], answers: Answers, part: Part = "data"
    ) -> None:
        self.study, self._brought, self._answers, self._part = study, brought, answers, part
        self._columns: dict[str, Column] = {}
        self._said = -1  # the last change of the workspace that columns are of
        self._lock = threading.RLock()
        self._within = False  # a saved set

    @property
    def fields(self) -> dict[str, Field]:
        """Every field by its name."""
        found = fields_of(self.study)
        for analysis, fields in self._brought.items():
            for name, each in fields.items():
                found.setdefault(name, self._of_analysis(analysis, name, each))
        return found | {name: self._of_workspace(name) for name in WORKSPACE}

    def column(self, name: str, *, compute: bool = False) -> Column:
        """Return the column of a field, whose name may be in any case.

        Raises:
            WorkbenchError: if there is none; the nearest are offered.
            NotComputed: if only an analysis knows it that was not asked, and is not to be.
        """
        fields = self.fields
        folded = {each.casefold(): each for each in fields}
        if name.casefold() not in folded:
            raise unknown("field", name, fields)
        field = fields[folded[name.casefold()]]
        with self._lock:
            if field.group == "workspace":
                self._forget_what_changed()
            if field.name not in self._columns:
                if field.group in self._brought and not field.ready():
                    if not compute:
                        raise NotComputed(field.name, field.group)
                    self._answers(field.group, True)
                self._columns[field.name] = field.read()
            return self._columns[field.name]

    def images(self, query: str) -> Array:
        """Return the rows that a query finds, ascending; see `column` for what it raises."""
        return np.flatnonzero(found_by(parse(query), self.column, len(self.study.dataset)))

    def _of_analysis(self, analysis: str, name: str, field: ImageField) -> Field:
        def read() -> Column:
            result = self._answers(analysis, False)
            if result is None:
                raise NotComputed(name, analysis)
            return spread(name, field, field.values(result, self._part), len(self.study.dataset))

        return Field(
            name=name,
            title=field.title,
            kind=field.kind,
            unit=field.unit,
            group=analysis,
            read=read,
            ready=lambda: name in self._columns or self._answers(analysis, False) is not None,
        )

    def _of_workspace(self, name: str) -> Field:
        title, kind = WORKSPACE[name]
        return Field(name=name, title=title, kind=kind, group="workspace", read=lambda: self._said_of(name))  # type: ignore[arg-type]

    def _said_of(self, name: str) -> Column:
        data, workspace = self.study.dataset, self.study.workspace
        if name == "note":
            return Column(name, "words", np.array(workspace.notes_of(data.keys.tolist()), dtype=object))
        if name == "edits":
            return Column(name, "words", np.array(workspace.edit_words_of(data.keys.tolist()), dtype=object))
        if name == "tag":
            said = [",".join(tags) for tags in workspace.tags_of(data.keys.tolist())]
            options, codes = np.unique(np.array(["", *said], dtype=object), return_inverse=True)
            return Column(name, "tags", codes[1:], options=tuple(options.tolist()))
        if name == "set":
            return self._sets()
        from workbench.workspace.identities import Identities

        words = np.array(["", *workspace.corrections_of(Identities.of(data))], dtype=object)
        options, codes = np.unique(words, return_inverse=True)
        return Column(name, "category", codes[1:] - 1, options=tuple(options[1:].tolist()))

    def _sets(self) -> Column:
        """In which saved sets each image is; one whose query asks what is not known here holds nothing here."""
        if self._within:
            raise WorkbenchError("The query of a saved set must not ask for other saved sets.")
        data, part = self.study.dataset, self.study.split
        names, held = list[str](), [np.zeros(len(data), bool)]
        self._within = True
        try:
            for saved in self.study.workspace.sets().values():
                with contextlib.suppress(WorkbenchError):
                    if saved.part not in ("", part):
                        continue
                    found = found_by(parse(saved.query), self.column, len(data)) if saved.query else None
                    held.append(np.isin(data.keys, saved.keys) if found is None else found)
                    names.append(saved.name)
        finally:
            self._within = False
        kinds, codes = np.unique(np.stack(held[1:] or held, axis=1), axis=0, return_inverse=True)
        options = [",".join(name for name, inside in zip(names, kind, strict=False) if inside) for kind in kinds]
        return Column("set", "tags", codes.ravel(), options=tuple(options))

    def _forget_what_changed(self) -> None:
        last = self.study.workspace.last
        if last != self._said:
            for name in WORKSPACE:
                self._columns.pop(name, None)
            self._said = last


def spread(name: str, field: ImageField, values: Mapping[int, Any], count: int) -> Column:
    """Put the values of some rows at their places among all `count` images."""
    rows = np.array([row for row in values if 0 <= row < count], np.int64)
    found = [values[row] for row in rows.tolist()]
    if field.kind == "number":
        numbers = np.full(count, np.nan)
        numbers[rows] = found
        return Column(name, "number", numbers, unit=field.unit)
    options = sorted({str(value) for value in found})
    codes = np.full(count, -1)
    codes[rows] = [options.index(str(value)) for value in found]
    return Column(name, "category", codes, options=tuple(options))
