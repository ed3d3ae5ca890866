"""Parts of the workbench that its user brings, as files of a folder or as entry points of an installed package.

A plug-in is a Python program: it runs with the rights of whoever starts the workbench, and only because that person
named or installed it. Nothing is looked for in the working folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from workbench.core.errors import Unavailable, WorkbenchError

LOG = logging.getLogger("workbench.core.plugins")
VARIABLE = "WORKBENCH_PLUGINS"
ROOMS = ("analyses", "architectures", "faults", "formats", "measures", "methods", "properties", "sources")
"""Sub-folders of a plug-in folder; with `workbench.` before it, a group of entry points."""

_left_out: dict[Path, str] = {}


@dataclass(frozen=True)
class Module:
    """A module that brings one thing.

    Attributes:
        name: the module's own.
        path: its file.
        dotted: what is imported.
        brought: whether it is a plug-in's, not the workbench's.
    """

    name: str
    path: Path
    dotted: str
    brought: bool = True


def folders() -> tuple[Path, ...]:
    """Return the plug-in folders that `WORKBENCH_PLUGINS` names, separated like those of PATH; each once.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it has none of the sub-folders that are looked into.
    """
    named = [each for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each.strip()]
    found = dict.fromkeys(Path(each.strip()).expanduser().resolve() for each in named)
    for folder in found:
        if not folder.is_dir():
            raise Unavailable(f"There is no plug-in folder {str(folder)!r}.")
        if not any((folder / room).is_dir() for room in ROOMS):
            raise WorkbenchError(f"{folder} is no plug-in folder: it has none of the folders {', '.join(ROOMS)}.")
        for each in folder.iterdir():
            if (
                each.is_dir()
                and each.name not in ROOMS
                and (near := get_close_matches(each.name, ROOMS, n=1, cutoff=0.7))
            ):
                leave_out(each, f"plug-ins are looked for in {near[0]!r}, not in a folder of this name")
    return tuple(found)


@contextmanager
def naming(*first: str | Path, alone: bool = True) -> Iterator[None]:
    """Name plug-in folders for a while, for this process and those that it starts.

    Args:
        first: the folders.
        alone: whether those that are named already do not count meanwhile.
    """
    before = os.environ.get(VARIABLE)
    kept = [before] if before and not alone else []
    os.environ[VARIABLE] = os.pathsep.join([*map(str, first), *kept])
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def modules(room: str) -> Iterator[Module]:
    """Yield what plug-ins bring for one room; imports none of it. Names that begin with `_` are a plug-in's own."""
    for folder in folders():
        place = folder / room
        for part in place.glob("*/*.py"):
            if not (part.parent / "__init__.py").is_file() and not part.parent.name.startswith(("_", ".")):
                leave_out(part.parent, "the folder has no __init__.py, so it is no module")
        for each in pkgutil.iter_modules([str(place)]):
            if not each.name.startswith("_"):
                path = place / (f"{each.name}/__init__.py" if each.ispkg else f"{each.name}.py")
                yield Module(each.name, path, f"{_package(folder)}.{room}.{each.name}")
    for entry in _entries(room):
        if (origin := _origin(entry.module)) is not None:
            yield Module(entry.module.rpartition(".")[2], origin, entry.module)


def load(module: Module) -> ModuleType | None:
    """Import a plug-in's module; None where it cannot be, which is said in one line."""
    try:
        return import_module(module.dotted)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the workbench goes on without it
        leave_out(module.path, error)
        return None


def leave_out(path: Path, cause: Exception | SystemExit | str) -> None:
    """Say once, in one line, that a plug-in is left out, and why; the workbench goes on without it."""
    line = in_a_line(cause if isinstance(cause, str) else f"{type(cause).__name__}: {cause}")
    if _left_out.get(path) != line:
        _left_out[path] = line
        LOG.warning("The plug-in %s is left out: %s", path, line)


def reason(path: Path) -> str:
    """Return why a plug-in was left out, one line; empty where it was not."""
    return _left_out.get(path, "")


def in_a_line(said: object) -> str:
    """Return the first line of what was said, as a sentence."""
    return next((line.strip() for line in str(said).splitlines() if line.strip()), "no reason given").rstrip(".") + "."


def code() -> Iterator[Path]:
    """Yield every file that an analysis may use of the plug-ins: all their code but that of other analyses.

    Of a folder that is its own modules and those of its rooms; of an installed package all.
    """
    for folder in folders():
        yield from folder.glob("*.py")
        yield from (folder / "analyses").glob("_*.py")
        for room in ROOMS:
            if room != "analyses":
                yield from (folder / room).rglob("*.py")
    for top in sorted({entry.module.partition(".")[0] for room in ROOMS for entry in _entries(room)}):
        if (origin := _origin(top)) is not None:
            yield from origin.parent.rglob("*.py") if origin.name == "__init__.py" else [origin]


def _entries(room: str) -> Iterable[EntryPoint]:
    """Entry points of one room, in an order of their own."""
    return _entry_points().get(room, ())


@cache
def _entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by room. Reading them opens a file of each installed package, so it is done once."""
    every = entry_points()
    return {room: tuple(sorted(every.select(group=f"workbench.{room}"), key=lambda each: each.value)) for room in ROOMS}


def _origin(dotted: str) -> Path | None:
    """Find the file of an entry point's module; None where there is none, which is said in one line."""
    try:
        spec = find_spec(dotted)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        leave_out(Path(dotted), error)
        return None
    if spec is None or spec.origin is None:
        leave_out(Path(dotted), "there is no module of this name, as its entry point says")
        return None
    return Path(spec.origin)


def _package(folder: Path) -> str:
    """Return the name under which a folder's modules are imported; it is on no search path, so it shadows nothing."""
    name = f"workbench_plugins_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        package = ModuleType(name, f"The plug-ins of {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name
