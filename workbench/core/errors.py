"""Errors that a user can fix: what is required, what was got, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 1_500
"""Characters of a sentence: a file may have a name, or so many of them, that nobody finds the end."""


class WorkbenchError(ValueError):
    """Wrong input or environment, in one sentence; every surface prints it without a traceback.

    Of what is longer than `LONGEST` characters, the middle is left out: what is wrong stands at the beginning, and what
    to do at the end.
    """

    def __init__(self, said: object = "") -> None:
        text = str(said)
        if len(text) > LONGEST:
            text = f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 + 3 :]}"
        super().__init__(text)


class Unavailable(WorkbenchError):
    """Something is not available here: no data source, no such file, no space on the disk."""


class Unknown(WorkbenchError):
    """A name that there is not.

    Attributes:
        got: the name that was given.
        near: the names that are nearest to it, at most three.
    """

    got: str = ""
    near: tuple[str, ...] = ()


def unknown(kind: str, got: object, options: Iterable[object], *, where: str = "") -> WorkbenchError:
    """Build the error for a mistyped name, with the nearest names first.

    Args:
        kind: what was looked for, for example "layer".
        got: the name that was given.
        options: every valid name.
        where: the place that was searched.
    """
    names, text = [str(option) for option in options], str(got)
    shorter = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    place = f" in {where}" if where else ""
    if not names:
        return WorkbenchError(f"There is no {kind} {shorter!r}{place}, and none to choose from.")
    folded = {name.casefold(): name for name in names}
    near = [folded[name] for name in get_close_matches(shorter.casefold(), folded, n=3, cutoff=0.5)]
    shown = names if len(names) <= 12 else [*names[:12], f"… ({len(names)} in all)"]
    hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    error = Unknown(f"There is no {kind} {shorter!r}{place}.{hint} Choose one of: {', '.join(shown)}.")
    error.got, error.near = text, tuple(near)
    return error
