"""What every extension owes: the same checks for the workbench's own, in its tests, and for plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.attribution.methods import METHODS
from workbench.core import plugins
from workbench.core.discovery import Catalogue
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.data.properties import BROUGHT
from workbench.data.sources import sources as known_sources  # `sources` is the module beside this one
from workbench.diagnosis.contracts.check import Broken, Check
from workbench.diagnosis.faults import FAULTS
from workbench.diagnosis.registry import ANALYSES
from workbench.exporting.formats import FORMATS
from workbench.faithfulness.measures import MEASURES
from workbench.training.architectures import architectures

LOADS = "it can be loaded, and its name is its own"
CATALOGUES: Mapping[str, Catalogue[Any]] = {
    "analyses": ANALYSES,
    "faults": FAULTS,
    "formats": FORMATS,
    "measures": MEASURES,
    "methods": METHODS,
    "properties": BROUGHT,
}


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Attributes:
        what: the plug-in, "methods/gradient-l2".
        claim: what it owes.
        broken: why that does not hold, one line; empty where it does.
    """

    what: str
    claim: str
    broken: str = ""


def try_plugins(folder: Path) -> Iterator[Outcome]:
    """Try everything that a plug-in folder brings; `WORKBENCH_PLUGINS` names it.

    Raises:
        WorkbenchError: if it brings nothing.
    """
    found = [(room, module) for room in plugins.ROOMS for module in plugins.modules(room) if _inside(module, folder)]
    if not found:
        raise WorkbenchError(f"{folder} brings nothing: no .py file in any of {', '.join(plugins.ROOMS)}.")
    trials: dict[str, Any] = {}
    for place, (room, module) in enumerate(found):
        report("Checking plug-ins", place, len(found))
        name, broken = _loaded(room, module)
        what = f"{room}/{name}"
        yield Outcome(what, LOADS, broken)
        if broken:
            continue
        checks, trial = _checks(room)
        if room not in trials:
            trials[room] = trial()
        for check in checks:
            yield Outcome(what, check.claim, _broken(check, trials[room], name))
    report("Checking plug-ins", len(found), len(found))


def _loaded(room: str, module: plugins.Module) -> tuple[str, str]:
    """Return the name of what a module brings, and why it cannot be had."""
    name = module.name.replace("_", "-")
    try:
        if room == "sources":
            loaded = plugins.load(module)
            name = getattr(loaded, "NAME", name) if loaded is not None else name
            there = name in known_sources()
        elif room == "architectures":
            there = name in architectures()
        else:
            there = name in CATALOGUES[room].all()
    except WorkbenchError as error:
        return name, plugins.in_a_line(error)
    return name, "" if there else plugins.reason(module.path) or "It is not found."


def _checks(room: str) -> tuple[tuple[Check, ...], Callable[[], Any]]:
    """Return the checks of a room, and what makes the trial that they share."""
    if room == "analyses":
        from workbench.diagnosis.contracts.analyses import CHECKS as OF_ANALYSES
        from workbench.diagnosis.contracts.sessions import Sessions

        return OF_ANALYSES, Sessions
    if room in ("methods", "measures"):
        from workbench.diagnosis.contracts.measures import CHECKS as OF_MEASURES
        from workbench.diagnosis.contracts.methods import CHECKS as OF_METHODS
        from workbench.diagnosis.contracts.trial import Trial

        return OF_METHODS if room == "methods" else OF_MEASURES, Trial
    if room == "properties":
        from workbench.diagnosis.contracts.properties import CHECKS as OF_PROPERTIES

        return OF_PROPERTIES, lambda: None
    if room == "sources":
        from workbench.diagnosis.contracts.sources import CHECKS as OF_SOURCES

        return OF_SOURCES, lambda: None
    return (), lambda: None


def _broken(check: Check, trial: Any, name: str) -> str:
    """Run a check; return why it does not hold, or nothing."""
    try:
        check.run(trial, name)
    except Broken as error:
        return plugins.in_a_line(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plug-in may raise anything
        return plugins.in_a_line(f"{type(error).__name__}: {error}")
    return ""


def _inside(module: plugins.Module, folder: Path) -> bool:
    return module.path.resolve().is_relative_to(folder.resolve())
