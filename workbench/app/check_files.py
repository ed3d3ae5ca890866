"""What became of a policy, as other programs read it: JUnit, GitHub's annotations, a summary in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from workbench.app.markdown import markdown, table_lines
from workbench.core.errors import Unavailable
from workbench.core.files import write_file

if TYPE_CHECKING:
    from workbench.diagnosis.policy.checking import Check, Outcome

SUITE = "workbench check"
ELSEWHERE = "Free some space, or choose another file."


def as_junit(found: Check) -> str:
    """Return a JUnit file: a test case for each rule."""
    counts = {"tests": str(len(found.outcomes)), "failures": str(len(found.failed)), "errors": "0"}
    suites = Element("testsuites", counts)
    suite = SubElement(suites, "testsuite", {"name": SUITE, **counts})
    for each in found.outcomes:
        case = SubElement(suite, "testcase", {"classname": _xml(found.name), "name": _xml(each.rule)})
        if not each.passed:
            SubElement(case, "failure", {"message": _xml(each.said)}).text = _xml(_more(each))
        SubElement(case, "system-out").text = _xml(each.said)
    indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, "unicode") + "\n"


def github_lines(found: Check) -> Iterator[str]:
    """Yield a line for each rule that does not hold, which GitHub shows beside the run.

    Source: GitHub's workflow commands, `::error title=…::…`, with its escapes.
    """
    for each in found.failed:
        title = _escaped(f"{SUITE}: {each.rule}").replace(":", "%3A").replace(",", "%2C")
        yield f"::error title={title}::{_escaped(_more(each))}"


def as_summary(found: Check) -> str:
    """Return Markdown: the sentence, and a row for each rule."""
    rows = [("✅" if each.passed else "❌", each.rule, _more(each)) for each in found.outcomes]
    return "\n".join([f"### {markdown(found.sentence)}", "", *table_lines(["", "rule", "measured"], rows), ""])


def write_text(path: Path, content: str, *, after: bool = False) -> None:
    """Write a file whole.

    Args:
        path: of the file; its folder is made if it is not there.
        content: what it is to have.
        after: whether what it has stays before it.

    Raises:
        Unavailable: if its folder takes no file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if after and path.exists() else ""
        write_file(path, before + content)
    except OSError as error:
        raise Unavailable(f"Cannot write {path}: {error.strerror or error}. {ELSEWHERE}") from error


def _more(each: Outcome) -> str:
    return f"{each.said} Look at {', '.join(each.images)}." if each.images else each.said


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _xml(text: str) -> str:
    """Return text with what XML cannot hold shown as what it is."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
