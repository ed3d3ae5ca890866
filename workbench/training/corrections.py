"""What a training changes in its data: a list that is fixed when it begins, so that it can go on as it began."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from workbench.core.params import Params
from workbench.core.spreadsheet import as_written
from workbench.core.wording import join_names
from workbench.workspace.exports import as_csv
from workbench.workspace.marks import DROP, RELABEL

CORRECTIONS = "corrections.csv"
"""File beside the model: the list, as `--corrections` and `workspace import` read it."""
DUPLICATE, LEAK = "duplicate", "leak"
"""Dropped as a copy of an image of the same part, or of one of another part."""
COLUMNS = ("key", "name", "part", "label", "correction", "new_label")


class ImageChange(NamedTuple):
    """What becomes of one image; a tuple, as there may be many.

    Attributes:
        key: of the image.
        name: of the image.
        part: "train" or "validation".
        label: name of the class that it has.
        action: "relabel", "drop", "duplicate" or "leak"; the last three leave it out.
        new_label: name of the class that it gets; empty where it is left out.
    """

    key: str
    name: str
    part: str
    label: str
    action: str
    new_label: str = ""


def _as_changes(values: object) -> object:
    """Take what a checkpoint has: lists."""
    return tuple(ImageChange(*each) for each in values) if isinstance(values, (list, tuple)) else values


class Corrections(Params):
    """The changes of a training's data, and what they were read from.

    Attributes:
        source: a workspace or a file, in words.
        changes: one for each image that is changed.
    """

    source: str = ""
    changes: Annotated[
        tuple[ImageChange, ...],
        BeforeValidator(_as_changes),
        PlainSerializer(lambda changes: [list(each) for each in changes], when_used="json"),
    ] = ()

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any change, whatever they were read from."""
        said = sorted(map(list, self.changes))
        return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()[:16]

    @property
    def counts(self) -> dict[str, int]:
        """How many images are changed in which way; none that counts 0."""
        return dict(Counter(each.action for each in self.changes))

    @property
    def sentence(self) -> str:
        """What is changed, in words: "312 relabelled, 4 dropped"."""
        words = {
            RELABEL: "relabelled",
            DROP: "dropped",
            DUPLICATE: "left out as a copy",
            LEAK: "left out as a copy of another part's image",
        }
        return join_names([f"{self.counts[each]:,} {said}" for each, said in words.items() if each in self.counts])

    @property
    def record(self) -> AppliedCorrections:
        """What run.json says of it."""
        counts = self.counts
        return AppliedCorrections(
            source=self.source,
            digest=self.digest,
            relabelled=counts.get(RELABEL, 0),
            dropped=counts.get(DROP, 0),
            duplicates=counts.get(DUPLICATE, 0),
            leaks=counts.get(LEAK, 0),
        )

    @property
    def table(self) -> str:
        """The list as CSV, in the columns of a workspace's export."""
        lines = [
            dict(zip(COLUMNS, (*each[:4], RELABEL if each.action == RELABEL else DROP, each.new_label), strict=True))
            for each in self.changes
        ]
        return as_csv(lines, COLUMNS)


def read_changes(table: str, source: str = "") -> Corrections:
    """Read what `Corrections.table` wrote; copies that were left out are among what was dropped.

    Raises:
        KeyError: if a column is missing.
    """
    lines = csv.DictReader(io.StringIO(table, newline=""))
    changes = [ImageChange(*(as_written(line[column] or "") for column in COLUMNS)) for line in lines]
    return Corrections(source=source, changes=tuple(changes))


class AppliedCorrections(BaseModel):
    """What was applied to the data of a run, as run.json has it; the list itself is in `corrections.csv`.

    Attributes:
        source: what they were read from.
        digest: of the list: which image, its label, what became of it.
        relabelled: how many got another label.
        dropped: how many were left out as corrections say.
        duplicates: how many were left out as copies within the training part.
        leaks: how many were left out as copies of validation or test images.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    digest: str
    relabelled: int = 0
    dropped: int = 0
    duplicates: int = 0
    leaks: int = 0
