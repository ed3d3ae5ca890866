"""A policy that a person wrote, in TOML."""

import atexit
import tempfile
from pathlib import Path

from workbench.diagnosis.policy import Policy
from workbench.diagnosis.policy.reading import read_policy

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)


def seeds() -> list[bytes]:
    return [
        b'min-accuracy = 0.9\nmax-ece = 0.05\nmax-severity = "mild"\nallowed-kinds = ["label-noise"]\nfast = true\n',
        b'max-drop = 0.01\nagainst = "baseline"\n[min-recall]\n"*" = 0.5\nShirt = 0.7\n',
        b'min-recall = 0.5\n[[slices]]\nwhere = "brightness<0.2"\nmin-accuracy = 0.8\nname = "dark"\n',
    ]


def attack(data: bytes) -> None:
    path = Path(FOLDER.name) / "policy.toml"
    path.write_bytes(data)
    assert isinstance(read_policy(path), Policy)
