"""The contract between an analysis and the three places that show it: terminal, files, page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args

from workbench.core.finding import Kind
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.session.images.image_field import ImageField

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

ParamsT = TypeVar("ParamsT", bound=Params)
Group = Literal["Data", "Errors", "Labels", "Explanations", "Model", "Training", "Your own"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""What analyses are listed under, in this order; the last one holds those of plug-ins that name none."""


class Analysis(ABC, Generic[ParamsT]):
    """One question about one trained model.

    The first line of a subclass's docstring is its question: CLI help, page heading, figure title.
    Its name is its module's name with `-`.

    Attributes:
        group: what it is listed under.
        title: what people call it, in a list; without one, its name in words.
        Params: the parameters, a frozen model in which every field has a default.
        needs_model: whether `compute` opens the model; a page answers the others before TensorFlow is there.
        needs_inside: what it asks of the model beyond the predictions of the images as they are: "outputs" for other
            images, and "gradients", "layers" or "weights", which a model that is inference-only does not show. Empty
            where those predictions do.
        needs_images: whether it looks at pixels; where only predictions are known, there may be none.
        kinds: the faults that its findings can report; `diagnose` asks every analysis that has some.
        fields: columns of its tables by which images can be chosen, by the names that queries use.
        names_training: whether its sentences, or texts in its tables, name training images: its answer then depends on
            their names too.
        reads_workspace: whether its answer depends on what people said about the images: tags, notes, corrections.
        reads_hierarchy: whether its answer depends on the tree of classes that was given.
        quick: parameters with which it takes seconds, for `diagnose --fast`; None where it always takes longer.
    """

    group: ClassVar[Group] = "Your own"
    title: ClassVar[str] = ""
    Params: ClassVar[type[Params]] = Params
    needs_model: ClassVar[bool] = False
    needs_inside: ClassVar[Literal["", "outputs", "gradients", "layers", "weights"]] = ""
    needs_images: ClassVar[bool] = False
    kinds: ClassVar[tuple[Kind, ...]] = ()
    fields: ClassVar[Mapping[str, ImageField]] = MappingProxyType({})
    names_training: ClassVar[bool] = False
    reads_workspace: ClassVar[bool] = False
    reads_hierarchy: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({})

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not cls.__dict__.get("title"):
            cls.title = cls.name().replace("-", " ").capitalize()

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
        if self.needs_images and not session.dataset.has_images:
            return "It needs the images. There are only predictions here: give the images with `data` (--data)."
        if self.needs_inside and session.only_predictions:
            return "It needs the model itself. There are only its predictions here: open the model's file."
        if self.needs_inside not in {"", "outputs"} and session.inference_only:
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
