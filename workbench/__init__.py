"""Where is my image classifier wrong, why, and may I believe the picture?

    import workbench as wb
    session = wb.open_session("baseline")
    session.analyze("most-confused", top=5)

Names are loaded when they are first used: `import workbench` alone costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.attribution import Attribution, Verdict
    from workbench.contracts import Dataset, Finding, Predictions
    from workbench.datasets import load_dataset
    from workbench.datasets.registered import register_dataset
    from workbench.diagnosis import diagnose
    from workbench.errors import WorkbenchError
    from workbench.explainers import explainers as methods
    from workbench.exporting import Export, export
    from workbench.opening import open_session
    from workbench.probe import Probe
    from workbench.registry import analyses
    from workbench.result import Result
    from workbench.runs import list_runs, open_run
    from workbench.session import Session

_HOMES = {
    "Attribution": "attribution", "Verdict": "attribution", "Dataset": "contracts", "Finding": "contracts",
    "Predictions": "contracts", "stream_maps": "streams",
    "Probe": "probe", "Result": "result", "WorkbenchError": "errors", "list_runs": "runs", "open_run": "runs",
    "load_dataset": "datasets", "register_dataset": "datasets.registered", "analyses": "registry",
    "diagnose": "diagnosis", "Export": "exporting", "export": "exporting",
    "methods": "explainers:explainers",  # a package called `explainers` would hide a function of that name
    # Through the registry, so that `session.analyze` knows the analyses.
    "Session": "registry", "open_session": "registry",
}  # fmt: skip

__all__ = [
    "Attribution", "Dataset", "Export", "Finding", "Predictions", "Probe", "Result", "Session", "Verdict",
    "WorkbenchError", "analyses", "diagnose", "export", "list_runs", "load_dataset", "methods", "open_run",
    "open_session", "register_dataset", "stream_maps",
]  # fmt: skip

try:
    __version__ = version("classifier-workbench")
except PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    home, _, inside = _HOMES[name].partition(":")
    return getattr(import_module(f"workbench.{home}"), inside or name)


def __dir__() -> list[str]:
    return sorted(__all__)
