"""Another model beside the one that a command works on, and what is typed to work on the same again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.cli.options import Source
    from workbench.diagnosis.opening import Session


def open_other(source: Source, session: Session, what: str) -> Session:
    """Open another run, model file or saved predictions on the data of a session that a command works on."""
    from workbench.diagnosis.opening import open_beside

    where = {"data": source.data, "split": source.split, "data_dir": source.data_dir}
    return open_beside(session, what, engine=source.engine, **where, **source.reading)


def typed(source: Source, *, elsewhere: bool = False) -> Iterator[str]:
    """Yield what is typed behind a command to work on the same; for others elsewhere, files without their folders."""

    def shown(path: str | Path) -> str:
        return Path(path).name if elsewhere else str(path)

    if source.run is not None:
        yield shown(source.run)
    for option, given in (
        ("--model", source.model),
        ("--data", source.data),
        ("--predictions", source.predictions),
        ("--hierarchy", source.hierarchy),
    ):
        if given is not None:
            yield from (option, shown(given))
    for name in ("fit", "interpolation"):
        if name in source.reading:
            yield from (f"--{name}", str(source.reading[name]))
    for name, usual in (("preprocessing", None), ("tokens", None), ("engine", "auto"), ("split", "test")):
        if (value := getattr(source, name)) != usual:
            yield from (f"--{name}", value)
