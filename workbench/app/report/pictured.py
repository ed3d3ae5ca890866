"""Images of a report: the first of those that are meant, with their names and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.app.pictures import album, fit
from workbench.app.report.content import Picture
from workbench.core.kept import Kept
from workbench.core.wording import plural
from workbench.session.image_titles import said_of

if TYPE_CHECKING:
    from workbench.app.pictures import Picture as Draw
    from workbench.core.dataset import Dataset
    from workbench.core.image_set import ImageSet, Part
    from workbench.session.session import Session

BOX = 64
"""Pixels of the longer side."""


class Pictures:
    """Makes pictures of a session's images; those of other parts are loaded when one is first shown."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._albums: Kept[str, tuple[Dataset, Draw]] = Kept(4)

    def one(self, row: int, part: Part = "data", *, box: int = BOX, said: str | None = None) -> Picture | None:
        """Return an image with its name, and its label and prediction or what else is said; None if it is not known."""
        known = self._album(part)
        if known is None:
            return None
        dataset, draw = known
        if said is None:
            told = self._session.predictions if part == "data" else None
            said = said_of(dataset, told, row)
        name = str(dataset.names[row])
        if not dataset.has_images:
            return Picture(name=name, said=said)
        size = fit(*dataset.image_shape[:2], box)
        uri = draw(row, max(size.width, size.height))
        return Picture(name=name, said=said, uri=uri, width=size.width, height=size.height, pixelated=size.pixelated)

    def some(self, images: ImageSet | Iterable[int], most: int, part: Part = "data") -> tuple[Picture, ...]:
        """Return the first of them."""
        rows = [row for _, row in zip(range(most), images, strict=False)]
        return tuple(made for row in rows if (made := self.one(int(row), part)) is not None)

    def _album(self, part: Part) -> tuple[Dataset, Draw] | None:
        if (known := self._albums.get(part)) is None:
            dataset = self._session.data_of(part)
            if dataset is None:
                return None
            known = self._albums.put(part, (dataset, album(dataset)))
        return known


def counted(images: ImageSet) -> str:
    """Say how many images a set has; empty for none."""
    noun = "training image" if images.part == "train" else "image"
    return plural(len(images), noun) if len(images) else ""
