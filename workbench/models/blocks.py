"""Layers inside a layer of somebody's own, heard while it is called."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import keras

Given = tuple[tuple[Any, ...], dict[str, Any]]
Heard = Callable[[Any, Callable[..., Any], Given], Any]
_listeners: ContextVar[dict[int, Heard]] = ContextVar("listeners", default={})  # noqa: B039  # never changed
_installed: dict[int, int] = {}
_lock = threading.Lock()


def parts_of(layer: Any) -> list[Any]:
    """Return the layers right inside a layer of somebody's own; none of one that is Keras' own, or a model."""
    own = not type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.Model)
    if not own or not hasattr(layer, "_flatten_layers"):
        return []
    return list(layer._flatten_layers(include_self=False, recursive=False))


@contextlib.contextmanager
def overheard(layers: Sequence[Any], heard: Heard) -> Iterator[None]:
    """Let `heard` answer the calls of some layers, in this thread; the layers are as before afterwards.

    Keras has no hook for calls. A layer's `call` is stood in for on the object alone, past Keras' bookkeeping, as long
    as one thread listens; for any other one it is the layer's own.

    Args:
        layers: each of which may be called any number of times.
        heard: the layer, its own `call`, and what that was given, to what the call returns.
    """
    token = _listeners.set({**_listeners.get(), **{id(each): heard for each in layers}})
    for each in layers:
        _install(each)
    try:
        yield
    finally:
        for each in layers:
            _remove(each)
        _listeners.reset(token)


def _install(layer: Any) -> None:
    with _lock:
        _installed[id(layer)] = _installed.get(id(layer), 0) + 1
        if _installed[id(layer)] > 1:
            return
        own = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            listener = _listeners.get().get(id(layer))
            return own(*args, **kwargs) if listener is None else listener(layer, own, (args, kwargs))

        object.__setattr__(layer, "call", call)


def _remove(layer: Any) -> None:
    with _lock:
        _installed[id(layer)] -= 1
        if _installed[id(layer)] == 0:
            del _installed[id(layer)]
            object.__delattr__(layer, "call")
