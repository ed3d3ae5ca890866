"""Results as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def markdown_table(frame: pd.DataFrame) -> str:
    """Write a table as Markdown, all of it."""
    return "\n".join(_rows([str(name) for name in frame.columns], frame.astype(object).to_numpy().tolist()))


def _rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    head = [markdown(column.replace("_", " ")) for column in columns]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(map(_cell, row))} |" for row in rows]


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else markdown(value)


def markdown(value: object) -> str:
    """Write text so that Markdown shows it as it is: one line, no markup, no link, no mention."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    plain = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", html.escape(line, quote=False))
    plain = re.sub(r"^([-+#=]|\d+(?=[.)]))", lambda start: f"&#{ord(start[0][0])};{start[0][1:]}", plain)
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")
