"""Parameters of the attribution methods as they stand in the address: `integrated-gradients.reference:mean,…`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

_ENTRY = re.compile(r"([\w-]{1,60})\.(\w{1,60}):(.{0,200})", re.DOTALL)
LONGEST = 1000
"""Characters of all entries together."""


def read_options(text: str) -> tuple[str, ...]:
    """Read what stands in the address; of two values for one parameter the later counts, and what is none is left out.

    Args:
        text: entries `method.parameter:value`, with commas between; values are percent-encoded.

    Returns:
        The entries, encoded alike.
    """
    matches = (_ENTRY.fullmatch(each) for each in text.split(","))
    found = {(match[1], match[2]): unquote(match[3]) for match in matches if match is not None}
    entries = (f"{method}.{name}:{quote(value, safe='', errors='replace')}" for (method, name), value in found.items())
    short, length = [], 0
    for each in entries:
        length += len(each) + 1
        if length <= LONGEST and _ENTRY.fullmatch(each):
            short.append(each)
    return tuple(short)


def options_of(entries: Iterable[str], method: str) -> dict[str, str]:
    """Return what was typed for one method: parameter to text."""
    matches = (_ENTRY.fullmatch(each) for each in entries)
    return {match[2]: unquote(match[3]) for match in matches if match is not None and match[1] == method}


def without(entries: Iterable[str], method: str) -> tuple[str, ...]:
    """Return the entries of all other methods."""
    return tuple(each for each in entries if not each.startswith(f"{method}."))


def descriptions(values: Mapping[str, str]) -> list[str]:
    """Say what was changed, for the line below a map: "steps 100", "reference mean"."""
    return [f"{name.replace('_', ' ')} {value or 'none'}" for name, value in values.items()]
