"""A lock for each key, so that two threads that want the same wait for one answer and others do not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass
class _Shared:
    """A lock, and how many threads hold it or wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class KeyLocks(Generic[KeyT]):
    """Locks by key; each is there only while some thread holds it or waits for it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[KeyT, _Shared] = {}

    def __len__(self) -> int:
        with self._guard:
            return len(self._locks)

    @contextlib.contextmanager
    def held(self, key: KeyT) -> Iterator[None]:
        """Let one thread at a time in with this key; not to be entered again by the thread that is in."""
        with self._guard:
            shared = self._locks.setdefault(key, _Shared())
            shared.users += 1
        try:
            with shared.lock:
                yield
        finally:
            with self._guard:
                shared.users -= 1
                if not shared.users:
                    del self._locks[key]
