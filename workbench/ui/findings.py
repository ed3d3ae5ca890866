"""Findings, and the images that show them, as links into the error explorer."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.contracts import Dataset, Finding
from workbench.ui.pictures import Picture, fit, tag
from workbench.ui.words import element, escape, link, number

EVIDENCE = 12
BOX = 56
ORDER = ("critical", "serious", "mild", "info")


def findings_html(
    findings: Iterable[Finding],
    dataset: Dataset,
    picture: Picture,
    *,
    evidence: int = EVIDENCE,
    more: str = "",
) -> str:
    """Build the list; `more` is HTML put at the end of each finding."""
    items = "".join(_finding(each, dataset, picture, evidence, more) for each in findings)
    return f'<ul class="findings">{items}</ul>' if items else ""


def _finding(finding: Finding, dataset: Dataset, picture: Picture, evidence: int, more: str) -> str:
    interval = ""
    # Some claims say their interval themselves.
    if finding.interval is not None and "interval" not in finding.claim:
        low, high = (number(end) for end in finding.interval)
        value = "" if finding.value is None else f"{number(finding.value)}, "
        interval = f' <small class="interval">{value}95 % interval {low} to {high}</small>'
    severity = element("span", escape(finding.severity), class_="severity")
    advice = element("p", escape(finding.advice), class_="advice") if finding.advice else ""
    images = evidence_html(finding.evidence, dataset, picture, evidence)
    said = f"<p>{severity} {escape(finding.claim)}{interval}</p>"
    return element("li", said + advice + images + more, class_=f"finding {finding.severity}")


def evidence_html(rows: Iterable[int], dataset: Dataset, picture: Picture, limit: int = EVIDENCE) -> str:
    """Show images of the dataset as links into the error explorer."""
    known = [int(row) for row in rows if 0 <= row < len(dataset)]
    size = fit(*dataset.image_shape[:2], BOX)
    links = []
    for row in known[:limit]:
        title = f"image {int(dataset.indices[row])}, {dataset.class_names[int(dataset.labels[row])]}"
        image = tag(picture(row, max(size.width, size.height)), size, title)
        links.append(link(image, {"section": "errors", "image": str(row)}, title=title))
    rest = f"<span>… {len(known) - limit:,} more</span>" if len(known) > limit else ""
    return f'<div class="evidence">{"".join(links)}{rest}</div>' if links else ""
