"""Findings, and the images that show them: those under study as links into the error explorer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.app.page.html import Html, element, join, link
from workbench.app.page.pictures import Part, Parts, fit, tag
from workbench.core.finding import Finding
from workbench.core.wording import plural, significant

EVIDENCE = 12
BOX = 56
ORDER = ("critical", "serious", "mild", "info")


def findings_html(findings: Iterable[Finding], parts: Parts, *, evidence: int = EVIDENCE) -> Html:
    """Build the list.

    Args:
        findings: in their order.
        parts: where their images come from.
        evidence: images to show of each.
    """
    items = [_finding(each, parts, evidence) for each in findings]
    return element("ul", *items, class_="findings") if items else Html()


def _finding(finding: Finding, parts: Parts, evidence: int) -> Html:
    advice = element("p", finding.advice, class_="advice") if finding.advice else None
    images = evidence_of(finding, parts, evidence)
    return element("li", element("p", claim_html(finding)), advice, images, class_=f"finding {finding.severity}")


def claim_html(finding: Finding) -> Html:
    """Build the sentence with its severity, and with its interval unless it says that itself."""
    interval = Html()
    if finding.effect is not None and finding.effect.interval is not None and "interval" not in finding.claim:
        value, low, high = map(significant, finding.effect)
        interval = " " + element("small", f"{value}, 95 % interval {low} to {high}", class_="interval")
    severity = element("span", str(finding.severity), class_="severity")
    return join([severity, " ", finding.claim, interval])


def evidence_of(finding: Finding, parts: Parts, limit: int = EVIDENCE) -> Html:
    """Show the images of a finding; of training images that are not at hand, say how many there are."""
    if not finding.evidence:
        return Html()
    if (part := parts(finding.part)) is None:
        absent = f"{plural(len(finding.evidence), 'training image')}, not available here."
        return element("p", absent, class_="evidence")
    return evidence_html(finding.evidence, part, limit)


def evidence_html(rows: Sequence[int], part: Part, limit: int = EVIDENCE) -> Html:
    """Show images of one part; those under study are links into the error explorer, training images are not."""
    dataset = part.dataset
    known = [int(row) for row in rows if 0 <= row < len(dataset)]
    size = fit(*dataset.image_shape[:2], BOX)
    images = []
    for row in known[:limit]:
        whose = "" if part.explored else "training image "
        title = f"{whose}{dataset.names[row]}, {dataset.class_names[int(dataset.labels[row])]}"
        image = tag(part.picture(row, max(size.width, size.height)), size, title)
        if part.explored:
            images.append(link(image, {"section": "errors", "image": str(row)}, title=title))
        else:
            images.append(element("span", image, title=title, class_="learned"))
    if not images:
        return Html()
    first = None if part.explored else element("span", "training images")
    rest = element("span", f"… {len(known) - limit:,} more") if len(known) > limit else None
    return element("div", first, *images, rest, class_="evidence")
