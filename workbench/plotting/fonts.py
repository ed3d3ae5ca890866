"""Letters that matplotlib's own font lacks, from the fonts of the system; what none of them has is named."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.wording import plural

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.text import Text

USUAL = "DejaVu Sans"
"""Comes with matplotlib."""
NAMED = 12
"""Missing letters that a note names."""
PLACEHOLDERS = ("Last Resort", "Adobe Blank")
"""Families that claim every letter and draw a box for it."""
PREFERRED = ("Noto Sans CJK", "Noto Sans")
"""Families that are taken first where several have a letter: they are made to stand beside one another."""


def complete_fonts(figure: Figure) -> str:
    """Let every text of a figure fall back on fonts of the system for the letters that the usual font lacks.

    Returns:
        The letters that no font has, each once, in the order of the figure; "" where all can be drawn.
    """
    lacking: list[Text] = []
    missing: dict[str, None] = {}
    for artist in _written(figure):
        letters = [letter for letter in artist.get_text() if ord(letter) > 0x7F and not _drawable(letter)]
        if letters:
            lacking.append(artist)
            missing |= dict.fromkeys(letters)
    if not lacking:
        return ""
    families = dict.fromkeys(family for letter in missing if (family := _family_with(letter)))
    for artist in lacking:
        artist.set_fontfamily([USUAL, *families])
    return "".join(letter for letter in missing if not _family_with(letter))


def _written(artist: Artist) -> Iterator[Text]:
    """Yield the texts that are part of an artist.

    `Artist.findobj` would make every tick of every axis first, also of those that are not shown, and look at its lines:
    a tick that nobody has named yet has no letters.
    """
    from matplotlib.axis import Axis, Tick
    from matplotlib.text import Text

    parts: list[Artist]
    if isinstance(artist, Text):
        yield artist
    if isinstance(artist, Axis):
        named = vars(artist)  # ticks are made when they are asked for
        parts = [artist.label, artist.offsetText, *named.get("majorTicks", ()), *named.get("minorTicks", ())]
    elif isinstance(artist, Tick):
        parts = [artist.label1, artist.label2]
    else:
        parts = artist.get_children()
    for part in parts:
        yield from _written(part)


def missing_letters_note(letters: str) -> str:
    """Name the letters that are drawn as empty boxes, by code point since they cannot be shown, and what helps."""
    named = ", ".join(f"U+{ord(letter):04X}" for letter in letters[:NAMED]) + (" …" if len(letters) > NAMED else "")
    return (
        f"Boxes: no font of this system has {plural(len(letters), 'letter')} of the names ({named}). Install one that "
        "has, for example Debian's fonts-noto-cjk or fonts-noto-core."
    )


def _drawable(letter: str) -> bool:
    """Whether the usual font has the letter, or it is nothing to be drawn."""
    return ord(letter) in _letters(_usual_path()) or unicodedata.category(letter) in {"Cf", "Mn", "Zs", "Cc"}


@cache
def _usual_path() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(USUAL))


@cache
def _letters(path: str) -> frozenset[int]:
    """Code points of a font file; none of one that cannot be read, as fonts of colour pictures."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError, ValueError):
        return frozenset()


@cache
def _family_with(letter: str) -> str:
    """Return the family of a font of the system that has the letter, or ""."""
    return next((family for path, family in _system_fonts() if ord(letter) in _letters(path)), "")


@cache
def _system_fonts() -> tuple[tuple[str, str], ...]:
    """Path and family of every regular font, those that read well first; looks also for fonts installed since."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except (RuntimeError, OSError, ValueError):
            continue
    regular = {
        (entry.fname, entry.name)
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular", "book")
        and not entry.name.startswith(PLACEHOLDERS)
        and Path(entry.fname).exists()
    }
    return tuple(sorted(regular, key=lambda font: (_rank(font[1]), font[1], font[0])))


def _rank(family: str) -> int:
    return next((n for n, name in enumerate(PREFERRED) if family.startswith(name)), len(PREFERRED))
