"""Results as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.core.wording import cell

if TYPE_CHECKING:
    import pandas as pd


def markdown_table(frame: pd.DataFrame) -> str:
    """Write a table as Markdown, all of it."""
    return "\n".join(table_lines([str(name) for name in frame.columns], frame.astype(object).to_numpy().tolist()))


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Write columns and rows as the lines of a Markdown table."""
    head = [markdown(column.replace("_", " ")) for column in columns]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(markdown(cell(value)) for value in row)} |" for row in rows]


def markdown(value: object) -> str:
    """Write text so that Markdown shows it as it is: one line, no markup, no link, no mention."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    plain = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", html.escape(line, quote=False))
    plain = re.sub(r"^([-+#=]|\d+(?=[.)](?:\s|$)))", lambda start: f"&#{ord(start[0][0])};{start[0][1:]}", plain)
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")
