"""How far the maps of each method can be trusted, by several measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from workbench.attribution.applicable import CONTROL, Methods, left_out, methods_on
from workbench.core.attribution import BELIEVED, PARTLY
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params, Seed, describe
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.sampling import balanced_rows
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, VERDICT_COLOURS
from workbench.plotting.hot_spots import of_no_images
from workbench.plotting.pieces import FAINT, INK, QUIET, SMALL, class_ticks, heading, new_figure, plain
from workbench.session.analysis import Analysis
from workbench.statistics.bootstrap import estimates
from workbench.statistics.significance import holm

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.faithfulness.measure import Measure, Subject
    from workbench.session.session import Session

USUAL = ("deletion", "insertion", "road", "average-drop", "relevance-mass")
"""Measures unless others are named: they are quick, and rank maps."""
SURE = 0.05
"""p-value below which a difference is significant."""
FEWEST = 6
"""Images below which no rank test can be significant."""
BETTER = "better"
WORSE = "worse"
SAME = "no better"
ACROSS = 6
"""Panels in a row of the figure."""


class FaithfulnessTableParams(Params):
    """Which methods and measures, on which images."""

    methods: Methods = ()
    measures: Annotated[tuple[str, ...], Field(description=f"measures to use; auto: {', '.join(USUAL)}")] = ()
    within: Literal["object", "all"] = Field(
        "object", description="pixels that deletion and insertion change; deleting a black background tests nothing"
    )
    images: int = Field(24, ge=1, le=2000, description="images to explain, balanced over classes")
    seed: Seed = Field(0, description="seed for choosing images and resampling")


class FaithfulnessTable(Analysis[FaithfulnessTableParams]):
    """Which methods' maps can be trusted on this model?"""

    group = "Explanations"
    title = "Faithfulness of the methods"
    Params = FaithfulnessTableParams
    needs_model = True
    needs_inside = "outputs"

    def compute(self, session: Session, params: FaithfulnessTableParams) -> Result:
        """Measure each method's maps of the predicted class, and test every method against the random control."""
        import pandas as pd

        names = (*params.methods, CONTROL) if params.methods else ()
        methods, left = methods_on(session.probe, names, least=2)
        methods[CONTROL] = methods.pop(CONTROL)  # the last row
        measures = _measures(params)
        rows = balanced_rows(session.dataset.labels, params.images, params.seed)
        images = session.dataset.floats(rows)
        values = np.full((len(measures), len(methods), len(rows)), np.nan)
        reasons: dict[str, str] = {}
        for place, name in enumerate(methods):
            subject = _subject(session, name, rows, images)
            for number, each in enumerate(measures.values()):
                if reason := each.missing(subject):
                    reasons[each.name] = reason
                else:
                    values[number, place] = each.values(subject)
                report("Faithfulness", place * len(measures) + number + 1, len(measures) * len(methods))
        known = np.isfinite(values).any(axis=(1, 2))
        if not known.any():
            raise WorkbenchError(next(iter(reasons.values()), "No map of these images can be measured."))
        measures = {name: each for (name, each), some in zip(measures.items(), known, strict=True) if some}
        titles = {name: method.title for name, method in methods.items()}
        table = _table(values[known], measures, titles, params.seed)
        order = _best_first(table, titles)
        per_image = pd.DataFrame(
            [
                (measure, method, *each)
                for k, measure in enumerate(measures)
                for m, method in enumerate(methods)
                for each in zip(rows, values[known][k, m], strict=True)
            ],
            columns=["measure", "method", "row", "value"],
        )
        return Result(
            {"summary": _summary(table, titles, order), "measured": table, "images": per_image},
            arrays={},
            findings=tuple(_findings(table, measures, titles, order, rows)),
            notes={
                "order": order,
                "titles": titles,
                "left": left_out(left),
                "measures": {name: [each.title, each.unit, each.better] for name, each in measures.items()},
            },
        )

    def draw(self, result: Result) -> Figure:
        """Draw a panel for each measure: a dot with its interval for each method."""
        order, measures = result.notes["order"], result.notes["measures"]
        lines = -(-len(measures) // ACROSS)
        said = (
            "Dots: means over the images with 95 % bootstrap intervals. Band: the control, maps of random numbers. "
            f"Green: significantly better than the control (Wilcoxon signed-rank test, Holm-corrected, p < {SURE}); "
            "amber: not; hollow: significantly worse. Star: significantly better than the runner-up, too. Methods are "
            f"sorted by the number of measures in which they beat the control. {result.notes['left']}"
        ).rstrip()
        height = lines * (0.21 * len(order) + 0.8)
        figure = new_figure(result, self.question(), width=10.6, height=height, note=said)
        panels = figure.subplots(lines, min(ACROSS, len(measures)), squeeze=False, sharey=True)
        for axes in panels.ravel()[len(measures) :]:
            axes.set_axis_off()
        class_ticks(panels[0, 0], [result.notes["titles"][method] for method in order])
        for axes, name in zip(panels.ravel(), measures, strict=False):
            part = result.tables["measured"]
            part = part[part["measure"] == name].set_index("method").loc[order]
            _panel(axes, part, measures[name])
        return figure


def _measures(params: FaithfulnessTableParams) -> dict[str, Measure]:
    """Return the measures that are asked for, those that change pixels `within` what the parameters say."""
    from workbench.faithfulness.measures import measure, measures

    found = {}
    for name in dict.fromkeys(params.measures or [each for each in USUAL if each in measures()]):
        kind = measure(name)
        own = {"within": params.within} if any(each.name == "within" for each in describe(kind)) else {}
        found[name] = kind(**own)
    return found


def _subject(session: Session, name: str, rows: Array, images: Array) -> Subject:
    from workbench.attribution.methods import explainer
    from workbench.faithfulness.measure import Subject

    method = explainer(name)()
    background = session.background if method.needs_background else None
    return Subject(
        probe=session.probe,
        images=images,
        attribution=session.attribute(name, rows),
        method=method,
        background=background,
    )


def _table(values: Array, measures: Mapping[str, Measure], titles: Mapping[str, str], seed: int) -> pd.DataFrame:
    """One row a measure and method: mean with interval, the test against the control, and which is significantly best.

    Args:
        values: `(measures, methods, N)`, the control's last.
        measures: by name.
        titles: of the methods by name.
        seed: of the resampling.
    """
    import pandas as pd

    lines, winners = [], []
    for (name, each), of_measure in zip(measures.items(), values, strict=True):
        towards = {"higher": 1, "lower": -1}.get(each.better, 0)
        mean, low, high = estimates(of_measure.T, seed)
        for place, method in enumerate(titles):
            known = int(np.isfinite(of_measure[place]).sum())
            line = {
                "measure": name,
                "method": method,
                "mean": mean[place],
                "low": low[place],
                "high": high[place],
                "known": known,
                "p_control": float("nan"),
                "side": 0.0,
            }
            if method != CONTROL and towards:
                line["p_control"], side = _paired_test(of_measure[place], of_measure[-1])
                line["side"] = towards * side
            lines.append(line)
        ranked = [place for place in np.argsort(-towards * mean, kind="stable") if np.isfinite(mean[place])]
        if towards and len(ranked) > 1:
            first, second = ranked[:2]
            chance, side = _paired_test(of_measure[first], of_measure[second])
            winners.append((name, [*titles][first], [*titles][second], chance if towards * side > 0 else 1.0))
    table = pd.DataFrame(lines)
    table["p_control"] = holm(table["p_control"].to_numpy())
    sure = table["p_control"] < SURE
    words = np.where(sure & (table["side"] > 0), BETTER, np.where(sure & (table["side"] < 0), WORSE, SAME))
    table["against_control"] = np.where(table["p_control"].notna(), words, "")
    table["runner_up"], table["p_runner_up"], table["best"] = "", float("nan"), False
    for (name, first, second, _), chance in zip(winners, holm(np.array([each[-1] for each in winners])), strict=True):
        row = table.index[(table["measure"] == name) & (table["method"] == first)]
        table.loc[row, ["runner_up", "p_runner_up", "best"]] = [second, chance, bool(chance < SURE)]
    return table.drop(columns="side")


def _paired_test(one: Array, other: Array) -> tuple[float, float]:
    """Test paired values of the same images: p of Wilcoxon's signed-rank test, and which side is larger."""
    from scipy.stats import wilcoxon

    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < FEWEST:
        return float("nan"), 0.0
    differences = (one - other)[known]
    if not differences.any():
        return 1.0, 0.0
    return float(wilcoxon(differences).pvalue), float(np.sign(differences.mean()))


def _best_first(table: pd.DataFrame, titles: Mapping[str, str]) -> list[str]:
    """Order methods by the measures in which they beat the control, then by how few they lose; the control last."""
    won = table[table["against_control"] == BETTER].groupby("method").size()
    lost = table[table["against_control"] == WORSE].groupby("method").size()
    best = table[table["best"]].groupby("method").size()
    others = [method for method in titles if method != CONTROL]
    return [*sorted(others, key=lambda m: (-won.get(m, 0), lost.get(m, 0), -best.get(m, 0))), CONTROL]


def _summary(table: pd.DataFrame, titles: Mapping[str, str], order: list[str]) -> pd.DataFrame:
    """One row a method: in how many measures it is significantly better than the control, and its mean in each."""
    import pandas as pd

    won = table[table["against_control"] == BETTER].groupby("method").size()
    means = table.pivot_table(index="method", columns="measure", values="mean", sort=False).reindex(order)
    named = {"method": [titles[method] for method in order], "better_in": [int(won.get(each, 0)) for each in order]}
    return pd.concat([pd.DataFrame(named), means.reset_index(drop=True)], axis=1)


def _findings(
    table: pd.DataFrame, measures: Mapping[str, Measure], titles: Mapping[str, str], order: list[str], rows: Array
) -> list[Finding]:
    among = plural(len(rows), "image")
    if len(rows) < FEWEST:
        findings = [Finding(f"{among}: too few to compare methods; at least {FEWEST} are needed.")]
    else:
        findings = _against_control(table, titles, order, among)
    for name, each in measures.items():
        part = table[(table["measure"] == name) & table["mean"].notna()]
        led = part[part["runner_up"] != ""]
        if each.better and len(led):
            row = led.iloc[0]
            second = part[part["method"] == row["runner_up"]].iloc[0]
            first = "has the best mean" if len(rows) < FEWEST else "is best"
            verdict = f"significantly (p = {row['p_runner_up']:.2g})" if row["best"] else "but not significantly"
            best, next_ = (Estimate(*each_row[["mean", "low", "high"]]) for each_row in (row, second))
            findings.append(
                Finding(
                    f"{each.title}, {each.better} is better: {titles[row['method']]} {first} with {best}, {verdict} "
                    f"better than {titles[row['runner_up']]} with {next_}.",
                    severity=Severity.INFO,
                    effect=best,
                )
            )
    return findings or [Finding(f"These measures only describe the maps of {among}; they do not rank methods.")]


def _against_control(table: pd.DataFrame, titles: Mapping[str, str], order: list[str], among: str) -> list[Finding]:
    """Say which methods are better than random numbers in how many measures."""
    judged = table[table["against_control"] != ""].groupby("method")["against_control"]
    won, of = judged.agg(lambda words: int((words == BETTER).sum())), judged.size()
    known = [method for method in order if method in of]
    if not known:
        return []
    half = [method for method in known if 2 * won[method] > of[method]]
    rest = [method for method in known if 2 * won[method] <= of[method]]
    findings = []
    if half:
        names = join_names([f"{titles[method]} ({won[method]} of {of[method]})" for method in half], 12)
        findings.append(
            Finding(
                f"On {among}, significantly better than random maps in most measures: {names}.",
                severity=Severity.INFO,
                effect=Estimate(float(won[half[0]])),
            )
        )
    if rest:
        names = join_names([f"{titles[method]} ({won[method]} of {of[method]})" for method in rest], 12)
        findings.append(
            Finding(
                f"On {among}, significantly better than random maps in at most half of the measures: {names}.",
                severity=Severity.MILD,
                effect=Estimate(float(won[rest[-1]])),
                advice="Do not base a claim about this model on these maps alone.",
            )
        )
    return findings


def _panel(axes: Axes, table: pd.DataFrame, measure: list[str]) -> None:
    """Draw one measure: the control as a band, every other method as a dot with its interval."""
    title, unit, better = measure
    of_no_images(axes)
    heading(axes, title)
    mean, low, high = (float(table[name].loc[CONTROL]) for name in ("mean", "low", "high"))
    axes.axvspan(low, high, color=FAINT, linewidth=0)
    axes.axvline(mean, color=QUIET, linewidth=0.8)
    inks = {BETTER: VERDICT_COLOURS[BELIEVED], SAME: VERDICT_COLOURS[PARTLY], WORSE: VERDICT_COLOURS[PARTLY], "": INK}
    for place, (method, row) in enumerate(table.iterrows()):
        if not np.isfinite(row["mean"]):
            axes.annotate("–", (0, place), xycoords=("axes fraction", "data"), color=NO_EVIDENCE_COLOUR, va="center")
            continue
        ink = QUIET if method == CONTROL else inks[row["against_control"]]
        axes.hlines(place, row["low"], row["high"], color=ink, linewidth=1.2)
        face = "white" if row["against_control"] == WORSE else ink
        marker, size = ("*", 10) if row["best"] else ("o", 4.5)
        axes.plot(row["mean"], place, marker, color=ink, markerfacecolor=face, markersize=size)
    plain(axes, grid="both")
    axes.locator_params(axis="x", nbins=4)
    way = {"higher": "higher is better →", "lower": "← lower is better"}.get(better, "descriptive")
    axes.set_xlabel("\n".join(each for each in (unit, way) if each), fontsize=SMALL)
