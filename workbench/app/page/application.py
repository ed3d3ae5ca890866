"""The web application: the gradio page, and beside it figures, tables, progress, script and style."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.app.page.api.questions import LIMIT, Api
from workbench.app.page.api.replies import error_reply
from workbench.app.page.api.routes import routes
from workbench.app.page.blocks import blocks
from workbench.app.page.desk import Desk
from workbench.app.page.edit_routes import edit_routes
from workbench.app.page.gradio_calls import Calls
from workbench.app.page.gradio_import import import_gradio
from workbench.app.page.images.routes import images_routes
from workbench.app.page.jobs import state_of
from workbench.app.page.page import Panes, warm
from workbench.app.page.palette import palette_route
from workbench.app.page.panes.figure import places_of
from workbench.app.page.panes.report import report_of
from workbench.app.page.panes.retrain import KEY as RETRAINING
from workbench.app.page.panes.scatter import points_of
from workbench.app.page.panes.tables import FIRST as FIRST_ROWS
from workbench.app.page.panes.tables import Order, table_html
from workbench.app.page.retrain_routes import job_of, retrain_routes
from workbench.core.spreadsheet import as_csv

if TYPE_CHECKING:
    from fastapi import FastAPI

    from workbench.session.session import Session

Found = TypeVar("Found")
HERE = Path(__file__).parent / "static"
FIRST = ("app.css", "app.js", "kept.js")
OF_IMAGES = ("images.css", "images-grid.js", "images-choice.js", "images-marks.js", "images-facets.js")
LATER = {
    "errors": ("maps.js", "matrix.js"),
    "images": ("maps.js", "compare.css", *OF_IMAGES),
    "compare": ("figures.css", "compare.css", "tables.js"),
    "own": ("maps.js", "easel.js"),
    "analysis": ("figures.css", "figures.js", "scatter.js", "tables.js"),
    "edit": ("edit.css", *OF_IMAGES, "easel.js", "edit.js"),
    "retrain": ("retrain.css", "retrain.js"),
    "find": ("palette.css", "palette.js"),
}
"""What a section needs besides, and changing an image, and finding: loaded when that is first looked at."""
ASSETS = tuple(dict.fromkeys([*FIRST, *chain.from_iterable(LATER.values())]))
LOCAL = ("127.0.0.1", "localhost")


def create_app(
    source: Session | Callable[[], Session] | Desk,
    *,
    hosts: tuple[str, ...] = (),
    background: bool = True,
    limit: float = LIMIT,
) -> FastAPI:
    """Build the application around a session, or around what opens one.

    Args:
        source: a session, a function that opens one (it may take its time), or a desk.
        hosts: names besides localhost under which the page may be asked for; "*" for any.
        background: whether the model is opened by itself once the first view was served.
        limit: seconds that a call by a program may take; 0 for any time.
    """
    from fastapi import FastAPI
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.gzip import GZipMiddleware

    from workbench.app.page.guard import Guard

    import_gradio()
    desk = source if isinstance(source, Desk) else Desk(source, warm)
    api = Api(desk, limit)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        if background:
            desk.start()
        yield
        api.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.state.desk = desk
    routes(app, api)

    _errors(app)
    _routes(app, desk)
    _routes_of_answers(app, desk)
    images_routes(app, desk)
    edit_routes(app, desk, api)
    palette_route(app, desk)
    retrain_routes(app, desk)
    page = blocks(Panes(desk), api)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)  # events and pictures it leaves alone
    # gradio lets pages of other ports of this machine in, unless somebody else decides.
    app.add_middleware(CORSMiddleware)
    app.add_middleware(Guard, own=[*app.routes], calls=Calls(page, api, desk.visits), hosts=(*LOCAL, *hosts))
    return _mount(app, page)


def _errors(app: FastAPI) -> None:
    """Say in one sentence what is wrong with an address, as every other answer does."""
    from fastapi import HTTPException, Request, Response
    from fastapi.exceptions import RequestValidationError

    @app.exception_handler(HTTPException)
    def gone(_: Request, error: HTTPException) -> Response:
        return error_reply(error.status_code, error.detail)

    @app.exception_handler(RequestValidationError)
    def unreadable(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return error_reply(400, f"`{first['loc'][-1]}` cannot be read: {first['msg']}.")


def _routes(app: FastAPI, desk: Desk) -> None:
    from fastapi import Response
    from fastapi.responses import FileResponse

    @app.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/status/{key}")
    def status(key: str, page: str = "", hidden: bool = False) -> dict[str, object]:
        if page:
            desk.visits.hear(page, hidden=hidden)
        training = key.removeprefix(RETRAINING)
        job = desk.progress_of(key) if training == key else job_of(training)
        return state_of(job)  # what is not known any more is shown again, which starts it again

    @app.post("/left/{page}")
    def left(page: str) -> None:
        desk.visits.close(page)

    @app.get("/figure/{key}.png")
    def figure(key: str, theme: str = "light") -> Response:
        found = _or_404(desk.figure(key, "dark" if theme == "dark" else "light"))
        return Response(found.png, media_type="image/png", headers={"Cache-Control": "no-cache"})

    @app.get("/figure/{key}.json")
    def spots(key: str, theme: str = "light") -> list[dict[str, object]]:
        found = _or_404(desk.figure(key, "dark" if theme == "dark" else "light"))
        return places_of(found, _or_404(desk.result(key)))

    @app.get("/table/{key}/{place}.csv")
    def table(key: str, place: int) -> Response:
        result = _or_404(desk.result(key))
        found = _or_404(list(result.named.values())[place] if 0 <= place < len(result.named) else None)
        return Response(
            as_csv(found).encode(),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{result.analysis}-{place}.csv"'},
        )

    @app.get("/table/{key}/{place}.html")
    def rows_of(key: str, place: int, sort: str = "", find: str = "", rows: int = FIRST_ROWS) -> Response:
        result = _or_404(desk.result(key))
        _or_404(place if 0 <= place < len(result.tables) else None)
        order = Order.read({"sort": sort, "find": find, "rows": str(rows)})
        shown = table_html(result, key, place, desk.part, order, opens=desk.opens(key))
        return Response(str(shown), media_type="text/html")

    @app.get("/workbench/{name}")
    def asset(name: str) -> FileResponse:
        return FileResponse(HERE / _or_404(name if name in ASSETS else None), headers={"Cache-Control": "no-cache"})


def _routes_of_answers(app: FastAPI, desk: Desk) -> None:
    from fastapi import Response

    @app.get("/report/{key}.html")
    def report(key: str) -> Response:
        return Response(_or_404(report_of(desk, key)), media_type="text/html", headers={"Cache-Control": "no-cache"})

    @app.get("/points/{key}")
    def points(key: str) -> Response:
        found = _or_404(points_of(desk, _or_404(desk.result(key))))
        return Response(
            found.content, media_type="application/octet-stream", headers={"X-Points": str(len(found.rows))}
        )

    @app.get("/verdict/{key}")
    def verdict(key: str) -> dict[str, object]:
        return _or_404(desk.verdict(key))

    @app.get("/values/{key}")
    def values(key: str) -> Response:
        raw = _or_404(desk.judges.cases.get(key)).attribution.values[0]
        return Response(raw.astype("<f4").tobytes(), media_type="application/octet-stream")


def _or_404(found: Found | None) -> Found:
    """Return what was found; what was not is a 404."""
    from fastapi import HTTPException

    if found is None:
        raise HTTPException(404, "There is nothing at this address, or it is not kept any more.")
    return found


def _mount(app: FastAPI, page: Any) -> FastAPI:
    import gradio as gr

    version = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ASSETS)).hexdigest()[:12]
    addresses = {part: [f"/workbench/{name}?{version}" for name in names] for part, names in LATER.items()}
    # Scripts that are added by a script would run in any order: the others are loaded by the first.
    head = (
        f'<link rel="stylesheet" href="/workbench/app.css?{version}">'
        f'<script src="/workbench/app.js?{version}" data-first="/workbench/kept.js?{version}" '
        f"data-later='{json.dumps(addresses)}'></script>"
    )
    font = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))  # the subsets of its other weights lack letters
    theme = gr.themes.Base(font=[font, "Arial", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mounted: FastAPI = gr.mount_gradio_app(
            app,
            page,
            path="/",
            head=head,
            theme=theme,
            show_error=False,
            footer_links=["api"],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            favicon_path=str(HERE / "icon.svg"),
            max_file_size="4mb",
            app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        )
    return mounted
