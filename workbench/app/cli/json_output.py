"""Results for other programs."""

from __future__ import annotations

import json

import click

from workbench.core.jsonable import jsonable, records

__all__ = ["jsonable", "records", "show_json"]


def show_json(value: object) -> None:
    """Write JSON, NaN as null; Unicode stays readable, control characters are escaped."""
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False))
