"""The page: which panes there are, and what each shows for a view, without gradio; `blocks` wires it up.

A click changes the view; the matrix, the gallery and the address follow at once, what takes longer is asked
for afterwards by app.js, pane by pane. The browser computes the view it wants when an event is sent, so the
last of many clicks wins everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from workbench.app.markup import Html, element
from workbench.app.page import maps, own_image
from workbench.app.page.desk import Desk
from workbench.app.page.editing import Place
from workbench.app.page.html import problem, waiting
from workbench.app.page.idle import working
from workbench.app.page.jobs import UNEXPECTED
from workbench.app.page.owners import Owner
from workbench.app.page.panes import both, comparing, detail, easel, editor, overview, retrain, section
from workbench.app.page.panes.bar import bar_html
from workbench.app.page.panes.gallery import Shelf, gallery_html
from workbench.app.page.panes.images import one, shelf, work
from workbench.app.page.panes.matrix import matrix_html
from workbench.app.page.subject import Subject
from workbench.app.page.subjects import of_dataset
from workbench.app.page.view import View, read, settle
from workbench.core.errors import WorkbenchError
from workbench.core.progress import Stop, reporting, stoppable
from workbench.diagnosis import registry
from workbench.models.turns import FIRST, TURNS

if TYPE_CHECKING:
    from workbench.app.page.comparing import Compared

LOG = logging.getLogger("workbench.app.page")
QUICK = ("bar", "matrix", "gallery", "work", "main")
"""Panes that a click changes at once."""
MATRIX = ("section", "true", "predicted", "cells", "arrange", "span", "corner", "near", "open")
NO_MODEL = "The model is not here, only its predictions. Open the model's file to explain images."
IMAGES = ("section", "where", "part", "sort", "set", "compute")
GALLERY = ("section", "true", "predicted", "gallery_page", "image", "order")


class Panes:
    """What each pane shows; every method takes what the browser sent and returns HTML, never an error."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._quick: Mapping[str, Callable[[View, View | None], Html | None]] = {
            "bar": self._bar,
            "matrix": self._matrix,
            "gallery": self._gallery,
            "work": self._work,
        }

    def view(self, raw: object) -> View:
        """Read and settle what the browser asks for."""
        view = read(raw, registry.analyses())
        return view if self.desk.board is None else settle(view, self.desk.board)

    def look(self, raw: object, page: str = "") -> tuple[dict[str, Html | None], dict[str, Any]]:
        """Return the quick panes, None for one that stays as it is, and the reply to app.js.

        Args:
            raw: {"view": wanted query, "old": the one on screen, "sent": an image of the user's own, "count": click}.
            page: which browser's page asks, as gradio names it; what it asked for before is over.
        """
        asked = raw if isinstance(raw, Mapping) else {}
        wanted, trouble = asked.get("view"), ""
        if asked.get("sent"):
            try:
                key = own_image.receive(self.desk, asked["sent"])
                wanted = {
                    **(wanted if isinstance(wanted, Mapping) else {}),
                    "section": "own",
                    "own": key,
                    "start": "",
                    "invert": "",
                    "fit": "",
                }
            except WorkbenchError as error:
                trouble = str(error)
            except Exception:  # a surface: it must reach the terminal, and the page must stay
                LOG.exception("An image that was sent could not be read.")
                trouble = UNEXPECTED
        view = self.view(wanted)
        if page:
            self.desk.visits.look(page, {"detail": view, "answer": _asked(view), "main": _asked(view)})
        old = None if asked.get("old") is None else self.view(asked["old"])
        panes = {name: self._guard(self._quick[name], view, old) for name in QUICK if name != "main"}
        panes["main"] = self._guard(self._main, view, old, page)
        if old is not None and own_image.goes_on(self.desk, asked.get("sent"), old):
            panes["main"] = None
        if trouble:
            panes["main"] = problem(trouble) + (self._guard(self._main, view, None) or Html())
        query = view.query()
        slow = ["detail"] if view.section in ("errors", "own") else ["answer"]
        if view.section == "retrain":
            slow = []
        if view.section == "images":
            slow = [] if view.image is None else ["detail", "answer"]
        painted = view.section == "own" and panes["main"] is not None
        return panes, {
            "view": query,
            "url": "?" + urlencode(query),
            "slow": slow,
            "painted": painted,
            "page": page,
            "count": asked.get("count", 0),
        }

    def _guard(self, build: Callable[..., Html | None], *args: Any) -> Html | None:
        """Turn whatever goes wrong into one sentence in the pane."""
        try:
            return build(*args)
        except WorkbenchError as error:
            return problem(error)
        except Stop:  # the page shows something else by now, or is closed
            return None
        except Exception:  # a surface: it must reach the terminal, and the page must stay
            LOG.exception("A pane of the page failed.")
            return problem(UNEXPECTED)

    def _bar(self, view: View, old: View | None) -> Html | None:
        return None if old is not None and old.section == view.section else bar_html(self.desk, view)

    def _matrix(self, view: View, old: View | None) -> Html | None:
        return self._cells(view, old, MATRIX, lambda board, session: matrix_html(board, session.class_names, view))

    def _gallery(self, view: View, old: View | None) -> Html | None:
        return self._cells(
            view,
            old,
            GALLERY,
            lambda board, session: gallery_html(Shelf(board, session.dataset, self.desk.picture), view),
        )

    def _work(self, view: View, old: View | None) -> Html | None:
        if view.section != "images" or not self.desk.opened:
            return None
        return work.work_html(self.desk, view)

    def _cells(self, view: View, old: View | None, keys: tuple[str, ...], build: Callable[..., Html]) -> Html | None:
        if view.section != "errors" or (
            old is not None and all(getattr(old, key) == getattr(view, key) for key in keys)
        ):
            return None
        step = self.desk.pending()
        if step is not None:
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
        return build(self.desk.board, self.desk.session)

    def _main(self, view: View, old: View | None, page: str = "") -> Html | None:
        if view.section == "errors":
            return None
        step = self.desk.pending()
        if step is not None and (step[0] == "opening" or view.section == "start"):
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
        built: dict[str, Callable[[], Html | None]] = {
            "start": lambda: overview.side_html(self.desk),
            "own": lambda: self._easel(view, old),
            "images": lambda: self._shelf(view, old, page),
            "retrain": lambda: retrain.retrain_html(self.desk),
        }
        return built.get(view.section, lambda: self._side(view, old))()

    def _shelf(self, view: View, old: View | None, page: str) -> Html | None:
        if old is not None and all(getattr(old, key) == getattr(view, key) for key in IMAGES):
            return None
        return shelf.shelf_html(self.desk, view, self._owner(view, page, "main"))

    def _owner(self, view: View, page: str, pane: str) -> Owner | None:
        """Return who wants what an analysis is asked for by a pane; nobody but the page's own where there is none."""
        return self.desk.visits.wish(page, pane, _asked(view)) if page else None

    def _side(self, view: View, old: View | None) -> Html | None:
        if old is not None and (old.section, old.params, old.against) == (view.section, view.params, view.against):
            return None  # what was typed stays while one looks at the parts of a map
        return (comparing.side_html if view.section == "compare" else section.section_html)(self.desk, view)

    def _easel(self, view: View, old: View | None) -> Html | None:
        if self.desk.session.only_predictions:
            return element("p", NO_MODEL, class_="empty")
        before = None if old is None else (old.section, old.own, old.start, old.invert, old.fit)
        same = before == (view.section, view.own, view.start, view.invert, view.fit)
        return None if same else easel.easel_html(self.desk, view)

    def detail(self, raw: object, page: str = "") -> Html | None:
        """Return the pane of one image; None if the page shows something else by the time it is done."""
        return self._guard(self._detail, self.view(raw), page)

    def _detail(self, view: View, page: str) -> Html:
        wish = self.desk.visits.wish(page, "detail", view) if page else None
        with stoppable(self.desk.go_on if wish is None else wish.check), working():
            return self._of_image(view, page)

    def _of_image(self, view: View, page: str) -> Html:
        desk = self.desk
        if view.section == "own" and desk.opened and desk.session.only_predictions:
            return Html()
        step = desk.pending(model=view.section == "own")
        if step is not None:
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
        if view.section == "own":
            subject: Subject | None = own_image.subject_of(desk, view)
            if subject is None:
                return easel.examples_html(desk)
        elif view.section == "images":
            maps_of = partial(self._maps, view=view, page=page)
            return one.one_html(desk, view, lambda subject, both: maps_of(subject, compared=both), self._editor(view))
        elif view.image is None:
            return element("p", "Choose an image to explain it.", class_="empty")
        else:
            subject = of_dataset(desk, view.image)
        editing = view.section == "errors" and view.edit != "" and view.image is not None
        # An image of one's own stands on the canvas already.
        image = Html()
        if view.section != "own" and view.image is not None:
            image = detail.image_html(desk, subject, editable=not editing)
        if editing:
            rest = self._editor(view)(Place(desk, "data", desk.session, view.image or 0), subject)
        else:
            # Under the classes is room for as many as there are; under the image is none.
            also = None if view.section == "own" or view.image is None else detail.also_html(desk, view.image)
            said = detail.probabilities_html(subject, desk.session.class_names, view, below=also)
            rest = said + self._maps(subject, view, page)
        return image + rest

    def _maps(self, subject: Subject, view: View, page: str, compared: Compared | None = None) -> Html:
        if self.desk.session.only_predictions:
            return element("section", element("h2", "Evidence"), element("p", NO_MODEL, class_="empty"), class_="ex")
        step = self.desk.pending(model=True)
        if step is None and compared is not None and not compared.other.ready:
            key, job = self.desk.comparing.load(compared, self._owner(view, page, "other model"))
            step = (key, job, "") if not job.done.is_set() or job.error else None
        if step is None:
            with reporting(self.desk.explaining(page).progress), TURNS.claimed(FIRST):
                if compared is not None:
                    return both.explanation_html(self.desk, compared, subject, view)
                return detail.explanation_html(self.desk, subject, view)
        if step[1].error:
            return problem(step[1].error)
        return detail.waiting_html(step[0], "The model is loading; maps appear in a few seconds.", step[1].what)

    def _editor(self, view: View) -> Callable[[Place, Subject], Html]:
        """Return what builds the pane in which an image is changed, or says that the model is not there yet."""

        def built(place: Place, subject: Subject) -> Html:
            if self.desk.session.only_predictions:
                return element("p", NO_MODEL, class_="empty")
            step = self.desk.pending(model=True)
            if step is None:
                return editor.editor_html(place, subject, view)
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)

        return built

    def answer(self, raw: object, page: str = "") -> Html | None:
        """Return the pane below: numbers and diagnosis, or the answer of an analysis."""
        return self._guard(self._answer, self.view(raw), page)

    def _answer(self, view: View, page: str) -> Html:
        if view.section in ("errors", "own", "retrain"):
            return Html()
        if view.section == "images":
            waits = view.image is None or self.desk.pending() is not None
            return Html() if waits else one.near_html(self.desk, view, self._owner(view, page, "answer"))
        if view.section == "start":
            return Html() if self.desk.pending() is not None else overview.overview_html(self.desk, view)
        if view.section == "compare":
            waits = self.desk.pending() is not None and not self.desk.opened
            return Html() if waits else comparing.answer_html(self.desk, view, self._owner(view, page, "answer"))
        return section.answer_html(self.desk, view, self._owner(view, page, "answer"))


def _asked(view: View) -> object:
    """Return what a view asks an analysis; it may be looked at in many ways."""
    return view.section, view.compute, view.against, tuple(sorted(view.params.items()))


def warm(desk: Desk) -> None:
    """Make the maps that are shown at first, and a verdict, so that the first click finds everything compiled."""
    if desk.board is None:
        return
    view = settle(View(section="errors"), desk.board)
    if view.image is not None:
        subject = of_dataset(desk, view.image)
        for explain in ("difference", "predicted"):
            found: list[maps.ShownMap] = []
            for method in maps.method_names(desk, (shown := maps.as_advised(desk, view))):
                if not desk.closed:
                    found = maps.maps_of(desk, subject, replace(shown, explain=explain, methods=(method,)))
            if found and found[0].key and not desk.closed:
                desk.judges.opinion(desk.session, found[0].key, wait=60, test=False)
