"""Which of gradio's calls gradio can answer: it meets any other one with a traceback, or although it is private."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from workbench.app.page.owners import Visits
from workbench.app.page.refusals import TooMany
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import Params, make
from workbench.core.wording import plural

if TYPE_CHECKING:
    from starlette.types import Scope

    from workbench.app.page.api.questions import Api

JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"
LISTENERS = (4, 256)
"""Streams of answers that one page, and all pages, may listen to; a browser's page opens one."""
FORGOTTEN = 60.0
"""Seconds that answers are kept which nobody fetches."""
DUE = (16, 128, 512)
"""Answers that may be due to one page, to all pages at one address, and at all."""
_CALL = re.compile(r"/gradio_api/call/(?P<how>v2/)?(?P<name>[^/]+)/?")
_ANSWER = re.compile(r"/gradio_api/call/(?:v2/)?(?P<name>[^/]+)/(?P<event>[^/]+)")
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)


class Calls:
    """Looks at calls before gradio does.

    Args:
        blocks: gradio's page.
        api: the public questions.
        visits: notes who listens for answers.
    """

    def __init__(self, blocks: Any, api: Api, visits: Visits) -> None:
        self._blocks, self._api, self._visits = blocks, api, visits
        self._asked: dict[str, float] = {}

    def see(self, path: str, sent: Mapping[str, Any], client: str) -> None:
        """Raise what gradio would trip over.

        Args:
            path: of the request.
            sent: its JSON.
            client: address that it came from.

        Raises:
            WorkbenchError: if something given is wrong.
            TooMany: if too many answers are due already.
            LookupError: if what is called is not there.
        """
        if path == JOIN:
            self._see_join(sent)
        elif called := _CALL.fullmatch(path):
            self._see_call(called["how"] is not None, called["name"], sent)
        else:
            return
        due = [*self._blocks._queue.event_ids_to_events.values()]
        mine = sum(each.session_hash == sent.get("session_hash") for each in due)
        here = sum(each.request.client is not None and each.request.client.host == client for each in due)
        if any(count >= most for count, most in zip((mine, here, len(due)), DUE, strict=True)):
            raise TooMany("Too many questions wait for their answers; ask again when some have come.")
        self._forget({each.session_hash for each in due})
        if isinstance(sent.get("session_hash"), str):
            self._asked[sent["session_hash"]] = time.monotonic()

    def _forget(self, due: Collection[str]) -> None:
        """Drop the answers of sessions that have not fetched them for a while; gradio keeps them for ever."""
        queue, now = self._blocks._queue, time.monotonic()
        for session, asked in [*self._asked.items()]:
            if now - asked > FORGOTTEN and session not in due and not self._visits.listeners(session):
                del self._asked[session]
                queue.pending_messages_per_session.pop(session, None)
                queue.pending_event_ids_session.pop(session, None)

    def _see_join(self, sent: Mapping[str, Any]) -> None:
        number = sent.get("fn_index")
        if isinstance(number, bool) or not isinstance(number, int):
            raise WorkbenchError(f"`fn_index` must be a whole number. Got {type(number).__name__}.")
        function = self._blocks.fns.get(number)
        if function is None or function.fn is None:
            raise LookupError(f"There is no function {number} on this page; reload it.")
        _see_session(sent.get("session_hash"))
        data = sent.get("data")
        if not isinstance(data, list) or len(data) != len(function.inputs):
            raise WorkbenchError(f"`data` must be a list of {plural(len(function.inputs), 'value')}.")
        public = function.api_visibility == "public"
        if not public and not all(each is None or isinstance(each, dict) for each in data):
            raise WorkbenchError("`data` must hold objects.")
        _see_rest(sent)

    def _see_call(self, named: bool, name: str, sent: Mapping[str, Any]) -> None:
        if name not in self._api.questions:
            raise LookupError(str(unknown("question", name, self._api.questions)))
        params: type[Params] = self._api.questions[name]
        if named:
            make(params, sent)
            return
        data, wanted = sent.get("data") or (), len(params.model_fields)
        got = len(data) if isinstance(data, (list, tuple)) else 0
        if got != wanted:
            raise WorkbenchError(
                f"`data` must hold all {wanted} parameters in order. Got {got}; at /gradio_api/call/v2/{name} they are "
                "named and optional."
            )
        if sent.get("session_hash") is not None:
            _see_session(sent["session_hash"])
        _see_rest(sent)

    def see_listener(self, scope: Scope) -> None:
        """Raise if nobody asked what is listened for.

        Raises:
            WorkbenchError: if it is no session.
            TooMany: if too many listen.
            LookupError: if no answer is due.
        """
        queue = self._blocks._queue
        if scope["path"] == DATA:
            session = _session_of(scope)
            _see_session(session)
            if session not in queue.pending_messages_per_session:
                raise LookupError("No answer is due for this session; ask first.")
            if self._visits.listeners(session) >= LISTENERS[0] or self._visits.listeners() >= LISTENERS[1]:
                raise TooMany("Too many listen to the answers already; close some pages.")
        elif answer := _ANSWER.fullmatch(scope["path"]):
            event = answer["event"]
            if event not in queue.event_ids_to_events and not any(
                event in events for events in [*queue.pending_event_ids_session.values()]
            ):
                raise LookupError("There is no such call, or its answer was fetched; ask again.")

    def listening(self, scope: Scope) -> contextlib.AbstractContextManager[None]:
        """Count who listens while its request is open."""
        session = _session_of(scope) if scope["path"] == DATA else ""
        if (answer := _ANSWER.fullmatch(scope["path"])) is not None:
            event = self._blocks._queue.event_ids_to_events.get(answer["event"])
            session = "" if event is None else event.session_hash
        return self._visits.listening(session) if session else contextlib.nullcontext()


def _session_of(scope: Scope) -> str:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("session_hash", "")


def _see_session(session: object) -> None:
    if not isinstance(session, str) or not _SESSION.fullmatch(session):
        raise WorkbenchError("`session_hash` must be at most 64 letters and digits.")


def _see_rest(sent: Mapping[str, Any]) -> None:
    """Raise where a field that gradio reads beside these has another type than it takes."""
    kinds: dict[str, tuple[type, ...]] = {"trigger_id": (int,), "event_id": (str,), "simple_format": (bool,)}
    for name, kind in kinds.items():
        if sent.get(name) is not None and not isinstance(sent[name], kind):
            raise WorkbenchError(f"`{name}` must be {kind[0].__name__}. Got {type(sent[name]).__name__}.")
    if sent.get("batched") or sent.get("oauth_token") is not None:
        raise WorkbenchError("`batched` and `oauth_token` are not used here.")
