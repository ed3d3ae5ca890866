"""Where the variables of a training lie: on one device, unless a strategy spreads them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def scope() -> AbstractContextManager[Any]:
    """Return the context in which a model is built, loaded and compiled."""
    return nullcontext()


def is_chief() -> bool:
    """Whether this process is the one that writes checkpoints and runs."""
    return True
