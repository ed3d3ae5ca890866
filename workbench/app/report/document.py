"""A report as one HTML file: pictures inside, no script, nothing asked of a network, prints to A4."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.app.markup import Html, code
from workbench.app.report.words import limits, methods, sections

if TYPE_CHECKING:
    from jinja2 import Environment

    from workbench.app.report.content import Report

HERE = Path(__file__).parent


def as_html(report: Report, written: Callable[[str], str]) -> str:
    """Write a report as HTML.

    Args:
        report: what it says.
        written: what each text goes through before it is escaped, see `without_folders`.
    """
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            written=written,
            report=report,
            css=Html((HERE / "report.css").read_text(encoding="utf-8").strip()),
            version=__version__,
            methods=list(methods(report)),
            limits=list(limits(report)),
            sections=list(sections(report)),
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
    from jinja2.runtime import Context

    @pass_context
    def text(context: Context, value: Any) -> Any:
        """Escape text, with the control characters in it made visible; what is HTML already stays as it is."""
        if not isinstance(value, str) or hasattr(value, "__html__") or value.startswith("data:image/"):
            return value  # jinja escapes what is no HTML
        return Html.escape(context["written"](value).replace(" %", "\u00a0%"))

    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, finalize=text, undefined=StrictUndefined, trim_blocks=False
    )

    @pass_context
    def sentence(context: Context, value: str) -> Html:
        """Escape a sentence as `text` does, and set what stands in backticks as code."""
        return code(context["written"](value).replace(" %", "\u00a0%"))

    made.filters |= {"code": sentence, "capitalize_first": lambda words: words[:1].upper() + words[1:]}
    return made
