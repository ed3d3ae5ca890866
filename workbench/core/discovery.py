"""Finds what stands one to a module in a package: a new file, or folder, is found without another line."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from workbench.core.errors import unknown

BaseT = TypeVar("BaseT")


class Catalogue(Generic[BaseT]):
    """The classes of a package, one to a module, each by its module's name with `-`.

    Nothing is imported before a class is asked for.

    Args:
        package: dotted name.
        base: what the classes are, as "module:Class"; abstract ones are left out, and what a module only imports.
        noun: what one of them is called in a sentence.
    """

    def __init__(self, package: str, base: str, noun: str) -> None:
        self.noun, self._package, self._base = noun, package, base

    def all(self) -> dict[str, type[BaseT]]:
        """Return the class of each name, in alphabetical order.

        Raises:
            TypeError: if a module does not define exactly one.
        """
        return dict(self._classes)

    def get(self, name: str) -> type[BaseT]:
        """Return one class by its name.

        Raises:
            WorkbenchError: if there is none of this name; the nearest names are offered.
        """
        found = self.all()
        if name not in found:
            raise unknown(self.noun, name, found)
        return found[name]

    def names(self) -> list[str]:
        """Return every name, in alphabetical order; imports none of the modules."""
        return [_name(module) for module in self._modules()]

    def summaries(self) -> dict[str, str]:
        """Return the first line of the docstring of each class, read from the source; imports none of the modules.

        The class is called as its module is, but for `_` and capitals.
        """
        return {_name(module): _summary(path, module) for module, path in self._modules().items()}

    def _modules(self) -> dict[str, Path]:
        """Name and file of every module, in alphabetical order."""
        folders = import_module(self._package).__path__
        found = {}
        for folder in map(Path, folders):
            for each in pkgutil.iter_modules([str(folder)]):
                found[each.name] = folder / (f"{each.name}/__init__.py" if each.ispkg else f"{each.name}.py")
        return dict(sorted(found.items()))

    @cached_property
    def _classes(self) -> dict[str, type[BaseT]]:
        module, _, name = self._base.partition(":")
        base = getattr(import_module(module), name)
        return {_name(each): self._only(each, base) for each in self._modules()}

    def _only(self, module: str, base: Any) -> type[BaseT]:
        loaded = import_module(f"{self._package}.{module}")
        found: list[Any] = [
            each
            for _, each in inspect.getmembers(loaded, inspect.isclass)
            if issubclass(each, base) and each.__module__ == loaded.__name__ and not inspect.isabstract(each)
        ]
        if len(found) != 1:
            where = f"{self._package.rpartition('.')[2]}/{module}.py"
            raise TypeError(f"{where} must define exactly one {base.__name__}. It defines {len(found)}.")
        kind: type[BaseT] = found[0]
        return kind


def _name(module: str) -> str:
    return module.replace("_", "-")


def _summary(path: Path, module: str) -> str:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name.casefold() == module.replace("_", ""):
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
