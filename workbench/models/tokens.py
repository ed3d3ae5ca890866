"""Which places of the image the tokens of a transformer stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from workbench.core.errors import WorkbenchError
from workbench.core.wording import plural

Tensor = Any
OPTION = "`--tokens` (tokens=) takes rows × columns of the image's places, and +N for further tokens: 14x14, or 14x14+1"


@dataclass(frozen=True)
class TokenGrid:
    """Tokens that lie on the image row by row, with some in front of and behind them that have no place.

    Attributes:
        height, width: h, w.
        before: tokens in front of them, a class token for example.
        after: tokens behind them.
        known: "found" in the model's own operations, "given", or "assumed" from their number.
    """

    height: int
    width: int
    before: int = 0
    after: int = 0
    known: Literal["found", "given", "assumed"] = "found"

    @property
    def count(self) -> int:
        """How many tokens there are, T."""
        return self.before + self.height * self.width + self.after

    @property
    def words(self) -> str:
        """As `--tokens` takes it: "14x14+1"."""
        further = self.before + self.after
        return f"{self.height}x{self.width}{f'+{further}' if further else ''}"

    @property
    def note(self) -> str:
        """What is said of one that is assumed, a sentence."""
        further = plural(self.before + self.after, "further token")
        return (
            f"Its {self.count} tokens are assumed to be {self.height}×{self.width} places"
            f"{f' and {further} in front' if self.before else ''}; --tokens says otherwise."
        )

    def places(self, tokens: Tensor) -> Tensor:
        """`(B, T, F)` tokens to the `(B, h, w, F)` of them that have a place."""
        from keras import ops  # a session reads what it is given without Keras

        placed = tokens[:, self.before : self.before + self.height * self.width]
        return ops.reshape(placed, (-1, self.height, self.width, tokens.shape[-1]))

    def further(self, tokens: Tensor) -> Tensor:
        """`(B, T, F)` tokens to the `(B, T - h·w, F)` of them that have no place."""
        from keras import ops

        return ops.concatenate([tokens[:, : self.before], tokens[:, self.before + self.height * self.width :]], axis=1)

    def spread(self, values: Tensor) -> Tensor:
        """`(B, T)` values of tokens to the `(B, h, w)` of those that have a place."""
        return self.places(values[..., None])[..., 0]

    def replaced(self, tokens: Tensor, maps: Tensor) -> Tensor:
        """Put `(B, h, w, F)` values in place of those of `(B, T, F)` tokens that have a place."""
        from keras import ops

        last = self.before + self.height * self.width
        placed = ops.cast(ops.reshape(maps, (-1, self.height * self.width, tokens.shape[-1])), tokens.dtype)
        return ops.concatenate([tokens[:, : self.before], placed, tokens[:, last:]], axis=1)


def read_tokens(text: str) -> TokenGrid:
    """Read "14x14+1".

    Raises:
        WorkbenchError: if it is none.
    """
    found = re.fullmatch(r"\s*(\d{1,4})\s*[x×]\s*(\d{1,4})\s*(?:\+\s*(\d{1,3}))?\s*", str(text))
    height, width, further = (int(each or 0) for each in found.groups()) if found else (0, 0, 0)
    if not height * width:
        raise WorkbenchError(f"{OPTION}. Got {str(text)[:40]!r}.")
    return TokenGrid(height, width, before=further, known="given")
