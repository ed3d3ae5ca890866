"""The contract between an analysis and the three places that show it: terminal, files, page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from workbench.core.finding import Kind
from workbench.core.params import Params
from workbench.core.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

ParamsT = TypeVar("ParamsT", bound=Params)


class Analysis(ABC, Generic[ParamsT]):
    """One question about one trained model.

    The first line of a subclass's docstring is its question: CLI help, page heading, figure title.
    Its name is its module's name with `-`.

    Attributes:
        Params: the parameters, a frozen model in which every field has a default.
        needs_model: whether `compute` opens the model; a page answers the others before TensorFlow is there.
        needs_inside: what it reads of the inside of the model, "gradients", "layers" or "weights"; a model that is
            inference-only shows none of them. Empty where predictions do.
        kinds: the faults that its findings can report; `diagnose` asks every analysis that has some.
        quick: parameters with which it takes seconds, for `diagnose --fast`; None where it always takes longer.
    """

    Params: ClassVar[type[Params]] = Params
    needs_model: ClassVar[bool] = False
    needs_inside: ClassVar[Literal["", "gradients", "layers", "weights"]] = ""
    kinds: ClassVar[tuple[Kind, ...]] = ()
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({})

    @classmethod
    def name(cls) -> str:
        """CLI name, figure file and URL of the analysis."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def question(cls) -> str:
        """First line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def missing(self, session: Session) -> str | None:
        """Say in a sentence what the session lacks for this analysis, or None. Must be cheap; opens no model."""
        if self.needs_inside and session.inference_only:
            return (
                f"It needs the {self.needs_inside} of the model. This one is inference-only: it gives predictions and "
                "no access to its layers. Open its .keras file, if there is one."
            )
        return None

    @abstractmethod
    def compute(self, session: Session, params: ParamsT) -> Result:
        """Answer the question; no drawing, no files."""

    @abstractmethod
    def draw(self, result: Result) -> Figure:
        """Draw `result`, also one read back from disk; no model, no data, no files."""
