"""Recipes as files: TOML that a person writes, and the settings that a run was trained with."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.core.checksum import check_record
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import describe, make
from workbench.core.text_file import read_text, read_toml
from workbench.training.recipes import RECIPES, Recipe, recipe

TABLE, BASE = "recipe", "based_on"


def open_recipe(source: str, changes: Mapping[str, Any] | None = None) -> tuple[str, Recipe]:
    """Return a recipe's name and the recipe, with some settings changed; those that are None stay.

    Args:
        source: name of a recipe, path of a TOML file, or path of a run's folder or `run.json`.
        changes: settings by name.

    A TOML file has the settings at its top or in a table `[recipe]`, and what it leaves out is that of the recipe it
    is `based-on`, `report` if it does not say so. Its name is that of the file.

    Raises:
        WorkbenchError: if there is no such recipe or file, it cannot be read, a setting is unknown (offers the
            nearest) or out of its range, or two do not go together.
    """
    if source in RECIPES:
        return source, recipe(source, changes)
    path = Path(source)
    if path.is_dir() and (path / "run.json").is_file():
        path = path / "run.json"
    if path.suffix not in (".toml", ".json"):
        raise unknown("recipe", source, [*RECIPES, "FILE.toml", "RUN/run.json"])
    name, settings = _of_run(path) if path.suffix == ".json" else _of_toml(path)
    changed = {key: value for key, value in (changes or {}).items() if value is not None}
    try:
        return name, make(Recipe, {**settings, **changed})
    except WorkbenchError as error:
        raise WorkbenchError(f"{path}: {error}") from None


def _of_toml(path: Path) -> tuple[str, dict[str, Any]]:
    found = read_toml(path, "recipe")
    table = found.get(TABLE, found)
    if not isinstance(table, dict):
        raise WorkbenchError(f"{path}: `{TABLE}` must be a table, [{TABLE}], with the settings in it. Got {table!r}.")
    if table is not found and (others := [key for key in found if key != TABLE]):
        raise WorkbenchError(f"{path}: put {others[0]!r} into the table [{TABLE}] too, or leave the table out.")
    settings = {key.replace("-", "_"): value for key, value in table.items()}
    base = settings.pop(BASE, "report")
    if base not in RECIPES:
        raise unknown("recipe", base, RECIPES, where=f"`based-on` of {path}")
    for key in settings:
        if key not in Recipe.model_fields:
            raise unknown("setting", key, [*Recipe.model_fields, "based-on"], where=str(path))
    return path.stem, {**RECIPES[base].model_dump(), **settings}


def _of_run(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        found = json.loads(read_text(path, "recipe"))
    except (ValueError, RecursionError) as error:
        raise WorkbenchError(f"{path} is not JSON: {error}.") from None
    settings = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(settings, dict):
        raise WorkbenchError(f"{path} is not the run.json of a run: it has no `settings`.")
    check_record(found, path, needed=bool(found.get("files")), remedy="or else name a recipe, or a run that is whole")
    return str(found.get("recipe") or path.parent.name), settings


def as_toml(settings: Recipe) -> str:
    """Write a recipe as TOML, each setting under what it means, so that a person can change it."""
    lines = ["[recipe]"]
    for parameter in describe(Recipe):
        choices = f" One of {', '.join(parameter.options)}." if parameter.options else ""
        said = textwrap.wrap(parameter.help + choices, 100)
        lines += [*(f"# {line}" for line in said), f"{parameter.name} = {_value(getattr(settings, parameter.name))}"]
    return "\n".join(lines) + "\n"


def _value(value: bool | float | str) -> str:
    """Write one value as TOML does; JSON's words are the same for these."""
    return json.dumps(value)
