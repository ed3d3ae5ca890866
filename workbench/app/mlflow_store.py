"""What a command found as a run of MLflow: parameters, metrics, figures, and the report.

The run is "running" until the last file is there: one that was killed is never taken for a whole one.
"""

from __future__ import annotations

import base64
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import Unavailable
from workbench.core.extras import require
from workbench.core.files import write_file
from workbench.core.wording import cell
from workbench.statistics.calibration import scores
from workbench.statistics.confusion import confusion_counts, recall
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.report.content import Report
    from workbench.core.estimate import Estimate
    from workbench.diagnosis.comparison import Comparison
    from workbench.diagnosis.diagnose import Diagnosis
    from workbench.session.session import Session

EXPERIMENT = "workbench"
LONGEST = 500
"""Characters of a parameter, which every store of MLflow takes."""
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing is told to anyone but the store
    "MLFLOW_ALLOW_FILE_STORE": "true",  # who names a folder means it; MLflow would rather have a database
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


class Store:
    """A store of MLflow that was reached, and what is logged there.

    Args:
        uri: a folder, or an address as MLflow takes it.

    Raises:
        Unavailable: if mlflow is not installed, or the store cannot be reached.
    """

    def __init__(self, uri: str) -> None:
        require("mlflow", extra="mlflow", what="`--mlflow`")
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._uri = uri
        with self._told():
            self._client = MlflowClient(tracking_uri=uri if ":" in uri else Path(uri).resolve().as_uri())
            known = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = self._client.create_experiment(EXPERIMENT) if known is None else known.experiment_id

    def log(
        self,
        name: str,
        command: str,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        history: pd.DataFrame | None = None,
        files: Mapping[str, bytes],
    ) -> str:
        """Log a run.

        Args:
            name: of the run.
            command: which it comes from.
            params: by name; those without a value are left out.
            metrics: by name; those that are not finite are left out.
            history: learning curves, one row an epoch.
            files: by their paths.

        Returns:
            The run's identifier.

        Raises:
            Unavailable: if the store does not take it.
        """
        from mlflow.entities import Metric, Param

        with self._told(), tempfile.TemporaryDirectory(prefix="workbench-mlflow-") as folder:
            run = self._client.create_run(self._experiment, run_name=name, tags={"workbench.command": command}).info
            told = [Param(key, cell(value)[:LONGEST]) for key, value in params.items() if value not in (None, "", ())]
            measured = [Metric(key, value, run.start_time, 0) for key, value in metrics.items() if math.isfinite(value)]
            for step, row in enumerate([] if history is None else history.to_dict("records"), 1):
                numbers = {str(key): float(value) for key, value in row.items() if isinstance(value, int | float)}
                measured += [
                    Metric(key, value, run.start_time, step) for key, value in numbers.items() if math.isfinite(value)
                ]
            for part in range(0, max(len(measured), len(told)), 100):  # a batch's most
                self._client.log_batch(run.run_id, measured[part : part + 100], told[part : part + 100])
            for path, content in files.items():
                place = Path(folder) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                write_file(place, content)
            self._client.log_artifacts(run.run_id, folder)
            self._client.set_terminated(run.run_id)
        return str(run.run_id)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one sentence what the store said."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            said = " ".join(str(error).split())[:300].rstrip(".")
            raise Unavailable(
                f"MLflow's store {self._uri} does not take a run: {said}. Give --mlflow a folder, or the address of a "
                "tracking server."
            ) from None


def facts_of(session: Session) -> dict[str, object]:
    """Return what a run was made of: parameters by name."""
    facts: dict[str, object] = {
        name: session.context[name] for name in ("run", "dataset", "images", "classes", "model", "data")
    }
    if session.run is not None:
        made = session.run.manifest
        facts |= {"architecture": made.architecture, "recipe": made.recipe, "seed": made.seed, "epochs": made.epochs}
        facts |= {f"recipe.{name}": value for name, value in made.settings.items()}
    return facts


def metrics_of(session: Session, found: Diagnosis) -> dict[str, float]:
    """Return how good a model is, and how many problems of each severity were found: numbers by name."""
    said = session.predictions
    counts = confusion_counts(said.labels, said.predicted, len(session.class_names))
    measured = _ends("accuracy", rate(int(said.correct.sum()), len(said))) | _ends("ece", scores(said)["ece"])
    measured |= {"errors": float((~said.correct).sum()), "lowest_recall": float(np.nanmin(recall(counts)))}
    levels = [str(each.finding.severity) for each in found.findings]
    return measured | {f"problems_{name}": float(levels.count(name)) for name in ("critical", "serious", "mild")}


def metrics_of_comparison(found: Comparison) -> dict[str, float]:
    """Return what a comparison says in numbers, by name."""
    measured = _ends("difference", found.difference) | _ends("kappa", found.agreement[1])
    measured |= {"accuracy_first": found.accuracies[0].value, "accuracy_second": found.accuracies[1].value}
    return measured | {"p": found.chance, **{name: float(count) for name, count in found.counts.items()}}


def files_of(made: Report, *sessions: Session) -> dict[str, bytes]:
    """Return a report and its figures as files.

    Args:
        made: the report.
        sessions: whose folders are not to be named.
    """
    from workbench.app.report.document import as_html
    from workbench.app.report.paths import without_folders
    from workbench.app.report.text import as_markdown

    hidden = without_folders(*sessions)
    files: dict[str, Any] = {"report.html": as_html(made, hidden), "report.md": as_markdown(made, hidden)}
    pictures = {f"figures/{each.name}.png": base64.b64decode(each.uri.partition(",")[2]) for each in made.charts}
    return {name: text.encode() for name, text in files.items()} | pictures


def _ends(name: str, known: Estimate) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, known), strict=True))
