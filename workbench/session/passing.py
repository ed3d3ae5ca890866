"""Who passes images through a model in place of this process, where somebody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Pass = Callable[[object], bool]
"""Has a session keep what its model says of its images, by `ModelOnImages.keep`; returns whether it has."""


_others: ContextVar[Pass | None] = ContextVar("others", default=None)


@contextmanager
def passed_by(others: Pass | None) -> Iterator[None]:
    """Have images whose predictions or embeddings are missing inside passed through their model by others, if any."""
    token = _others.set(others)
    try:
        yield
    finally:
        _others.reset(token)


def pass_by_others(session: object) -> bool:
    """Have it done by those who are there for it; returns whether there were some for this session."""
    others = _others.get()
    return others is not None and others(session)
