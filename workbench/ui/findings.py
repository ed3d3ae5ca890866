"""Findings, and the images that show them, as links into the error explorer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from workbench.contracts import Dataset, Finding
from workbench.ui.pictures import fit, tag
from workbench.ui.words import href, number

EVIDENCE = 12
BOX = 56
ORDER = ("critical", "serious", "mild", "info")


def findings_html(
    findings: Iterable[Finding], dataset: Dataset, picture: Callable[[int, int], str], *, evidence: int = EVIDENCE, more: str = ""
) -> str:
    """Build the list; `more` is HTML put at the end of each finding."""
    items = "".join(_finding(each, dataset, picture, evidence, more) for each in findings)
    return f'<ul class="findings">{items}</ul>' if items else ""


def _finding(finding: Finding, dataset: Dataset, picture: Callable[[int, int], str], evidence: int, more: str) -> str:
    interval = ""
    if finding.interval is not None:
        low, high = (number(end) for end in finding.interval)
        value = "" if finding.value is None else f"{number(finding.value)}, "
        interval = f'<small class="interval">{value}95 % interval {low} to {high}</small>'
    advice = f'<p class="advice">{escape(finding.advice)}</p>' if finding.advice else ""
    return (
        f'<li class="finding {escape(finding.severity)}"><p><span class="severity">{escape(finding.severity)}</span> '
        f"{escape(finding.claim)} {interval}</p>{advice}{evidence_html(finding.evidence, dataset, picture, evidence)}{more}</li>"
    )


def evidence_html(rows: Iterable[int], dataset: Dataset, picture: Callable[[int, int], str], limit: int = EVIDENCE) -> str:
    """Show images of the dataset as links into the error explorer."""
    known = [int(row) for row in rows if 0 <= row < len(dataset)]
    size = fit(*dataset.image_shape[:2], BOX)
    links = []
    for row in known[:limit]:
        title = f"image {int(dataset.indices[row])}, {dataset.class_names[int(dataset.labels[row])]}"
        image = tag(picture(row, max(size.width, size.height)), size, title)
        query = href({"section": "errors", "image": str(row)})
        links.append(f'<a href="{query}" title="{escape(title)}">{image}</a>')
    rest = f"<span>… {len(known) - limit:,} more</span>" if len(known) > limit else ""
    return f'<div class="evidence">{"".join(links)}{rest}</div>' if links else ""
