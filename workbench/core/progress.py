"""How long-running work reports its progress; the caller decides how to show it (console, page, not at all)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """Called as `progress("Grad-CAM", 256, 10_000)`: what, how many are done, how many in all."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


_listener: ContextVar[Progress] = ContextVar("progress", default=silent)


@contextlib.contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Send what is reported inside to `progress`, so that analyses need not hand it down."""
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


def report(what: str, done: int, total: int) -> None:
    """Report to the current listener; itself a `Progress`."""
    _listener.get()(what, done, total)
