"""Finds what stands one to a file in a package: a new file is found without another line."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import TypeVar

from workbench.core.params import Named

NamedT = TypeVar("NamedT", bound=Named)


def discovered(package: str, folders: Iterable[str], base: type[NamedT]) -> dict[str, type[NamedT]]:
    """Return the classes of a package by name, in the order of its modules.

    Args:
        package: dotted name.
        folders: its `__path__`.
        base: what they are; abstract classes are left out, and what a module only imports.
    """
    found = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(folders)):
        loaded = import_module(f"{package}.{module}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, base) and kind.__module__ == loaded.__name__ and not inspect.isabstract(kind):
                found[kind.name] = kind
    return found
