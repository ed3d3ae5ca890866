"""Benchmarks against a known truth, one a file or folder; one is found by the presence of its module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.diagnosis.benchmark import Benchmark

BENCHMARKS: Catalogue[Benchmark] = Catalogue(__name__, "workbench.diagnosis.benchmark:Benchmark", "benchmark")


def benchmarks() -> dict[str, type[Benchmark]]:
    """Return every benchmark by its name, the name of its module with `-`."""
    return BENCHMARKS.all()


def benchmark(name: str) -> type[Benchmark]:
    """Return one benchmark by its name; see `Catalogue.get`."""
    return BENCHMARKS.get(name)
