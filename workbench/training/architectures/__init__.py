"""Networks to train, one a file; a module with `build` is found by its presence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol


class Build(Protocol):
    """What a module of this folder offers: a function that builds its network."""

    def __call__(self, image_shape: tuple[int, int, int], classes: int) -> Any:
        """Return an uncompiled Keras model: (B, H, W, C) float32 in [0, 1] -> (B, K) probabilities.

        A pretrained network also takes `weights`: "imagenet", "none" or a file; see `pretrained.load_weights`.
        """


@cache
def architectures() -> Mapping[str, Build]:
    """Return every network by its CLI name, the name of its module with `-`."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {
        module.__name__.rpartition(".")[2].replace("_", "-"): module.build
        for module in modules
        if hasattr(module, "build")
    }
