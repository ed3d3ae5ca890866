"""What pyproject.toml cannot say: the committed runs lie beside the package, and are installed inside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RUNS = ("baseline", "residual")
"""The runs that come with the workbench; others in saved_models/ are the developer's own."""


class BuildWithRuns(build_py):
    """Copies packages, and the committed runs to workbench/saved_models, where `training.runs` finds them."""

    def run(self) -> None:
        """Start from nothing: analyses are found by their presence, so a file of an older build would be one."""
        if not self.editable_mode:  # an editable install finds the runs beside the package
            for package in ("workbench", "analyses"):
                shutil.rmtree(Path(self.build_lib) / package, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, target in self._runs():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name every file that is built."""
        runs = [] if self.editable_mode else [str(target) for _, target in self._runs()]
        return [*super().get_outputs(include_bytecode), *runs]

    def get_source_files(self) -> list[str]:
        """Name every file that a source distribution needs."""
        return [*super().get_source_files(), *(str(source) for source, _ in self._runs())]

    def _runs(self) -> list[tuple[Path, Path]]:
        """Each file of a run and where it is built; checkpoints of a training are left out."""
        files = [file for run in RUNS for file in sorted(Path("saved_models", run).iterdir()) if file.is_file()]
        return [(file, Path(self.build_lib, "workbench", file)) for file in files]


setup(cmdclass={"build_py": BuildWithRuns})
