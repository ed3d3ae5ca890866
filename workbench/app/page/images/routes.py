"""What the grid asks: tiles by range, marks, undo, files, and whether another page said something."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.replies import error_reply, json_reply
from workbench.app.page.images.found import Found, kept, pictures_of
from workbench.app.page.images.marking import mark, page_label, places_of, save_set
from workbench.app.page.images.sets import of_rows
from workbench.app.page.images.tiles import tiles_of
from workbench.app.page.images.worklist import accept, worklist
from workbench.app.page.jobs import UNEXPECTED
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.image_set import LISTED
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.session.images.files import FORMATS

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from workbench.app.page.desk import Desk

LOG = logging.getLogger("workbench.app.page")
KINDS = {"csv": "text/csv", "json": "application/json", "paths": "text/plain", "npz": "application/octet-stream"}
ENDINGS = {"paths": "txt"}


class Forgotten(LookupError):
    """What was found is not kept any more."""


def images_routes(app: FastAPI, desk: Desk) -> None:
    """Add `/images/…`; the guard has read what was sent."""
    asks = {
        "/images/tiles/{key}": ("GET", _tiles),
        "/images/changes": ("GET", _changes),
        "/images/mark": ("POST", _mark),
        "/images/undo": ("POST", _undo),
        "/images/set": ("POST", _set),
        "/images/export": ("POST", _export),
    }
    for path, (method, answer) in asks.items():
        app.add_route(path, _answered(desk, answer), methods=[method])


def _answered(desk: Desk, answer: Callable[[Desk, Request], Response]) -> Callable[[Request], Response]:
    """Turn whatever goes wrong into one sentence."""

    def answered(request: Request) -> Response:
        try:
            return answer(desk, request)
        except Forgotten as error:
            return error_reply(404, error.args[0])
        except WorkbenchError as error:
            return error_reply(400, error)
        except Exception:  # a surface: it must reach the terminal, and the page must stay
            LOG.exception("A question about images failed.")
            return error_reply(500, UNEXPECTED)

    return answered


def _found(desk: Desk, key: object) -> Found:
    found = kept(desk, key) if isinstance(key, str) else None
    if found is None:
        raise Forgotten("This list of images is not kept any more; show it again.")
    return found


def _tiles(desk: Desk, request: Request) -> Response:
    found, asked = _found(desk, request.path_params["key"]), request.query_params
    first, count, box = (_whole(asked, name) for name in ("first", "count", "box"))
    return json_reply(200, tiles_of(found, pictures_of(desk, found.images.part), first, count, box))


def _mark(desk: Desk, request: Request) -> Response:
    sent = request.state.sent
    found = _found(desk, sent.get("key"))
    places = places_of(found, sent.get("places"))
    work = worklist(desk, found)
    if sent.get("action") == "save-set":
        told = save_set(found, places, sent)
    elif sent.get("action") == "accept":
        if work is None:
            raise WorkbenchError("No labels are suggested for these images.")
        told = accept(work, places, page_label(sent.get("page")))
    else:
        told = mark(found.images.session, found.images.rows[places], sent, found.source)
    return json_reply(200, {"said": told, "last": desk.session.workspace.last, **_next(desk, found, places)})


def _next(desk: Desk, found: Found, places: Array) -> dict[str, Any]:
    """Say which image of a work list comes next; None where nothing is left, nothing at all of what is no such list."""
    work = worklist(desk, found)
    if work is None or not len(places):
        return {}
    place = work.after(int(places[-1]))
    return {"next": None if place is None else int(found.images.rows[place]), "left": len(work.open)}


def _undo(desk: Desk, request: Request) -> Response:
    sent = request.state.sent
    workspace = desk.session.workspace.acting(page=page_label(sent.get("page")))
    change = workspace.redo() if sent.get("redo") is True else workspace.undo()
    done = "Redone" if sent.get("redo") is True else "Undone"
    said = f"{done}: {change.value}, {plural(change.images, 'image')}."
    return json_reply(200, {"said": said, "last": workspace.last})


def _changes(desk: Desk, request: Request) -> Response:
    own, since = page_label(request.query_params.get("page")), _whole(request.query_params, "since")
    made = desk.session.workspace.changed_since(since)
    others = [f"{each.who}: {each.sentence}" for each in made if each.page != own]
    return json_reply(200, {"last": max([since, *(each.id for each in made)]), "said": others[:5]})


def _set(desk: Desk, request: Request) -> Response:
    """Give the address of the chosen images, as many as it can list."""
    sent = request.state.sent
    found = _found(desk, sent.get("key"))
    rows = found.images.rows[places_of(found, sent.get("places"))[:LISTED]].tolist()
    return json_reply(200, {"set": of_rows(rows), "image": rows[0]})


def _export(desk: Desk, request: Request) -> Response:
    sent = request.state.sent
    found, form = _found(desk, sent.get("key")), sent.get("form")
    if not isinstance(form, str) or form not in KINDS:
        raise unknown("format", form, KINDS)
    rows = found.images.rows[places_of(found, sent.get("places"))]
    return _file(found.images.at(rows), form)


def _whole(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise WorkbenchError(f"`{name}` must be a whole number. Got {text[:40]!r}.")
    return int(text)


def _file(images: Any, form: str) -> Response:
    from starlette.responses import Response

    if FORMATS[form] is None:
        with tempfile.TemporaryDirectory() as folder:
            body = images.export(Path(folder) / f"images.{form}").read_bytes()
    else:
        body = images.text(form).encode("utf-8", "backslashreplace")
    name = f"images.{ENDINGS.get(form, form)}"
    return Response(body, media_type=KINDS[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})
