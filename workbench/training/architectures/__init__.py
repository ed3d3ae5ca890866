"""Networks to train, one a file; a module with `build` is found by its presence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from workbench.core import plugins
from workbench.core.errors import WorkbenchError


class Build(Protocol):
    """What a module of this folder offers: a function that builds its network."""

    def __call__(self, image_shape: tuple[int, int, int], classes: int) -> Any:
        """Return an uncompiled Keras model: (B, H, W, C) float32 in [0, 1] -> (B, K) probabilities.

        A pretrained network also takes `weights`: "imagenet", "none" or a file; see `pretrained.load_weights`.
        """


def architectures() -> Mapping[str, Build]:
    """Return every network by its CLI name, the name of its module with `-`; those of plug-ins too.

    Raises:
        WorkbenchError: if two have the same name.
    """
    return _with(tuple(plugins.modules("architectures")))


@cache
def _with(brought: tuple[plugins.Module, ...]) -> Mapping[str, Build]:
    modules: list[Any] = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    for each in brought:
        loaded = plugins.load(each)
        if callable(getattr(loaded, "build", None)):
            modules.append(loaded)
        elif loaded is not None:
            plugins.leave_out(each.path, "it must define build(image_shape, classes)")
    found: dict[str, Any] = {}
    for module in modules:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        if hasattr(module, "build") and found.setdefault(name, module) is not module:
            both = f"{found[name].__file__} and {module.__file__}"
            raise WorkbenchError(f"There is more than one architecture {name!r}: {both}. Rename a plug-in's.")
    return {name: module.build for name, module in found.items()}
