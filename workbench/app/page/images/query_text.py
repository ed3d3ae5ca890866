"""A query as text, changed by a click: a term is added, replaced, or taken away."""

from __future__ import annotations

import re

from workbench.session.images.grammar import quoted

_TERM = re.compile(
    r"""-?(?P<field>"(?:\\.|[^"\\])+"|[^\W\d][\w.]*)\s*(?P<operator>:|==|=|!=|>=|<=|>|<)(?P<value>.*)""", re.DOTALL
)
_RANGE = re.compile(r"[^\"]*\.\.[^\"]*")


def terms(text: str) -> list[str]:
    """Split a query at the blanks between its outermost terms; what is in quotes or brackets stays together."""
    found, depth, inside, term, place = list[str](), 0, False, "", 0
    while place < len(text):
        each = text[place]
        if inside and each == "\\":
            term += text[place : place + 2]
            place += 2
            continue
        inside ^= each == '"'
        depth += 0 if inside else (each == "(") - (each == ")")
        if each.isspace() and not inside and depth <= 0:
            found.append(term)
            term = ""
        else:
            term += each
        place += 1
    return [each for each in [*found, term] if each]


def edited(text: str, term: str) -> str:
    """Return a query with a term: one that is there goes, another range of its field is replaced, else it is added.

    Args:
        text: the query.
        term: for example `label:Coat`, `confidence:0.5..0.9`; `confidence:` takes away what is asked of confidence;
            empty for no change.
    """
    if not (term := term.strip()):
        return text
    there = terms(text)
    if any(each.casefold() == "or" for each in there):
        there = [f"({text})"]
    if term in there:
        return " ".join(each for each in there if each != term)
    field, value = _parts(term)
    if value == "" or _RANGE.fullmatch(value):
        there = [each for each in there if not _bounds(each, field)]
    return " ".join([*there, *([term] if value else [])])


def term_of(field: str, value: str) -> str:
    """Write a field and one of its values as a term."""
    return f"{_field(field)}:{quoted(value) if value else chr(34) * 2}"


def range_of(field: str, low: str, high: str) -> str:
    """Write a field and a range as a term; an end may be empty."""
    return f"{_field(field)}:{low}..{high}" if low or high else f"{_field(field)}:"


def _field(name: str) -> str:
    return name if re.fullmatch(r"[^\W\d][\w.]*", name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(term: str) -> tuple[str, str]:
    match = _TERM.fullmatch(term)
    return ("", term) if match is None else (match["field"].casefold(), match["value"])


def _bounds(term: str, field: str) -> bool:
    """Whether a term bounds this field: a comparison, or a range."""
    match = _TERM.fullmatch(term)
    if match is None or match["field"].casefold() != field:
        return False
    return match["operator"] in (">", ">=", "<", "<=") or bool(_RANGE.fullmatch(match["value"]))


def bounds(text: str, field: str) -> tuple[str, str]:
    """Return the ends of the range of a field that a query asks for; empty where it has none."""
    name = _field(field).casefold()
    for term in terms(text):
        match = None if term.startswith("-") else _TERM.fullmatch(term)
        if match is None or match["field"].casefold() != name:
            continue
        if _RANGE.fullmatch(match["value"]):
            low, _, high = match["value"].partition("..")
            return low, high
        if match["operator"] in (">", ">="):
            return match["value"], ""
        if match["operator"] in ("<", "<="):
            return "", match["value"]
    return "", ""
