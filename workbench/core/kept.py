"""A bounded mapping: what was used last is kept, the rest is forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Kept(Generic[KeyT, ValueT]):
    """A bounded mapping that forgets what was used longest ago; safe from several threads.

    Args:
        keep: how many values are kept, or how much of them in the unit of `size`.
        size: how much of `keep` a value takes; 1 each, if not given. One that takes more than all is not kept.
    """

    def __init__(self, keep: int, size: Callable[[ValueT], int] = lambda _: 1) -> None:
        self._keep, self._size, self._held = keep, size, 0
        self._lock, self._items = threading.Lock(), OrderedDict[KeyT, ValueT]()

    def __len__(self) -> int:
        with self._lock:
            return len(self._items)

    def get(self, key: KeyT) -> ValueT | None:
        """Return the value, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: KeyT, value: ValueT) -> ValueT:
        """Keep and return `value`."""
        with self._lock:
            if key in self._items:
                self._held -= self._size(self._items.pop(key))
            self._items[key] = value
            self._held += self._size(value)
            while self._held > self._keep:
                self._held -= self._size(self._items.popitem(last=False)[1])
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._held = 0
