"""How long-running work reports its progress, which the caller may show, and how it is ended when nobody wants it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """Called as `progress("Grad-CAM", 256, 10_000)`: what, how many are done, how many in all."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


class Stop(BaseException):
    """Raised inside work that nobody wants any more; no error, so that nothing that goes on after errors catches it."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


_listener: ContextVar[Progress] = ContextVar("progress", default=silent)
_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)


@contextlib.contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Send what is reported inside to `progress`, so that analyses need not hand it down."""
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Say of what is reported inside what it is about, where several models are asked the same."""
    outer = _listener.get()
    with reporting(lambda what, done, total: outer(f"{name}: {what}", done, total)):
        yield


def report(what: str, done: int, total: int) -> None:
    """Report to the current listener; itself a `Progress`.

    Raises:
        Stop: if nobody wants the work any more.
    """
    _check.get()()
    _listener.get()(what, done, total)


@contextlib.contextmanager
def stoppable(check: Callable[[], None]) -> Iterator[None]:
    """Let work inside be ended: `check` raises `Stop` to end it. What may end the work around ends it too."""
    outer = _check.get()

    def both() -> None:
        outer()
        check()

    token = _check.set(both)
    try:
        yield
    finally:
        _check.reset(token)


def check() -> Callable[[], None]:
    """Return what raises `Stop` if the current work is to end; for a thread that does a part of it."""
    return _check.get()
