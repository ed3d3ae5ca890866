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
    from workbench.attribution.methods import explainers as methods
    from workbench.core.attribution import Attribution, Verdict
    from workbench.core.dataset import Dataset
    from workbench.core.errors import WorkbenchError
    from workbench.core.finding import Finding
    from workbench.core.predictions import Predictions
    from workbench.core.result import Result
    from workbench.data import load_dataset
    from workbench.data.user_sources import register_dataset
    from workbench.diagnosis.advice import Advice, advise
    from workbench.diagnosis.comparison import Comparison, compare
    from workbench.diagnosis.diagnose import diagnose
    from workbench.diagnosis.opening import Session, open_session
    from workbench.diagnosis.policy.checking import check
    from workbench.diagnosis.registry import analyses
    from workbench.diagnosis.several_runs import SeveralRuns, compare_several
    from workbench.exporting.export import Export, export
    from workbench.models.probe import Probe
    from workbench.session.map_files import stream_maps
    from workbench.session.next_labels import NextLabels, next_labels
    from workbench.statistics.label_noise import label_noise
    from workbench.training.proof import Proof, prove
    from workbench.training.retraining import retrain
    from workbench.training.runs import list_runs, open_run

_HOMES = {
    "Advice": "diagnosis.advice",
    "Attribution": "core.attribution",
    "Comparison": "diagnosis.comparison",
    "Dataset": "core.dataset",
    "Export": "exporting.export",
    "Finding": "core.finding",
    "NextLabels": "session.next_labels",
    "Predictions": "core.predictions",
    "Probe": "models.probe",
    "Proof": "training.proof",
    "Result": "core.result",
    "Session": "diagnosis.opening",
    "SeveralRuns": "diagnosis.several_runs",
    "Verdict": "core.attribution",
    "WorkbenchError": "core.errors",
    "advise": "diagnosis.advice",
    "analyses": "diagnosis.registry",
    "check": "diagnosis.policy.checking",
    "compare": "diagnosis.comparison",
    "compare_several": "diagnosis.several_runs",
    "diagnose": "diagnosis.diagnose",
    "export": "exporting.export",
    "label_noise": "statistics.label_noise",
    "list_runs": "training.runs",
    "load_dataset": "data",
    "methods": "attribution.methods:explainers",
    "next_labels": "session.next_labels",
    "open_run": "training.runs",
    "open_session": "diagnosis.opening",
    "prove": "training.proof",
    "register_dataset": "data.user_sources",
    "retrain": "training.retraining",
    "stream_maps": "session.map_files",
}

__all__ = [
    "Advice",
    "Attribution",
    "Comparison",
    "Dataset",
    "Export",
    "Finding",
    "NextLabels",
    "Predictions",
    "Probe",
    "Proof",
    "Result",
    "Session",
    "SeveralRuns",
    "Verdict",
    "WorkbenchError",
    "advise",
    "analyses",
    "check",
    "compare",
    "compare_several",
    "diagnose",
    "export",
    "label_noise",
    "list_runs",
    "load_dataset",
    "methods",
    "next_labels",
    "open_run",
    "open_session",
    "prove",
    "register_dataset",
    "retrain",
    "stream_maps",
]

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
