"""The image that is explained: one of the dataset, or one of the user's own."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from workbench.core.types import Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """One image and what the model said about it.

    Attributes:
        key: equal for equal images.
        title: heading of the pane.
        pixels: `(H, W, C)` uint8.
        probabilities: `(K,)` float64.
        predicted: class index.
        label: true class; None where nobody knows.
    """

    key: Hashable
    title: str
    pixels: Array
    probabilities: Array
    predicted: int
    label: int | None

    @property
    def wrong(self) -> bool:
        """Whether the true class is known, and another one was predicted."""
        return self.label is not None and self.label != self.predicted

    @property
    def second(self) -> int:
        """The class to contrast the predicted one with: the true one where it differs, else the runner-up."""
        if self.label is not None and self.label != self.predicted:
            return self.label
        others = self.probabilities.copy()
        others[self.predicted] = -1
        return int(others.argmax())

    def target(self, explain: str) -> tuple[int, int | None]:
        """Return the class to explain, and the one it is contrasted with, if any.

        Of an error the difference, which is shown first, is the true class against the predicted one: why not the
        true class?
        """
        if self.wrong and explain in ("", "difference"):
            return self.second, self.predicted
        if explain == "difference":
            return self.predicted, self.second
        if explain == "true" and self.label is not None:
            return self.label, None
        return (int(explain) if explain.isdigit() else self.predicted), None
