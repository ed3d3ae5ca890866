"""What the page shows, as a small validated value that equals the query string of its address.

Whatever the browser sends is read here and nowhere else: wrong values become the default, never an error,
except the parameters of an analysis, which the analysis itself checks and answers with a sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.app.page.board import Board
from workbench.app.page.images.query_text import edited
from workbench.app.page.method_options import read_options
from workbench.core.image_set import OTHERS, Part
from workbench.data.resizing import FITS
from workbench.session.images.grammar import LONGEST as LONGEST_QUERY

ANY = -1
"""In place of a class: all classes but the other one, so that a row or a column of the matrix can be opened."""
SECTIONS = {
    "start": "Overview",
    "errors": "Errors",
    "images": "Images",
    "compare": "Compare",
    "retrain": "Retrain",
    "own": "Your image",
}
PER_PAGE = 24
LONGEST = 1200
"""Characters of one value that are read."""
LONGEST_NAME = 200
"""Characters of the name of a class that is looked for."""
COLOURS = ("class", "correct", "confidence")
FARTHEST = 1e9
"""Largest coordinate of a region."""
_OF_TABLE = re.compile(r"_(sort|find|rows)\d{1,2}")
_NAME = re.compile(r"[\w./:-]{1,120}")
_PAIR = re.compile(r"[0-9]{1,6},[0-9]{1,6}")
_WORDS = {
    "cells": ("counts", "shares"),
    "arrange": ("data", "confusions", "errors", "groups"),
    "span": ("10", "15", "25", "40"),
    "order": ("sure", "unsure"),
    "scale": ("own", "shared"),
    "grid": ("smooth", "native"),
    "fit": FITS,
    "part": ("data", *OTHERS),
}


@dataclass(frozen=True, kw_only=True)
class View:
    """One view; every field but the section has a default that is left out of the address.

    Attributes:
        section: "start" (the overview), "errors", "images", "compare", "retrain", "own", or the name of an analysis.
        true, predicted: cell of the confusion matrix; `ANY` for a whole row, column or all errors; None: the largest.
        image: row of the dataset that is explained; None: the first of the cell, and of "images" none.
        gallery_page: page of the gallery, from 0; gradio reads a `page` in the address as one of its own.
        order: "sure" (most confident first) or "unsure".
        cells: "counts" or "shares" of the true class.
        arrange: order of the matrix's classes: "data", "confusions", "errors" or "groups"; empty for the usual one.
        span: classes along each side of the part of a large matrix that is shown; empty for the usual number.
        corner: places of the first row and column of that part, "30,45"; empty for around what is chosen.
        near: name of a class, or a part of one, around which that part lies; empty for none.
        open: groups whose rows and columns are shown, as numbers of nodes, "380,382"; empty for all.
        explain: "predicted", "true", "difference", or a class index in digits; empty for the difference of an error,
            and else the predicted class.
        methods: attribution methods to show; empty for the first four.
        options: parameters of the methods that are not the default, `method.parameter:value`.
        layer: where the methods that need one read; empty for the last spatial one.
        scale: "own", or "shared" between the predicted and the true class.
        grid: "smooth", or "native": a layer's map in its own resolution.
        own: key of an image of the user's own that the server holds; empty for none.
        edit: "1" where an image is being changed, or which note of a change of it is shown again; empty for neither.
        start: row of the dataset that the drawing starts from; None for a blank one.
        invert: whether the image of the user's own is inverted.
        fit: how an uploaded image is fitted to the model's size: "stretch", "pad" or "crop"; empty: as the dataset's.
        params: parameters of the analysis, as text.
        region: left, lower, right and upper end of a part of an analysis's map, whose images are shown; empty for none.
        colour: what the points of the map are coloured by: "class", "correct" or "confidence".
        tables: which rows of the answer's tables are shown, and in which order: "sort0", "find0" and "rows0" are of the
            first one; see `panes.tables.Order`.
        whole: whether the overview asks for the whole diagnosis, not only for what takes seconds.
        report: whether the overview writes a report of it.
        where: query by which images are chosen.
        part: whose images: "data", those under study, or another part's.
        sort: field that they are sorted by, with "-" before it the other way round; empty for as they lie.
        set: address of the images that are chosen from, see `images.sets`; empty for all of the part.
        compute: what was asked to be computed, so that images can be chosen by it.
        against: name of the run that this model is compared with; empty until one is chosen.
    """

    section: str = "start"
    true: int | None = None
    predicted: int | None = None
    image: int | None = None
    gallery_page: int = 0
    order: str = "sure"
    cells: str = "counts"
    arrange: str = ""
    span: str = ""
    corner: str = ""
    near: str = ""
    open: str = ""
    explain: str = ""
    methods: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    layer: str = ""
    scale: str = "own"
    grid: str = "smooth"
    own: str = ""
    edit: str = ""
    start: int | None = None
    invert: bool = False
    fit: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    region: tuple[float, ...] = ()
    colour: str = "class"
    tables: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    report: bool = False
    where: str = ""
    part: Part = "data"
    sort: str = ""
    set: str = ""
    compute: str = ""
    against: str = ""

    def query(self) -> dict[str, str]:
        """Return what stands in the address: the section, and what is not the default."""
        found = {"section": self.section}
        if self.section not in SECTIONS:
            # No parameter begins with `_`, so these are never mistaken for one.
            shown = {"_region": ",".join(map(_short, self.region)), "_colour": self.colour.removeprefix("class")}
            shown |= self._of_tables()
            return found | dict(self.params) | {name: text for name, text in shown.items() if text}
        for name in _KEYS[self.section]:
            value = getattr(self, name)
            # The image says the page, so that never both of them stand in the address.
            if value != _DEFAULTS[name] and not (name == "gallery_page" and self.image is not None):
                found[name] = _as_text(value)
        return found | (self._of_tables() if self.section == "compare" else {})

    def _of_tables(self) -> dict[str, str]:
        return {f"_{name}": text for name, text in self.tables.items()}


_SHOWN = ("explain", "methods", "options", "layer", "scale", "grid")
_OF_MATRIX = ("arrange", "span", "corner", "near", "open")
_KEYS = {
    "start": ("whole", "report"),
    "errors": ("true", "predicted", "image", "gallery_page", "order", "cells", "edit", *_SHOWN, *_OF_MATRIX),
    "images": ("where", "part", "sort", "set", "compute", "image", "edit", *_SHOWN),
    "compare": ("against", "compute"),
    "retrain": (),
    "own": ("own", "start", "invert", "fit", *_SHOWN),
}
_DEFAULTS = {name: spec.default for name, spec in View.__dataclass_fields__.items()}


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return "1" if value is True else "any" if value == ANY else str(value)


def read(raw: object, analyses: Collection[str] = ()) -> View:
    """Read a query, or what a script of the page sent in its place.

    Args:
        raw: a mapping of text to text; anything else is an empty one.
        analyses: names that are sections too.
    """
    got = {_text(key): _text(value) for key, value in raw.items()} if isinstance(raw, Mapping) else {}
    added = got.get("add", "")
    if isinstance(raw, Mapping) and "where" in got:
        got["where"] = _text(raw["where"], LONGEST_QUERY + 1)  # so that one that is too long is told so
    section = got.get("section", "errors" if {"image", "true", "predicted"} & set(got) else "start")
    tables = {name[1:]: text for name, text in got.items() if _OF_TABLE.fullmatch(name) and text}
    if section in analyses and section not in SECTIONS:
        names = [name for name in got if name != "section" and not name.startswith("_")][:32]
        params = {name: got[name] for name in names if got[name] != ""}
        colour = got["_colour"] if got.get("_colour") in COLOURS else "class"
        return View(
            section=section, params=params, region=_region(got.get("_region", "")), colour=colour, tables=tables
        )
    section = section if section in SECTIONS else "start"
    got = {name: text for name, text in got.items() if name in _KEYS[section]}
    if _whole(got.get("image")) is not None:
        got.pop("gallery_page", None)
    methods = tuple(dict.fromkeys(name for name in got.get("methods", "").split(",") if _NAME.fullmatch(name)))[:64]
    explain = got.get("explain", "")
    return View(
        section=section,
        true=_class(got.get("true")),
        predicted=_class(got.get("predicted")),
        image=_whole(got.get("image")),
        gallery_page=_whole(got.get("gallery_page")) or 0,
        methods=methods,
        options=read_options(got.get("options", "")),
        layer=got.get("layer", ""),
        explain=explain if explain in ("predicted", "true", "difference") or _whole(explain) is not None else "",
        corner=_pair(got.get("corner")),
        open=_pair(got.get("open")),
        near=got.get("near", "")[:LONGEST_NAME].strip(),
        own=_name(got.get("own")),
        edit=_name(got.get("edit")),
        start=_whole(got.get("start")),
        invert=got.get("invert") == "1",
        whole=got.get("whole") == "1",
        report=got.get("report") == "1",
        where=edited(got.get("where", "").strip(), added) if section == "images" else "",
        sort=got.get("sort", ""),
        set=got.get("set", ""),
        compute=_name(got.get("compute")),
        against=_name(got.get("against")),
        tables=tables if section == "compare" else {},
        **_words_of(got),
    )


def settle(view: View, board: Board) -> View:
    """Fill in what a view of the errors leaves open, and drop what does not exist: never an error."""
    count, classes = len(board.labels), len(board.counts)
    known = view.image is not None and (view.image < count or view.part != "data")
    image = view.image if known else None
    start = view.start if view.start is not None and view.start < count else None
    explain = view.explain if not view.explain.isdigit() or int(view.explain) < classes else ""
    view = replace(view, image=image, start=start, explain=explain)
    if view.section != "errors":
        return view
    true, predicted = (c if c is not None and c < classes else None for c in (view.true, view.predicted))
    if true is None or predicted is None:  # an image alone is a link too: from a finding, or typed
        true, predicted = board.cell_of(image) if image is not None else board.largest
    rows = board.rows(true, predicted, view.order)
    place = board.place(image, true, predicted, view.order) if image is not None else None
    page = min(view.gallery_page, max(0, len(rows) - 1) // PER_PAGE)
    if place is None:
        image = int(rows[page * PER_PAGE]) if len(rows) else None
    else:
        page = place // PER_PAGE
    return replace(view, true=true, predicted=predicted, image=image, gallery_page=page)


def _region(text: str) -> tuple[float, ...]:
    """Read "left,lower,right,upper": four finite numbers, in any order of the ends; anything else is no region."""
    try:
        ends = [float(_short(float(part))) for part in text.split(",")]
    except ValueError:
        return ()
    if len(ends) != 4 or not all(math.isfinite(end) and abs(end) <= FARTHEST for end in ends):
        return ()
    (left, right), (lower, upper) = sorted(ends[::2]), sorted(ends[1::2])
    return (left, lower, right, upper)


def _short(value: float) -> str:
    """Write a coordinate with six digits; what was written is read as itself."""
    return f"{value + 0.0:.6g}"


def _words_of(got: Mapping[str, str]) -> dict[str, Any]:
    return {name: got[name] for name, words in _WORDS.items() if got.get(name) in words}


def _text(raw: object, most: int = LONGEST) -> str:
    """Read as text that can be written as UTF-8 again."""
    return str(raw)[:most].encode("utf-8", "replace").decode("utf-8")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _class(text: str | None) -> int | None:
    return ANY if text == "any" else _whole(text)


def _pair(text: str | None) -> str:
    """Read two whole numbers, "30,45"; anything else is none."""
    return text if text is not None and _PAIR.fullmatch(text) else ""


def _name(text: str | None) -> str:
    return text if text is not None and _NAME.fullmatch(text) else ""
