"""Findings, and the images that show them: those under study as links into the error explorer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.app.page.html import count, element, escape, link, number
from workbench.app.page.pictures import Part, Parts, fit, tag
from workbench.core.finding import Finding

EVIDENCE = 12
BOX = 56
ORDER = ("critical", "serious", "mild", "info")


def findings_html(findings: Iterable[Finding], parts: Parts, *, evidence: int = EVIDENCE) -> str:
    """Build the list.

    Args:
        findings: in their order.
        parts: where their images come from.
        evidence: images to show of each.
    """
    items = "".join(_finding(each, parts, evidence) for each in findings)
    return f'<ul class="findings">{items}</ul>' if items else ""


def _finding(finding: Finding, parts: Parts, evidence: int) -> str:
    advice = element("p", escape(finding.advice), class_="advice") if finding.advice else ""
    said = f"<p>{said_html(finding)}</p>"
    return element("li", said + advice + evidence_of(finding, parts, evidence), class_=f"finding {finding.severity}")


def said_html(finding: Finding) -> str:
    """Build the sentence with its severity, and with its interval unless it says that itself."""
    interval = ""
    if finding.effect is not None and finding.effect.interval is not None and "interval" not in finding.claim:
        value, low, high = map(number, finding.effect)
        interval = f' <small class="interval">{value}, 95 % interval {low} to {high}</small>'
    severity = element("span", escape(finding.severity), class_="severity")
    return f"{severity} {escape(finding.claim)}{interval}"


def evidence_of(finding: Finding, parts: Parts, limit: int = EVIDENCE) -> str:
    """Show the images of a finding; of training images that are not at hand, say how many there are."""
    if not finding.evidence:
        return ""
    if (part := parts(finding.part)) is None:
        absent = f"{count(len(finding.evidence), 'training image')}, not at hand here."
        return f'<p class="evidence">{absent}</p>'
    return evidence_html(finding.evidence, part, limit)


def evidence_html(rows: Sequence[int], part: Part, limit: int = EVIDENCE) -> str:
    """Show images of one part; those under study are links into the error explorer, training images are not."""
    dataset = part.dataset
    known = [int(row) for row in rows if 0 <= row < len(dataset)]
    size = fit(*dataset.image_shape[:2], BOX)
    shown = []
    for row in known[:limit]:
        whose = "" if part.explored else "training "
        title = f"{whose}image {int(dataset.indices[row])}, {dataset.class_names[int(dataset.labels[row])]}"
        image = tag(part.picture(row, max(size.width, size.height)), size, title)
        if part.explored:
            shown.append(link(image, {"section": "errors", "image": str(row)}, title=title))
        else:
            shown.append(element("span", image, title=title, class_="learned"))
    if not shown:
        return ""
    first = "" if part.explored else "<span>training images</span>"
    rest = f"<span>… {len(known) - limit:,} more</span>" if len(known) > limit else ""
    return f'<div class="evidence">{first}{"".join(shown)}{rest}</div>'
