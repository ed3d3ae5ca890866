"""Attribution methods side by side on the same images, with their verdicts."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from workbench.attribution.applicable import CONTROL
from workbench.core.attribution import BELIEVED, Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Severity
from workbench.core.params import ChooseFrom, Params, make
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, probability
from workbench.data.sampling import worst_first
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, VERDICT_COLOURS, scale_of
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, colours_for, new_figure, scale_bar, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import FEWEST, capped, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.attribution.explainer import Explainer
    from workbench.session.session import Session

USUAL = (
    "grad-cam",
    "hires-cam",
    "ablation-cam",
    "saliency",
    "integrated-gradients",
    "guided-backprop",
    "occlusion",
    CONTROL,
)
"""Methods shown unless others are named: of each family one or two, and the control."""
CELL = 1.32
HEAD, FOOT = 0.5, 0.5
"""Room for the methods' names above and their colour bars below, in widths of a cell."""


class AttributionGalleryParams(Params):
    """Which methods, on which images."""

    methods: Annotated[
        tuple[str, ...],
        Field(max_length=24, description=f"methods to compare; auto: {', '.join(USUAL)}"),
        ChooseFrom("explainers"),
    ] = ()
    images: int = Field(6, ge=1, le=24, description="images to show, errors and correct predictions in turn")
    rows: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(max_length=24, description="images to show instead, by names or rows"),
    ] = ()
    target: Literal["predicted", "label"] = Field("predicted", description="class whose logit is explained")
    layer: Annotated[
        str | None,
        Field(description="layer for class activation maps; auto: the last spatial layer that is not a pooling layer"),
        ChooseFrom("layers"),
    ] = None


class AttributionGallery(Analysis[AttributionGalleryParams]):
    """How do the methods explain the same images, and which maps can be trusted?"""

    group = "Explanations"
    title = "Attribution gallery"
    Params = AttributionGalleryParams
    needs_model = True
    needs_inside = "outputs"

    def compute(self, session: Session, params: AttributionGalleryParams) -> Result:
        """Explain each image with each method, and judge every map."""
        import pandas as pd

        methods, left = _methods(session, params)
        rows = _rows(session, params)
        found, seen = {}, {}
        for done, (name, method) in enumerate(methods.items()):
            report("Methods", done, len(methods))
            values = method.model_dump()
            found[name] = session.attribute(name, rows, target=params.target, verdict=True, **values)
            seen[name] = _similarity(session, found[name])
        maps = pd.concat([_maps(session, rows, methods[name], each) for name, each in found.items()])
        table = pd.DataFrame([_method(methods[name], each, seen[name]) for name, each in found.items()])
        order = np.lexsort((maps["method"].map({name: n for n, name in enumerate(found)}), maps["place"]))
        maps = maps.iloc[order].drop(columns="place").reset_index(drop=True)
        out = pd.DataFrame({"method": list(left), "why": list(left.values())})
        arrays = {"images": thumbnails_of(session.dataset, rows), "rows": rows}
        arrays |= {f"map {n}": each.at_pixels() for n, each in enumerate(found.values())}
        findings = _findings(session.predictions, rows, maps, table, out)
        return Result(
            {"maps": maps, "methods": table, "left_out": out},
            arrays=arrays,
            findings=findings,
            notes={"target": params.target},
        )

    def draw(self, result: Result) -> Figure:
        """Draw a line for each image: the image, and its maps with their verdicts."""
        methods, images = result.tables["methods"], result.arrays["images"]
        columns, lines = 1 + len(methods), result.tables["maps"].groupby("row", sort=False)
        maps = [result.arrays[f"map {n}"] for n in range(len(methods))]
        scales = [scale_of(m, bool(signed)) for m, signed in zip(maps, methods["signed"], strict=True)]
        pictures = []
        for n, (image, (_, line)) in enumerate(zip(images, lines, strict=True)):
            spot = spot_of(result, result.arrays["rows"][n])
            pictures.append(Tile(image, below=_classes(line.iloc[0]), spot=spot))
            for values, scale, (_, row) in zip(maps, scales, line.iterrows(), strict=True):
                below, signed = _verdict(row), bool(row["signed"])
                pictures.append(Tile(image, below=below, overlay=values[n], signed=signed, scale=scale, spot=spot))
        height = tiles_height(pictures, columns, CELL)
        out = [f"{text(row['method'])}: {text(row['why'], 90)}" for _, row in result.tables["left_out"].iterrows()]
        figure = new_figure(
            result,
            self.question(),
            width=columns * CELL + 0.2,
            height=height + (HEAD + FOOT) * CELL,
            note=f"Explained: the logit of the {'true' if result.notes['target'] == 'label' else 'predicted'} class. "
            "Each method has its own unit: maps in a column share one scale, columns do not. Below each map: whether "
            "it lies where hiding a part of the image lowers the score most, and how many of such maps show the "
            "evidence where it is known; or that the method gives much the same map with random weights. Teal: true "
            f"class. Orange: predicted class with its probability.{' Left out: ' if out else ''}{' '.join(out)}",
        )
        axes = figure.subplots()
        tiles(axes, pictures, columns=columns, cell=CELL)
        bottom = axes.get_ylim()[0]
        axes.set_ylim(bottom + FOOT, -HEAD)
        for n, (_, method) in enumerate(methods.iterrows(), 1):
            _column(axes, n, bottom, method, scales[n - 1])
        return figure


def _methods(session: Session, params: AttributionGalleryParams) -> tuple[dict[str, Explainer], dict[str, str]]:
    """Return the methods that apply, by name, and why others do not, by title."""
    from workbench.attribution.methods import explainer

    chosen, left = {}, {}
    for name in dict.fromkeys(params.methods or USUAL):
        kind = explainer(name)
        if (reason := kind.missing(session.probe)) is None:
            chosen[name] = make(kind, {"layer": params.layer} if kind.needs_layer() else {})
        else:
            left[kind.title] = reason
    if not chosen:
        raise WorkbenchError(f"None of these methods applies to this model. {' '.join(left.values())}")
    return chosen, left


def _rows(session: Session, params: AttributionGalleryParams) -> Array:
    """Choose the most confident error of each leading confused pair, and in turn a correct prediction of its class."""
    if params.rows:
        return session.dataset.rows([*dict.fromkeys(params.rows)])
    predictions, classes = session.predictions, len(session.class_names)
    sure = np.argsort(-predictions.confidence, kind="stable")
    counts = confusion_counts(predictions.labels, predictions.predicted, classes)
    order = np.argsort(-(counts - np.diag(counts.diagonal())), axis=None, kind="stable")
    wrong, right = sure[~predictions.correct[sure]], sure[predictions.correct[sure]]
    pair, chosen = predictions.labels * classes + predictions.predicted, dict[int, None]()
    for cell in order[counts.ravel()[order] > 0].tolist():
        for group in (wrong[pair[wrong] == cell], right[predictions.labels[right] == cell // classes]):
            chosen |= dict.fromkeys([row for row in group.tolist() if row not in chosen][:1])
        if len(chosen) >= params.images:
            break
    return np.array([*chosen, *(row for row in sure.tolist() if row not in chosen)][: params.images], np.int64)


def _similarity(session: Session, found: Attribution) -> Estimate:
    """Likeness of a method's maps to those under random weights, with its interval; NaN where it is not known."""
    from workbench.attribution.methods import explainer
    from workbench.session.judging import known_randomisation

    known = known_randomisation(session, make(explainer(found.method), found.params))
    return Estimate(math.nan) if known is None else known.similarity


def _maps(session: Session, rows: Array, method: Explainer, found: Attribution) -> pd.DataFrame:
    """Return a line for each map of a method."""
    import pandas as pd

    predictions, names, verdicts = session.predictions, session.class_names, found.verdicts or ()
    told = ("completeness gap", "conservation", "R²")
    details = {name: found.details.get(name, np.full(len(rows), np.nan)) for name in told}
    return pd.DataFrame(
        {
            "place": np.arange(len(rows)),
            "row": rows,
            "true": [names[c] for c in predictions.labels[rows]],
            "predicted": [names[c] for c in predictions.predicted[rows]],
            "confidence": predictions.confidence[rows],
            "correct": predictions.correct[rows],
            "method": method.name,
            "target": [names[c] for c in found.target],
            "verdict": [each.words for each in verdicts],
            "share_on_evidence": [each.share for each in verdicts],
            "such_maps_right": [each.reliability.value for each in verdicts],
            "percentile": [each.percentile for each in verdicts],
            "largest": [each.largest for each in verdicts],
            "signed": method.signed,
            **{name.replace(" ", "_"): values for name, values in details.items()},
        }
    )


def _method(method: Explainer, found: Attribution, similarity: Estimate) -> dict[str, Any]:
    verdicts = found.verdicts or ()
    good = rate(sum(each.words == BELIEVED for each in verdicts), len(verdicts))
    unit, size = found.unit or method.unit, "×".join(map(str, found.values.shape[1:]))
    return {
        "method": method.name,
        "title": method.title,
        "on_evidence": round(good.value * len(verdicts)),
        "of": len(verdicts),
        "share": good.value,
        "low": good.low,
        "high": good.high,
        **columns("similarity", similarity),
        "blind": any(v.blind for v in verdicts),
        "layer": found.layer or "",
        "size": size,
        "unit": unit,
        "signed": method.signed,
    }


def _findings(
    predictions: Predictions, rows: Array, maps: pd.DataFrame, methods: pd.DataFrame, out: pd.DataFrame
) -> tuple[Finding, ...]:
    """Say for each method on how many images it lies on the evidence, best first; then what is blind or left out."""
    findings = []
    for _, row in methods[~methods["blind"]].sort_values("on_evidence", ascending=False, kind="stable").iterrows():
        share = rate(int(row["on_evidence"]), int(row["of"]))
        poor = maps[(maps["method"] == row["method"]) & (maps["verdict"] != BELIEVED)]["row"].to_numpy()
        findings.append(
            Finding(
                f"{_named(row)} lies on the evidence in {row['on_evidence']} of {plural(int(row['of']), 'image')}, "
                f"{share}.",
                severity=capped(Severity.MILD, int(row["of"])) if share.high < 0.5 else Severity.INFO,
                effect=share,
                evidence=worst_first(predictions, poor),
            )
        )
    for _, row in methods[methods["blind"]].iterrows():
        alike, control = Estimate.of(row, "similarity"), row["method"] == CONTROL
        few = len(predictions) < FEWEST and not control  # the similarity is measured on images of its own
        says = f"may, judging by only {plural(len(predictions), 'image')}, not" if few else "does not"
        findings.append(
            Finding(
                f"{_named(row)} {says} depend on the weights: with random weights its maps have a rank "
                f"correlation of {alike} to these{', as expected of a control' if control else ''}.",
                severity=Severity.INFO if control else capped(Severity.MILD, len(predictions)),
                effect=alike,
                advice="" if control else "Read it as a picture of the image, not as an explanation of the model.",
            )
        )
    believed = maps[maps["verdict"] == BELIEVED]["row"].unique()
    lost = np.array([row for row in rows if row not in believed], np.int64)
    share = rate(len(lost), len(rows))
    findings.append(
        Finding(
            f"On {len(lost)} of {plural(len(rows), 'image')}, {share}, no method's map lies on the evidence.",
            severity=capped(Severity.MILD, len(rows)) if len(lost) else Severity.INFO,
            effect=share,
            evidence=worst_first(predictions, lost),
        )
    )
    findings += [Finding(f"Left out: {row['method']}. {row['why']}") for _, row in out.iterrows()]
    return tuple(findings)


def _named(method: pd.Series) -> str:
    return str(method["title"]) + (f" at {method['layer']}, {method['size']} places," if method["layer"] else "")


def _classes(row: pd.Series) -> list[tuple[str, str]]:
    sure = f"{probability(row['confidence'])}%"
    second = (f"→ {text(row['predicted'], 14)} {sure}", PREDICTED_COLOUR)
    return [(text(row["true"], 20), TRUE_COLOUR), (f"correct, {sure}", QUIET) if row["correct"] else second]


def _verdict(row: pd.Series) -> list[tuple[str, str]]:
    """Two short lines: the verdict, and how often such a map is right."""
    colour = VERDICT_COLOURS[row["verdict"]]
    first, second = ("does not depend", "on the weights") if "weights" in row["verdict"] else (row["verdict"], "")
    right = row["such_maps_right"]
    return [(first, colour), (second or ("" if np.isnan(right) else f"such maps: {percent(right, 0)}"), colour)]


def _column(axes: Axes, place: int, bottom: float, method: pd.Series, scale: float) -> None:
    """Write a method's name above its column, and draw its colour bar below."""
    native = f"{method['size']}" + (f" at {text(method['layer'], 13)}" if method["layer"] else "")
    title = textwrap.wrap(text(method["title"], 40), 18)[:2]
    for line, words in enumerate(["", *title][-2:]):
        axes.text(place, -HEAD + 0.1 + 0.12 * line, words, fontsize=SMALL, fontweight="bold", color=INK, va="center")
    axes.text(place, -HEAD + 0.35, native, fontsize=SMALL, color=QUIET, va="center")
    bar = axes.inset_axes((place, bottom + 0.22, 0.9, 0.08), transform=axes.transData)
    colours = colours_for(signed=bool(method["signed"]), scale=scale, overlay=True)
    scale_bar(bar, colours, method["unit"].replace(" per ", "\nper "))
