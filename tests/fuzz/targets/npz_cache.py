"""Files of the cache: as they are, and with right checksums around whatever they hold."""

import atexit
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.core.array_file import ArrayFile, write_arrays
from workbench.core.cache import load_arrays, load_result, save_result
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.result import Result

LOG = logging.getLogger("workbench.core.cache")
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
PATH = Path(FOLDER.name) / "one.npz"


def seeds() -> list[bytes]:
    finding = Finding("It is.", severity="mild", effect=Estimate(0.5, 0.4, 0.6), evidence=(1, 2))
    table = pd.DataFrame({"row": [1, 2], "name": ["a", "b"]})
    save_result(PATH, Result(tables={"t": table}, arrays={"x": np.eye(3)}, findings=(finding,), notes={"n": 1}))
    return [PATH.read_bytes(), load_arrays(PATH)["meta"].tobytes()]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep thousands of warnings from the terminal, here and nowhere else."""

    def nothing(_: logging.LogRecord) -> bool:
        return False

    LOG.addFilter(nothing)
    try:
        yield
    finally:
        LOG.removeFilter(nothing)


def attack(data: bytes) -> None:
    with quiet():
        _attack(data)


def _attack(data: bytes) -> None:
    if data[:2] == b"PK":
        PATH.write_bytes(data)
        found = load_result(PATH)  # None where it is damaged, and never an error
        assert found is None or isinstance(found, Result)
        PATH.write_bytes(data)
        with ArrayFile(PATH) as file:
            arrays = {name: file[name] for name in file}
    else:
        arrays = {"array/x": np.eye(3), "table/t/0": np.arange(2), "meta": np.frombuffer(data, np.uint8)}
    write_arrays(PATH, arrays, packed=False)
    found = load_result(PATH)
    assert found is None or isinstance(found, Result)
