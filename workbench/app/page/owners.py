"""Who wants a piece of work: a call that is still open, or a page that still shows what the work is for.

Work looks between its parts whether anybody wants it (`workbench.core.progress.stoppable`), and ends where nobody does.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from workbench.core.kept import Kept
from workbench.core.progress import Stop

SPELL, BEGIN = 1.0, 10.0
"""Seconds for which nobody may listen for an answer, in between and at first."""
SHOWN, HIDDEN = 10.0, 90.0
"""Seconds without a word after which a page counts as closed: on a busy machine it is late, and hidden it is slow."""


class Owner(Protocol):
    """Somebody who wants a piece of work."""

    @property
    def client(self) -> str:
        """Whom it is for; clients take turns."""

    def gone(self) -> bool:
        """Whether it is not wanted any more."""


@dataclass(eq=False)
class Caller:
    """A program that waits for its answer.

    Attributes:
        client: address that it asks from.
        limit: seconds that it may wait; 0 for any time.
        left: whether it hung up.
    """

    client: str
    limit: float = 0.0
    left: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def late(self) -> bool:
        """Whether it has waited for too long."""
        return self.limit > 0 and time.monotonic() - self.since > self.limit

    def gone(self) -> bool:
        """Whether nobody waits any more."""
        return self.left or self.late


@dataclass(eq=False, kw_only=True)
class Listener(Caller):
    """A program that listens for its answer beside the call; see gradio."""

    visits: Visits
    session: str

    def gone(self) -> bool:
        """Whether nobody waits or listens any more."""
        return super().gone() or not self.visits.heeds(self.session, self.since)


@dataclass(frozen=True, eq=False)
class Within:
    """Whoever wants the work within which another one is asked for; `check` is that work's."""

    client: str
    check: Callable[[], None]

    def gone(self) -> bool:
        """Whether the outer work is to end."""
        try:
            self.check()
        except Stop:
            return True
        return False


class Visits:
    """The pages that are open in browsers, and what each of them shows.

    A page says now and then that it waits, and once that it closes. What it asked for is wanted until it shows
    something else, or says nothing for a while.
    """

    def __init__(self) -> None:
        self._listening: Counter[str] = Counter()
        self._hung_up: Kept[str, float] = Kept(4096)
        self._heard: Kept[str, tuple[float, float]] = Kept(4096)
        self._wishes: Kept[tuple[str, str], Wish] = Kept(4096)

    @contextlib.contextmanager
    def listening(self, session: str) -> Iterator[None]:
        """Note that somebody listens for answers, and when not any more."""
        self._listening[session] += 1
        try:
            yield
        finally:
            self._listening[session] -= 1
            self._listening += Counter()  # forget who is gone
            self._hung_up.put(session, time.monotonic())

    def listeners(self, session: str | None = None) -> int:
        """Return how many listen for the answers of one session, or of all."""
        return self._listening.total() if session is None else self._listening[session]

    def heeds(self, session: str, since: float) -> bool:
        """Say whether somebody listens for what a session asked then, or may begin to."""
        hung_up = self._hung_up.get(session) or 0.0
        late = time.monotonic() - (max(hung_up, since) + (SPELL if hung_up > since else BEGIN))
        return self._listening[session] > 0 or late < 0

    def hear(self, page: str, *, hidden: bool = False) -> None:
        """Note that a page is there."""
        self._heard.put(page, (time.monotonic(), HIDDEN if hidden else SHOWN))

    def close(self, page: str) -> None:
        """Note that a page was closed."""
        self._heard.put(page, (time.monotonic(), 0.0))

    def wish(self, page: str, pane: str, what: object) -> Wish:
        """Note what a page wants for one of its panes, in place of what it wanted there."""
        self.hear(page)
        return self._wishes.put((page, pane), Wish(self, page, pane, what))

    def look(self, page: str, shown: Mapping[str, object]) -> None:
        """Note what a page shows now; a wish for anything else in one of these panes is over."""
        self.hear(page)
        for pane, what in shown.items():
            wish = self._wishes.get((page, pane))
            if wish is not None and wish.what != what:
                wish.over = True

    def holds(self, wish: Wish) -> bool:
        """Say whether a page still wants this."""
        heard = self._heard.get(wish.page)
        return (
            self._wishes.get((wish.page, wish.pane)) is wish
            and heard is not None
            and time.monotonic() - heard[0] <= heard[1]
        )


@dataclass(eq=False)
class Wish:
    """What one page wants for one of its panes."""

    visits: Visits
    page: str
    pane: str
    what: object
    over: bool = False

    @property
    def client(self) -> str:
        """The page."""
        return self.page

    def gone(self) -> bool:
        """Whether the page is closed, or shows something else."""
        return self.over or not self.visits.holds(self)

    def check(self) -> None:
        """Raise `Stop` if it is not wanted any more."""
        if self.gone():
            raise Stop
