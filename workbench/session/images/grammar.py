"""The text of a query -> its terms: `label:Coat predicted:Pullover confidence>0.9 camera:"north gate" -tag:done`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from workbench.core.errors import WorkbenchError

Operator = Literal[":", "=", "!=", ">", ">=", "<", "<="]
LONGEST = 4_000
"""Characters that a query may have."""
DEEPEST = 50
"""Brackets within each other."""
GRAMMAR = r"""
?start: any
?any: all (_OR all)*
?all: one (_AND? one)*
?one: "-" atom -> but
    | atom
?atom: "(" any ")"
    | FIELD OPERATOR VALUE ("," VALUE)* -> compared
    | WORD -> word
FIELD.3: /("(\\.|[^"\\])+"|[^\W\d][\w.]*)(?=\s*(:|<|>|=|!=))/
OPERATOR: ":" | "==" | "=" | "!=" | ">=" | "<=" | ">" | "<"
VALUE: /"(\\.|[^"\\])*"|[^\s",()]+/
WORD: /"(\\.|[^"\\])*"|[^\s",():<>=!\-][^\s",():<>=!]*/
_OR.4: /or(?=[\s(])/i
_AND.4: /and(?=[\s(])/i
%ignore /\s+/
"""
EXAMPLE = 'label:Coat predicted:Pullover confidence>0.9 camera:"north gate" -tag:done'


@dataclass(frozen=True)
class Compared:
    """A field against values: any of them will do."""

    field: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """A word of the image's name."""

    text: str


@dataclass(frozen=True)
class But:
    """Everything but a term's images."""

    term: Term


@dataclass(frozen=True)
class All:
    """What is in the images of every term; of none, all images."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Either:
    """What is in the images of at least one term."""

    terms: tuple[Term, ...]


Term = Compared | Word | But | All | Either


def parse(text: str) -> Term:
    """Read a query.

    Terms stand beside each other, and all must hold; `or` and brackets join them otherwise (`and` may be
    written), and `-` before a term turns
    it round. A term is a field, an operator (`:` or `=`, `!=`, `>`, `>=`, `<`, `<=`) and a value, or several with
    commas between; or a word of the image's name. Names with blanks stand in quotes.

    Raises:
        WorkbenchError: if it is no query; says where.
    """
    from lark.exceptions import UnexpectedInput, VisitError

    if len(text) > LONGEST:
        raise WorkbenchError(f"A query must have at most {LONGEST:,} characters. This one has {len(text):,}.")
    if _depth(text) > DEEPEST:
        raise WorkbenchError(f"A query must have at most {DEEPEST} brackets within each other. This one has more.")
    if not text.strip():
        return All(())
    try:
        return _reader().parse(text)
    except UnexpectedInput as error:
        ended = getattr(getattr(error, "token", None), "type", "") == "$END"
        place = None if ended else error.pos_in_stream
        raise WorkbenchError(_wrong(text, place)) from None
    except VisitError as error:
        raise error.orig_exc from None


def quoted(value: str) -> str:
    """Write a value so that `parse` reads it as one, in quotes where it needs them."""
    plain = value and not any(each.isspace() or each in '",()' for each in value) and ".." not in value
    return value if plain and "*" not in value else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bare(token: str) -> str:
    """Take a name or value out of its quotes."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if len(token) > 1 and token[0] == '"' else str(token)


def _depth(text: str) -> int:
    depth = deepest = 0
    for each in text:
        depth += (each == "(") - (each == ")")
        deepest = max(deepest, depth)
    return deepest


def _wrong(text: str, place: int | None) -> str:
    rest = "" if place is None or place < 0 else text[place : place + 20]
    where = f"It cannot be read from {rest!r} on" if rest else "Something is missing at its end"
    return f"A query must be terms such as {EXAMPLE}. {where}."


@cache
def _reader() -> Any:
    from lark import Lark, Transformer

    class Terms(Transformer[Any, Term]):
        def compared(self, items: list[Any]) -> Term:
            return Compared(bare(items[0]), items[1].value.replace("==", "="), tuple(map(str, items[2:])))

        def word(self, items: list[Any]) -> Term:
            return Word(bare(items[0]))

        def but(self, items: list[Any]) -> Term:
            return But(items[0])

        def all(self, items: list[Any]) -> Term:
            return All(tuple(items))

        def any(self, items: list[Any]) -> Term:
            return Either(tuple(items))

    return Lark(GRAMMAR, parser="lalr", transformer=Terms())
