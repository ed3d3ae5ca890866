"""What can be said about images, and what it may look like, wherever it comes from."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass

from workbench.core.errors import WorkbenchError
from workbench.workspace.identities import KEY

TAG, NOTE, CORRECTION, SET, EDIT = "tag", "note", "correction", "set", "edit"
RELABEL, DROP, KEEP = "relabel", "drop", "keep"
LONGEST_TAG = 80
LONGEST_NOTE = 10_000
MOST_AT_ONCE = 20_000_000
"""Characters of a note that is written to many images, together."""
LONGEST_LABEL = 1_000
LONGEST_QUERY = 10_000
MOST_IN_SET = 1_000_000
RESERVED = ",:\"'"
"""What no tag and no set has in its name, so that queries and lists can name it without a quote."""


def tag_name(text: str, what: str = "tag") -> str:
    """Return a tag's name trimmed.

    Raises:
        WorkbenchError: if it cannot be one.
    """
    name = unicodedata.normalize("NFC", str(text)).strip()
    if not 1 <= len(name) <= LONGEST_TAG:
        raise WorkbenchError(
            f"The name of a {what} must have 1 to {LONGEST_TAG} characters. Got {len(name)}: {name[:40]!r}."
        )
    if wrong := [each for each in name if each in RESERVED or not (each.isprintable() and _writable(each))]:
        raise WorkbenchError(
            f"The name of a {what} must have no comma, colon, quote or control character, so that a query can name "
            f"it. Got {wrong[0]!r} in {name!r}."
        )
    return name


def slot_of(name: str) -> str:
    """Return that by which names are compared: "Check" and "check" are one tag."""
    return unicodedata.normalize("NFC", name.casefold())


def note_text(text: str) -> str:
    """Return a note with plain line ends; empty where it is to be removed.

    Raises:
        WorkbenchError: if it is too long, or is no text.
    """
    note = str(text).replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise WorkbenchError(f"A note must have at most {LONGEST_NOTE:,} characters. Got {len(note):,}.")
    if wrong := [each for each in note if (ord(each) < 32 and each not in "\n\t") or ord(each) == 127]:
        raise WorkbenchError(f"A note must have no control characters. Got {wrong[0]!r}.")
    if not _writable(note):
        raise WorkbenchError("A note must be text that UTF-8 can write. It holds half a character.")
    return note


def correction(text: str) -> tuple[str, str]:
    """Split what is kept of a correction into what is to be done and the new label, which is empty but for `relabel`.

    Raises:
        WorkbenchError: if it is none.
    """
    action, _, label = text.partition(" ")
    if action not in (RELABEL, DROP, KEEP) or (action == RELABEL) != bool(label) or len(label) > LONGEST_LABEL:
        raise WorkbenchError(
            f"A correction is {RELABEL} with a new label of at most {LONGEST_LABEL:,} characters, {DROP} or {KEEP}. "
            f"Got {text[:60]!r}."
        )
    return action, label


def short_label(text: str, length: int = 100) -> str:
    """Return who or what says something as one printable line of at most `length` characters."""
    line = "".join(each if each.isprintable() and _writable(each) else " " for each in str(text)).strip()
    return line if len(line) <= length else f"{line[: length - 1]}…"


@dataclass(frozen=True)
class SavedSet:
    """Images under a name: those that a query finds, or some by their keys, in an order.

    Attributes:
        name: of the set.
        query: text of the query; empty where `keys` are given.
        part: of the data: "train", "validation" or "test"; empty for any.
        keys: of the images, in their order.
    """

    name: str
    query: str = ""
    part: str = ""
    keys: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as JSON, in one way."""
        kept = {"name": self.name, "query": self.query, "part": self.part, "keys": self.keys}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> SavedSet:
        """Read what `text` wrote, or what somebody else says is it.

        Raises:
            WorkbenchError: if it is none.
        """
        try:
            kept = json.loads(text)
            read = cls(kept["name"], kept["query"], kept["part"], tuple(kept["keys"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WorkbenchError(
                "A saved set is JSON of `name`, `query`, `part` and `keys`. Got something else."
            ) from None
        return read.checked()

    def checked(self) -> SavedSet:
        """Return it with its name trimmed.

        Raises:
            WorkbenchError: if it says nothing, or what cannot be kept.
        """
        texts = (self.name, self.query, self.part, *self.keys)
        if not all(isinstance(each, str) and _writable(each) for each in texts):
            raise WorkbenchError("Name, query, part and keys of a saved set must be text.")
        name = tag_name(self.name, "saved set")
        if bool(self.query.strip()) == bool(self.keys):
            raise WorkbenchError(f"The saved set {name!r} must have a query or images, one of both.")
        if len(self.query) > LONGEST_QUERY or len(self.part) > 100 or len(self.keys) > MOST_IN_SET:
            raise WorkbenchError(
                f"The saved set {name!r} must have a query of at most {LONGEST_QUERY:,} characters, or at most "
                f"{MOST_IN_SET:,} images."
            )
        if any(len(key) != KEY or set(key) - set("0123456789abcdef") for key in self.keys):
            raise WorkbenchError(f"The keys of the saved set {name!r} must have {KEY} hexadecimal digits each.")
        return SavedSet(name, self.query.strip(), self.part, self.keys)


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
