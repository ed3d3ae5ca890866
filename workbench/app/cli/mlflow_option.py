"""`--mlflow`: what a command found goes to a store of MLflow, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.app.cli.program import plain

if TYPE_CHECKING:
    import pandas as pd

    from workbench.app.mlflow_store import Store
    from workbench.diagnosis.comparison import Comparison
    from workbench.diagnosis.diagnose import Diagnosis
    from workbench.session.session import Session

mlflow_option = click.option(
    "--mlflow",
    metavar="URI",
    help="Log parameters, metrics, figures and the report to this MLflow store, too: a folder, or a server's address.",
)


def store_of(uri: str | None) -> Store | None:
    """Reach the store before anything long begins; None where none was named."""
    if uri is None:
        return None
    from workbench.app.mlflow_store import Store

    return Store(uri)


def log_session(
    store: Store | None,
    command: str,
    session: Session,
    *,
    found: Diagnosis | None = None,
    versus: Comparison | None = None,
    history: pd.DataFrame | None = None,
) -> None:
    """Log what is known of a model; nothing where no store was named.

    Args:
        store: where to.
        command: which it comes from.
        session: the model and its data; of a comparison the first.
        found: its diagnosis; made with what takes seconds, if not given.
        versus: a comparison with another one.
        history: learning curves.
    """
    if store is None:
        return
    from workbench.app.mlflow_store import facts_of, files_of, metrics_of, metrics_of_comparison
    from workbench.app.report.gathering import gather
    from workbench.diagnosis.diagnose import diagnose

    found = found or diagnose(session, quick=True)
    against = None if versus is None else versus.second
    source = [] if session.run is None else [session.run.path.name]
    made = gather(session, found=found, compared=versus, source=source)
    params, metrics, name = facts_of(session), metrics_of(session, found), session.name
    if versus is not None:
        name = " → ".join(versus.names)
        params |= {f"second.{key}": value for key, value in facts_of(versus.second).items()}
        metrics |= metrics_of_comparison(versus)
    files = files_of(made, *([session] if against is None else [session, against]))
    key = store.log(name, command, params=params, metrics=metrics, history=history, files=files)
    click.echo(plain(f"Logged to MLflow as run {key}."), err=True)
