"""How a command prints its answer: a table for people, JSON, or CSV."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from workbench.app.cli.options import Choice, json_option
from workbench.core.errors import WorkbenchError

TABLE, JSON, CSV = "table", "json", "csv"


def format_options(what: str) -> list[click.Option]:
    """`--format`, and `--json` for one of its values; `what` says what is written as CSV."""
    chosen = Choice("format", (TABLE, JSON, CSV))
    said = f"How it is printed: a table for people, JSON with everything, or {what} as CSV.  [default: table]"
    return [json_option(), click.Option(["--format", "form"], type=chosen, help=said)]


def with_format(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Call a command with `form`, one of TABLE, JSON and CSV, by `format_options`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*, as_json: bool, form: str | None, **others: Any) -> Any:
            return function(form=format_of(as_json, form), **others)

        call.__click_params__ = [*getattr(function, "__click_params__", []), *reversed(format_options(what))]  # type: ignore[attr-defined]
        return call

    return decorate


def format_of(as_json: bool, form: str | None) -> str:
    """Return which of the formats was asked for.

    Raises:
        WorkbenchError: if two were.
    """
    if as_json and form not in (None, JSON):
        raise WorkbenchError(f"Give `--json` or `--format {form}`, not both.")
    return JSON if as_json else form or TABLE
