"""Finds what stands one to a module in a package or a plug-in: a new file, or folder, is found without another line."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from workbench.core import plugins
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.plugins import Module

BaseT = TypeVar("BaseT")


class Catalogue(Generic[BaseT]):
    """The classes of a package and of plug-ins, one to a module, each by its module's name with `-`.

    Nothing is imported before a class is asked for.

    Args:
        package: dotted name, or name of a package that lies beside `workbench`; empty where only plug-ins bring some.
        base: what the classes are, as "module:Class"; abstract ones are left out, and what a module only imports.
        noun: what one of them is called in a sentence.
        room: where plug-ins have theirs; empty where they cannot bring any.
        taken: names that no plug-in may have.
    """

    def __init__(self, package: str, base: str, noun: str, *, room: str = "", taken: tuple[str, ...] = ()) -> None:
        self.noun, self.room, self._package, self._base, self._taken = noun, room, package, base, taken
        self._known: tuple[dict[str, Module], dict[str, type[BaseT]]] = {}, {}

    def all(self) -> dict[str, type[BaseT]]:
        """Return the class of each name, in alphabetical order; plug-ins that are broken are left out.

        Raises:
            TypeError: if a module of the workbench does not define exactly one.
            WorkbenchError: if two have the same name.
        """
        modules = self._modules()
        if modules != self._known[0]:  # other plug-ins were named since, or nothing is known yet
            found = {name: self._only(module) for name, module in modules.items()}
            self._known = modules, {name: kind for name, kind in found.items() if kind is not None}
        return dict(self._known[1])

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
        return list(self._modules())

    def summaries(self) -> dict[str, str]:
        """Return the first line of the docstring of each class, read from the source; imports none of the modules.

        The class is called as its module is, but for `_` and capitals.
        """
        return {name: _summary(module) for name, module in self._modules().items()}

    def brought(self) -> dict[str, Module]:
        """Return the modules that plug-ins bring, by name."""
        return {name: module for name, module in self._modules().items() if module.brought}

    def _modules(self) -> dict[str, Module]:
        """Every module by the name of what it brings, in alphabetical order."""
        found = dict(self._own)
        for module in plugins.modules(self.room) if self.room else ():
            name = _name(module.name)
            if name in self._taken:
                raise WorkbenchError(f"The plug-in {module.path} has the name of {_a(self.noun)} of the workbench.")
            other = found.setdefault(name, module)
            if other.path.resolve() != module.path.resolve():
                raise WorkbenchError(
                    f"There is more than one {self.noun} {name!r}: {other.path} and {module.path}. Rename a plug-in."
                )
        return dict(sorted(found.items()))

    @cached_property
    def _own(self) -> dict[str, Module]:
        if not self._package:
            return {}
        package = _beside(self._package) if "." not in self._package else import_module(self._package)
        found = {}
        for folder in map(Path, package.__path__):
            for each in pkgutil.iter_modules([str(folder)]):
                path = folder / (f"{each.name}/__init__.py" if each.ispkg else f"{each.name}.py")
                found[_name(each.name)] = Module(each.name, path, f"{package.__name__}.{each.name}", brought=False)
        return found

    def _only(self, module: Module) -> type[BaseT] | None:
        """Return the class of a module; None for a broken plug-in, which is said."""
        loaded = plugins.load(module) if module.brought else import_module(module.dotted)
        if loaded is None:
            return None
        home, _, name = self._base.partition(":")
        base = getattr(import_module(home), name)
        made = [each for each in _defined(loaded) if issubclass(each, base)]
        found: list[type[BaseT]] = [each for each in made if not inspect.isabstract(each)]
        if len(found) == 1:
            if module.brought and not (found[0].__doc__ or "").strip():
                plugins.leave_out(
                    module.path, f"{found[0].__name__} has no docstring, whose first line says what it is"
                )
                return None
            return found[0]
        lacks = [f"{each.__name__} lacks {', '.join(sorted(each.__abstractmethods__))}" for each in made if not found]
        where = str(module.path) if module.brought else f"{self._package.rpartition('.')[2]}/{module.name}.py"
        said = f"must define exactly one {base.__name__}. It defines {len(found)}."
        if module.brought:
            plugins.leave_out(module.path, f"it {said} {'; '.join(lacks)}".strip())
            return None
        raise TypeError(f"{where} {said}")


def _beside(name: str) -> ModuleType:
    """Return the package that lies beside `workbench`, whatever else has its name.

    A folder of that name in the working directory comes first on Python's path, or may be imported already. Then that
    one keeps the name, and ours gets another.
    """
    place = Path(__file__).parents[2] / name / "__init__.py"
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # what is imported under the name has no origin
        spec = None
    if not place.is_file() or (spec is not None and spec.origin and Path(spec.origin).resolve() == place.resolve()):
        return import_module(name)
    own = f"workbench_{name}"
    if own not in sys.modules:
        made = spec_from_file_location(own, place, submodule_search_locations=[str(place.parent)])
        if made is None or made.loader is None:
            raise ImportError(f"{place} cannot be imported.")
        sys.modules[own] = module_from_spec(made)
        made.loader.exec_module(sys.modules[own])
    return sys.modules[own]


def _defined(module: ModuleType) -> Iterator[type[Any]]:
    for _, each in inspect.getmembers(module, inspect.isclass):
        if each.__module__ == module.__name__:
            yield each


def _name(module: str) -> str:
    return module.replace("_", "-")


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _summary(module: Module) -> str:
    try:
        tree = ast.parse(module.path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        if not module.brought:
            raise
        plugins.leave_out(module.path, error)
        return ""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    called = [node for node in classes if node.name.casefold() == module.name.replace("_", "").casefold()]
    node = next(iter(called or (classes if module.brought else [])), None)
    return "" if node is None else (ast.get_docstring(node) or "").partition("\n")[0]
