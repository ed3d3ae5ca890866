"""A recipe that a person wrote, in TOML, and the settings of a run, in JSON."""

import atexit
import json
import tempfile
from pathlib import Path

from workbench.training.recipe_files import as_toml, open_recipe
from workbench.training.recipes import recipe

from .run_files import MANIFEST

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)


def seeds() -> list[bytes]:
    return [
        as_toml(recipe("tuned")).encode(),
        b'based-on = "augmented"\nrotation = 5.5\nflip = false\n',
        json.dumps({**MANIFEST, "settings": recipe("augmented").model_dump()}).encode(),
    ]


def attack(data: bytes) -> None:
    path = Path(FOLDER.name) / ("run.json" if data[:1] == b"{" else "mine.toml")
    path.write_bytes(data)
    name, found = open_recipe(str(path))
    assert isinstance(name, str) and found.epochs > 0
