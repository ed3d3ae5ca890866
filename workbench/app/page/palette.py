"""Finds what has a name: pages, analyses, classes, tags, saved sets and images; the page's palette shows it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from workbench.app.page.api.replies import json_reply
from workbench.app.page.image_name import short_name
from workbench.app.page.view import SECTIONS
from workbench.app.pictures import fit
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import CALLED
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.diagnosis import registry
from workbench.session.images.grammar import parse, quoted

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from workbench.app.page.desk import Desk
    from workbench.core.image_set import Part as Name

LONGEST = 200
"""Letters that are looked for."""
MOST = 8
"""What is shown of a kind."""
LOOKED_AT = 2000
"""Images whose names have the letters, among which the best are chosen."""
BOX = 28
LEAST = 2
"""Letters for which images of other parts are read, to look among their names."""
PATIENCE = 0.1
"""Seconds that these get before what is found is shown without them."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One thing that has a name.

    Attributes:
        kind: heading that it stands under.
        title: what it is called.
        note: what it is, or leads to.
        query: the view.
        picture: data URI of an image; empty for none.
    """

    kind: str
    title: str
    note: str
    query: Mapping[str, str]
    picture: str = ""

    def record(self) -> dict[str, str]:
        """Return it for the page."""
        href = "?" + urlencode(self.query)
        return {"kind": self.kind, "title": self.title, "note": self.note, "href": href, "picture": self.picture}


def palette_route(app: FastAPI, desk: Desk) -> None:
    """Add `/find?text=…`: what is found, and a sentence about what is not looked through yet; empty where all is."""

    def find(request: Request) -> Response:
        text = request.query_params.get("text", "")
        waits = still_read(desk, text)
        return json_reply(200, {"hits": [hit.record() for hit in hits(desk, text)], "waits": waits})

    app.add_route("/find", find, methods=["GET"])


def still_read(desk: Desk, text: str) -> str:
    """Begin to read the images of other parts, to look among their names; say in a sentence which are not there yet.

    Returns:
        Empty where all are there, or so little is looked for that they are not begun.
    """
    if not desk.opened or len(text.strip()) < LEAST:
        return ""
    missing = []
    for name in desk.session.other_parts:
        if desk.at_hand(name) is None:
            job = desk.jobs.start(f"names-{name}", partial(desk.part, name), wait=PATIENCE)
            if not job.done.is_set():
                missing.append((CALLED[name], job.what))
    if not missing:
        return ""
    how = next((f" ({what})" for _, what in missing if what), "")
    return (
        f"The {join_names([called for called, _ in missing])} are still being read{how}; then they are found here too."
    )


def hits(desk: Desk, text: str) -> list[Hit]:
    """Return what has a name like `text`, kind by kind, the kind of the best one first; all analyses for no text."""
    wanted = " ".join(text[:LONGEST].split()).casefold()
    known = [*_pages(), *_analyses(named=bool(wanted))]
    if not wanted:
        return known
    if desk.board is not None:
        known += _classes(desk)
    if desk.opened:
        known += [*_said(desk), *_runs(desk)]
    ranked = _best((rank, hit) for hit in known if (rank := _rank(wanted, hit.title, hit.note)) is not None)
    if desk.opened:
        ranked += _images(desk, wanted)
    best: dict[str, int] = {}
    for rank, hit in ranked:
        best[hit.kind] = min(rank, best.get(hit.kind, rank))
    ordered = sorted(ranked, key=lambda each: best[each[1].kind])
    return [*_asked(text[:LONGEST]), *(hit for _, hit in ordered)]


def _rank(wanted: str, title: str, note: str = "") -> int | None:
    """Say how well a name fits, 0 is best; None where it does not: each word has to stand in it, or in what it is."""
    name = title.casefold()
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    if f" {wanted}" in f" {name}".replace("-", " ").replace("/", " "):
        return 2
    if wanted in name:
        return 3
    words = wanted.split()
    if all(word in name for word in words):
        return 4
    return 5 if all(word in f"{name} {note.casefold()}" for word in words) else None


def _best(ranked: Iterable[tuple[int, Hit]]) -> list[tuple[int, Hit]]:
    """Return the best of each kind, in the order in which they came where they are alike."""
    chosen: dict[str, list[tuple[int, Hit]]] = {}
    for each in sorted(ranked, key=lambda pair: pair[0]):
        of_kind = chosen.setdefault(each[1].kind, [])
        if len(of_kind) < MOST:
            of_kind.append(each)
    return [each for of_kind in chosen.values() for each in of_kind]


def _pages() -> Iterator[Hit]:
    for name, title in SECTIONS.items():
        yield Hit(kind="Pages", title=title, note="", query={"section": name})


def _analyses(*, named: bool) -> Iterator[Hit]:
    """Give every analysis, under its group where nothing is looked for."""
    for group, kinds in registry.grouped().items():
        for name, kind in kinds.items():
            note = f"{kind.question()} {name}" if named else kind.question()
            yield Hit(kind="Analyses" if named else group, title=kind.title, note=note, query={"section": name})


def _classes(desk: Desk) -> Iterator[Hit]:
    board = desk.board
    assert board is not None  # noqa: S101  # asked only then
    for index, name in enumerate(desk.session.class_names):
        counts = board.counts[index]
        wrong = int(counts.sum() - counts[index])
        errors = {"section": "errors", "true": str(index), "predicted": "any"}
        yield Hit(kind="Classes", title=name, note=plural(wrong, "error"), query=errors)
        images = {"section": "images", "where": f"label:{quoted(name)}"}
        yield Hit(kind="Classes", title=name, note=plural(int(counts.sum()), "image"), query=images)


def _said(desk: Desk) -> Iterator[Hit]:
    """Give tags and saved sets; none where the workspace cannot be opened, which the images say."""
    try:
        workspace = desk.session.workspace
        tags, sets = workspace.tags(), workspace.sets()
    except WorkbenchError:
        return
    for name, count in tags.items():
        where = {"section": "images", "where": f"tag:{quoted(name)}"}
        yield Hit(kind="Tags", title=name, note=plural(count, "image"), query=where)
    for name, saved in sets.items():
        part = {"part": "train"} if saved.part == "train" else {}
        note = saved.query or plural(len(saved.keys), "image")
        yield Hit(kind="Saved sets", title=name, note=note, query={"section": "images", **part, "set": f"saved/{name}"})


def _runs(desk: Desk) -> Iterator[Hit]:
    """Give the runs that the page's model can be compared with."""
    for name, (_, why) in desk.comparing.runs(desk.session).items():
        if name != desk.session.name and not why:
            query = {"section": "compare", "against": name}
            yield Hit(kind="Runs", title=name, note=f"compare {desk.session.name} with it", query=query)


def _asked(text: str) -> Iterator[Hit]:
    """Give the images that a query finds, where the text is one."""
    if not any(sign in text for sign in ":<>="):
        return
    try:
        parse(text)
    except WorkbenchError:
        return
    yield Hit(kind="Query", title=text, note="images that it finds", query={"section": "images", "where": text})


def _images(desk: Desk, wanted: str) -> list[tuple[int, Hit]]:
    """Return the images whose names fit best; of other parts than the one under study, where these are at hand."""
    found: list[tuple[int, int, int, Name]] = []
    for name in ("data", *desk.session.other_parts):
        part = desk.at_hand(name)
        if part is not None:
            names = part.dataset.names
            some = islice(_containing(desk, name, names, wanted), LOOKED_AT)
            ranks = ((_rank(wanted, str(names[row])), row) for row in some)
            found += [(rank, len(str(names[row])), row, name) for rank, row in ranks if rank is not None]
    found.sort(key=lambda each: each[:2])
    return [(rank, _image(desk, row, name)) for rank, _, row, name in found[:MOST]]


def _containing(desk: Desk, part: Name, names: Array, wanted: str) -> Iterator[int]:
    """Give the rows of images whose names have these letters; all names are one text, so that many are looked at."""
    key = f"names {part}"
    index: tuple[str, list[int]] = desk.found.get(key) or desk.found.put(key, _index(names))
    text, starts = index
    place, row = text.find(wanted), -1
    while place >= 0:
        row = bisect_right(starts, place) - 1
        yield row
        if row + 1 == len(starts):
            return
        place = text.find(wanted, starts[row + 1])


def _index(names: Array) -> tuple[str, list[int]]:
    """Return all names below each other, without their case, and where each begins."""
    lines = [str(name).casefold().replace("\n", " ") for name in names.tolist()]
    starts, place = [], 0
    for line in lines:
        starts.append(place)
        place += len(line) + 1
    return "\n".join(lines), starts


def _image(desk: Desk, row: int, name: Name) -> Hit:
    part = desk.at_hand(name)
    assert part is not None  # noqa: S101  # it was found there
    dataset = part.dataset
    written, _ = short_name(str(dataset.names[row]))
    size = fit(*dataset.image_shape[:2], BOX)
    picture = part.picture(row, max(size.width, size.height)) if dataset.has_images else ""
    note = dataset.class_names[int(dataset.labels[row])] + ("" if name == "data" else f", {CALLED[name][:-1]}")
    query = {"section": "images", **({} if name == "data" else {"part": name}), "image": str(row)}
    return Hit(kind="Images", title=written.striptags(), note=note, query=query, picture=picture)
