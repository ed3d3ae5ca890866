"""A bounded mapping: what was used last is kept, the rest is forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Kept(Generic[KeyT, ValueT]):
    """A bounded mapping that forgets what was used longest ago; safe from several threads.

    Args:
        keep: how many values are kept, or how much of them in the unit of `size`.
        size: how much of `keep` a value takes; 1 each, if not given. One that takes more than all is not kept.
        most: how many values are kept however small they are; any number, if not given.
    """

    def __init__(self, keep: int, size: Callable[[ValueT], int] = lambda _: 1, *, most: int | None = None) -> None:
        self._keep, self._size, self._held, self._most = keep, size, 0, most
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
            while self._held > self._keep or (self._most is not None and len(self._items) > self._most):
                self._held -= self._size(self._items.popitem(last=False)[1])
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._held = 0


def bytes_held(value: Any) -> int:
    """Return how many bytes the arrays of a value have, those in records, mappings, tuples and lists among them."""
    if (own := getattr(value, "nbytes", None)) is not None:
        return int(own)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(bytes_held(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return sum(map(bytes_held, value.values()))
    return sum(map(bytes_held, value)) if isinstance(value, (tuple, list)) else 0
