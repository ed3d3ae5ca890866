"""Findings, and the images that show them: each opens within all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workbench.app.markup import Html, element, join
from workbench.app.page.html import link
from workbench.app.pictures import Part, Parts, fit, tag
from workbench.core.finding import Finding
from workbench.core.wording import plural

EVIDENCE = 12
BOX = 56
Address = Callable[[Finding], str]
"""The address of all images of a finding, see `images.sets`; empty where it has none."""
ORDER = ("critical", "serious", "mild", "info")


def findings_html(
    findings: Iterable[Finding], parts: Parts, *, evidence: int = EVIDENCE, address: Address = lambda _: ""
) -> Html:
    """Build the list.

    Args:
        findings: in their order.
        parts: where their images come from.
        evidence: images to show of each.
        address: gives the address of all images of one.
    """
    items = [_finding(each, parts, evidence, address(each)) for each in findings]
    return element("ul", *items, class_="findings") if items else Html()


def _finding(finding: Finding, parts: Parts, evidence: int, address: str) -> Html:
    advice = element("p", finding.advice, class_="advice") if finding.advice else None
    images = evidence_of(finding, parts, evidence, address)
    work = work_link(finding, address)
    line = element("p", work, class_="work") if work else None
    return element("li", element("p", claim_html(finding)), advice, images, line, class_=f"finding {finding.severity}")


def work_link(finding: Finding, address: str) -> Html | None:
    """Lead to the images of a finding about labels as a list to work through; None for any other finding."""
    if finding.kind != "label-noise" or not address or not finding.evidence:
        return None
    part = {} if finding.part == "data" else {"part": str(finding.part)}
    first = str(int(finding.evidence[0]))
    words = f"Work through {plural(len(finding.evidence), 'label')} →"
    return link(words, {"section": "images", **part, "set": address, "image": first}, class_="button main")


def claim_html(finding: Finding) -> Html:
    """Build the sentence with its severity, and with its interval unless it says that itself."""
    severity = element("span", str(finding.severity), class_="severity")
    return join([severity, " ", finding.claim, " ", interval_html(finding)])


def interval_html(finding: Finding) -> Html:
    """Write the effect of a finding with its interval, unless its sentence says that."""
    if finding.effect is None or finding.effect.interval is None or "interval" in finding.claim:
        return Html()
    return element("small", str(finding.effect), class_="interval")


def evidence_of(finding: Finding, parts: Parts, limit: int = EVIDENCE, address: str = "") -> Html:
    """Show the images of a finding; of training images that are not at hand, say how many there are."""
    if not finding.evidence:
        return Html()
    if (part := parts(finding.part)) is None:
        absent = f"{plural(len(finding.evidence), 'training image')}, not available here."
        return element("p", absent, class_="evidence")
    return evidence_html(finding.evidence, part, limit, address)


def evidence_html(rows: Sequence[int], part: Part, limit: int = EVIDENCE, address: str = "") -> Html:
    """Show images of one part, each a link to itself within all of them, and a link to all.

    Args:
        rows: of the images.
        part: whose they are.
        limit: how many are shown.
        address: of all of them; without one, images under study lead into the error explorer.
    """
    whole = {
        "section": "images",
        **({} if part.explored else {"part": "train"}),
        **({"set": address} if address else {}),
    }
    dataset = part.dataset
    known = [int(row) for row in rows if 0 <= row < len(dataset)]
    size = fit(*dataset.image_shape[:2], BOX)
    images = []
    for row in known[:limit]:
        whose = "" if part.explored else "training image "
        title = f"{whose}{dataset.names[row]}, {dataset.class_names[int(dataset.labels[row])]}"
        image = tag(part.picture(row, max(size.width, size.height)), size, title)
        there = whole if address or not part.explored else {"section": "errors"}
        learned = None if part.explored else "learned"
        images.append(link(image, {**there, "image": str(row)}, title=title, class_=learned))
    if not images:
        return Html()
    first = None if part.explored else element("span", "training images")
    more = f"… {len(known) - limit:,} more"
    rest = None if len(known) <= limit else link(more, whole, class_="rest") if address else element("span", more)
    return element("div", first, *images, rest, class_="evidence")
