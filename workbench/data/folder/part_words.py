"""Which part of the data a name means: train, training_set, seg_test, val2017, Test-Images."""

from __future__ import annotations

import re

PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
}
_AROUND = (
    "set sets data dataset datasets image images img imgs pic pics picture pictures photo photos seg split splits part "
    "folder dir file files sample samples example examples"
)
AROUND = frozenset(_AROUND.split())
"""Words that may stand around without making it another thing: a test tube is no test set."""
_ENDINGS = "|".join(sorted(AROUND, key=len, reverse=True))
_PART = re.compile(rf"(?:seg)?({'|'.join(sorted(PARTS, key=len, reverse=True))})(?:{_ENDINGS})?[0-9]*")
_FILLER = re.compile(rf"(?:{_ENDINGS})?(?:[0-9]+(?:x[0-9]+)?)?(?:px)?")


def part_of(name: str) -> str:
    """Return "train", "test" or "validation" where a name says this and nothing else; else an empty text."""
    part, rest = part_and_rest(name)
    return "" if any(not _FILLER.fullmatch(word.casefold()) for word in rest.split("_") if word) else part


def part_and_rest(name: str) -> tuple[str, str]:
    """Take the word for a part out of a name: "train_cats" is ("train", "cats"), "seg_test" ("test", "seg").

    Returns:
        The part, empty where there is no such word or more than one; and the other words with "_" between.
    """
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    parts = {place: PARTS[found[1]] for place, word in enumerate(words) if (found := _PART.fullmatch(word.casefold()))}
    rest = "_".join(word for place, word in enumerate(words) if place not in parts)
    return (next(iter(parts.values())), rest) if len(parts) == 1 else ("", rest)
