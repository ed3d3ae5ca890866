"""Where each library lives: environments of their own under `.venv-peers`, since their wishes exclude each other."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2] / ".venv-peers"


@dataclass(frozen=True)
class Library:
    """One library that is compared.

    Attributes:
        script: what runs it.
        environment: folder under `.venv-peers`; "" for our own environment.
        packages: what pip is asked for beside the versions in `<environment>.txt`; nothing, if that file is all of it.
    """

    script: str
    environment: str = ""
    packages: tuple[str, ...] = ()


LIBRARIES = {
    "tf-keras-vis": Library("keras_vis_peers.py"),
    "xplique": Library("xplique_peers.py", "xplique"),
    "captum": Library("torch_peers.py", "torch", ("torch", "captum")),
    "zennit": Library("torch_peers.py", "torch", ("torch", "zennit")),
    "torchcam": Library("torch_peers.py", "torch", ("torch", "torchcam")),
    "pytorch-grad-cam": Library("torch_peers.py", "torch", ("torch", "grad-cam")),
}


class NotInstalledError(Exception):
    """A library cannot be had here; the text says why in a line."""


def python(name: str) -> str:
    """Return the Python that runs a library, installing what it needs if it is not there.

    Raises:
        NotInstalledError: if that fails.
    """
    library = LIBRARIES[name]
    if not library.environment:
        return sys.executable
    versions, folder = HERE / f"{library.environment}.txt", ROOT / library.environment
    wanted, stamp = versions.read_text(), folder / f".installed-{name}"
    executable = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == wanted:
        return str(executable)
    if not executable.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    how = ["-c", str(versions), *library.packages] if library.packages else ["--no-deps", "-r", str(versions)]
    _run([str(executable), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *how])
    stamp.write_text(wanted)
    return str(executable)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise NotInstalledError(reason(done.stdout))


def reason(output: str) -> str:
    """Choose the line of a failed command's output that says most: pip's first error, else the last one of all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it says nothing"]
    errors = [line for line in reversed(lines) if re.match(r"(\w+\.)*\w*error\b", line, re.IGNORECASE)]
    return next((line for line in lines if line.startswith("ERROR: ")), errors[0] if errors else lines[-1])
