"""Which channels carry a prediction, where in the image, and what else they carry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.result import Result
from workbench.core.wording import percent, plural, verb
from workbench.data.sampling import surest_error
from workbench.session.analysis import Analysis
from workbench.statistics.rates import FEWEST, rate

from .figure import draw_channels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

    from .tracing import Traced

CROPS, MAPS = 5, 3
"""Crops and whole images of each channel that are drawn."""
SAID = 2
"""Channels of which a finding says that errors rest on them more, or less."""


class ChannelRelevanceParams(Params):
    """Of which image and class, through which layer."""

    row: int = Field(-1, ge=-1, description="image to look at, by name or row; -1 for the surest error")
    explained: Annotated[
        str | None, Field(description="class whose logit is explained; auto: the predicted one"), ChooseFrom("classes")
    ] = None
    layer: Annotated[
        str | None,
        Field(description="layer whose channels are looked at; auto: the last spatial layer"),
        ChooseFrom("layers"),
    ] = None
    composite: Literal["epsilon", "epsilon-plus", "epsilon-gamma-box", "alpha1-beta0"] = Field(
        "epsilon-plus", description="rules of dense layers, convolutions and the first layer"
    )
    show: int = Field(5, ge=1, le=12, description="channels to show, those with most of the relevance")
    channel: int = Field(-1, ge=-1, description="a single channel to show instead; -1 for those with most relevance")
    images: int = Field(500, ge=2, le=20_000, description="images among which each channel's own are looked for")
    seed: Seed = Field(0, description="seed for choosing them")


class ChannelRelevance(Analysis[ChannelRelevanceParams]):
    """Which channels carry a prediction, where in the image, and what else do they carry?

    Relevance is handed back from the logit to a layer, and from each of its channels alone to the pixels, by
    layer-wise relevance propagation. A channel's own images are those of others in which it has most relevance for
    what is predicted there. Source: Achtibat et al. 2023, arXiv:2206.03208, "concept relevance propagation".
    """

    group = "Explanations"
    title = "Relevant channels"
    Params = ChannelRelevanceParams
    needs_model = True
    needs_inside = "layers"
    needs_images = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 100, "show": 2})

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no feature maps, or no way back to them."""
        return super().missing(session) or (_refusal(session) if session.ready else None)

    def compute(self, session: Session, params: ChannelRelevanceParams) -> Result:
        """Trace the image, others of its class and others of all classes; then the channels that carry most."""
        from . import tracing

        if refused := _refusal(session):
            raise WorkbenchError(refused)
        layer = session.probe.spatial_layer(params.layer, method="A channel's map")
        said = session.predictions
        row = surest_error(said) if params.row < 0 else int(session.dataset.rows([params.row])[0])
        label = int(said.predicted[row]) if params.explained is None else session.class_index(params.explained)
        paths = tracing.Paths(session, layer, params.composite)
        traced = tracing.trace(paths, row, label, images=params.images, seed=params.seed)
        shown = traced.most(params.show) if params.channel < 0 else traced.chosen(params.channel)
        tables = tracing.tables_of(session, traced, shown)
        arrays = tracing.pictures(paths, traced, shown, crops=CROPS, whole=MAPS)
        notes: dict[str, Any] = {
            "layer": layer,
            "row": row,
            "class": session.class_names[label],
            "channels": [int(each) for each in shown],
            "recognised": len(traced.right),
            "errors": len(traced.wrong),
            "images": len(traced.others),
        }
        return Result(tables, arrays=arrays, findings=tuple(_findings(session, traced, tables, layer)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw what each channel carries, where, and the images in which it carries most."""
        return draw_channels(result, self.question(), CROPS + MAPS)


def _refusal(session: Session) -> str | None:
    probe = session.probe
    if not probe.spatial_layers:
        return probe.no_maps("This analysis")
    passes = "It needs a way from the scores back to a layer's channels. This model has none through"
    return f"{passes} {probe.impassable}." if probe.impassable else None


def _findings(session: Session, traced: Traced, tables: Mapping[str, Any], layer: str) -> list[Finding]:
    shown, errors, name = tables["channels"], tables["errors"], session.class_names[traced.label]
    findings = []
    apart = errors[errors["discovered"].astype(bool) & (errors["difference"] * (errors["larger"] - 0.5) > 0)]
    for _, line in apart.head(SAID).iterrows():
        number, more = int(line["channel"]), line["difference"] > 0
        findings.append(
            Finding(
                f"Channel {number} of {layer} carries {'more' if more else 'less'} of the relevance in images wrongly "
                f"taken for {name} than in those that are recognised: a median share of "
                f"{Estimate.of(line, 'errors', '%')} of {plural(len(traced.wrong), 'error')} against "
                f"{Estimate.of(line, 'recognised', '%')} of {len(traced.right):,}.",
                effect=Estimate(float(line["difference"])),
                evidence=ImageSet(traced.errors_by(number, more=more)),
            )
        )
    half = traced.half()
    if not half:
        return [*findings, Finding(f"In this image nothing of the logit of {name} comes through {layer}.")]
    top = shown.iloc[0]
    said = (
        f"Channel {int(top['channel'])} of {layer} carries {percent(abs(top['share']))} of the relevance "
        f"{'for' if top['share'] > 0 else 'against'} {name} in this image"
    )
    usual = None
    if traced.predicted and len(traced.right) >= FEWEST:
        usual = rate(int(top["as_much"]), len(traced.right))
        said += f"; {usual} of {plural(len(traced.right), 'recognised image')} of {name} have as much in it"
    findings.append(Finding(f"{said}.", effect=usual, evidence=ImageSet(np.array([traced.row]))))
    findings.append(
        Finding(
            f"{half:,} of {plural(traced.image.shape[0], 'channel')} {verb(half, 'hold')} half of the "
            f"relevance in {layer}; shares are of the magnitudes of all."
        )
    )
    return findings
