"""Balance of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.analysis import Analysis
from workbench.choosing import MOST_EVIDENCE
from workbench.colours import NO_EVIDENCE_COLOUR, TRUE_COLOUR
from workbench.contracts import Array, Finding
from workbench.params import Params
from workbench.plotting import INK, SMALL, class_ticks, new_figure, plain, text
from workbench.result import Result
from workbench.wording import counted, listed, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session import Session

MOST_CLASSES = 40


class Limits(Params):
    """When an imbalance matters."""

    serious: float = Field(3.0, ge=1, le=1000, description="largest class over smallest class from which it is serious")


class ClassBalance(Analysis[Limits]):
    """Does every class have its share of the images?"""

    Params = Limits

    def compute(self, session: Session, params: Limits) -> Result:
        """Count the labels of the images at hand and, where there are any, of the training images."""
        import pandas as pd

        names, parts = session.class_names, {"data": session.dataset.labels}
        part_names = {"data": session.dataset.name}
        train = session.train
        if train is not None and train.name != session.dataset.name:
            parts["train"], part_names["train"] = train.labels, train.name
        counts = {part: np.bincount(labels, minlength=len(names)) for part, labels in parts.items()}
        table = pd.DataFrame({"class": list(names)})
        for part, count in counts.items():
            table[f"{part}_images"], table[f"{part}_share"] = count, count / count.sum()
        findings = [
            _ratio(counts[part], names, part_names[part], parts[part] if part == "data" else None, params)
            for part in counts
        ]
        if "train" in counts:
            findings.append(_shift(table, part_names))
        return Result({"classes": table}, findings=tuple(findings), notes={"parts": part_names})

    def draw(self, result: Result) -> Figure:
        """Draw the share of each class, the training images behind the others."""
        table, parts = result.tables["classes"], result.notes["parts"]
        said = f"Equal shares would be {percent(1 / len(table))} each (dotted)."
        if len(table) > MOST_CLASSES:
            order = table["data_images"].to_numpy().argsort(kind="stable")[::-1]
            half = MOST_CLASSES // 2
            said += f" The {half} largest and the {half} smallest of {len(table)} classes."
            table = table.iloc[[*order[:half], *order[-half:]]].reset_index(drop=True)
        figure = new_figure(result, self.question(), width=8.5, height=0.9 + 0.3 * len(table), said=said)
        axes, places = figure.subplots(), np.arange(len(table))
        styles = {"data": (TRUE_COLOUR, 0.19), "train": (NO_EVIDENCE_COLOUR, -0.19)}
        end = max(table[f"{part}_share"].max() for part in parts)
        for part, name in parts.items():
            colour, offset = styles[part]
            at = places - offset if len(parts) > 1 else places
            share = 100 * table[f"{part}_share"].to_numpy()
            axes.barh(
                at, share, height=0.36 if len(parts) > 1 else 0.7, color=colour, label=f" {text(name, 40)}", linewidth=0
            )
            for place, width, images in zip(at, share, table[f"{part}_images"], strict=True):
                axes.text(width + end * 0.6, place, f"{images:,}", va="center", fontsize=SMALL, color=INK)
        axes.axvline(100 / len(result.tables["classes"]), color=INK, linewidth=1, linestyle=":")
        class_ticks(axes, table["class"].tolist())
        axes.set_xlim(0, 108 * end)
        axes.set_xlabel("share of the images, %; the number is how many")
        plain(axes, grid="x")
        if len(parts) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=SMALL + 0.5)
        return figure


def _ratio(counts: Array, names: tuple[str, ...], where: str, labels: Array | None, params: Limits) -> Finding:
    """Compare the largest with the smallest class."""
    small, large = int(counts.argmin()), int(counts.argmax())
    evidence = () if labels is None else tuple(np.flatnonzero(labels == small)[:MOST_EVIDENCE].tolist())
    if counts[small] == 0:
        absent = [names[c] for c in np.flatnonzero(counts == 0)]
        return Finding(
            f"{where}: {counted(len(absent), 'class')} of {len(names)} without an image: {listed(absent)}.",
            "serious",
            0.0,
            advice="A class that is never seen is never learned, nor tested: add images or drop the class.",
        )
    ratio = counts[large] / counts[small]
    if ratio == 1:
        return Finding(f"{where}: all {len(names)} classes have {counts[0]:,} images each.", value=1.0)
    return Finding(
        f"{where}: the largest class, {names[large]}, has {counts[large]:,} images, {ratio:.2f} times as many as the "
        f"smallest, {names[small]}, with {counts[small]:,}.",
        "serious" if ratio >= params.serious else "mild" if ratio >= 1.5 else "info",
        float(ratio),
        evidence=evidence,
        advice="Weight the classes in training, or read per-class rates instead of the accuracy."
        if ratio >= 1.5
        else "",
    )


def _shift(table: pd.DataFrame, part_names: dict[str, str]) -> Finding:
    """Say how far the shares of the two parts are from each other (total variation distance)."""
    distance = float((table["data_share"] - table["train_share"]).abs().sum() / 2)
    return Finding(
        f"The shares of the classes in {part_names['data']} and {part_names['train']} differ for "
        f"{percent(distance)} of the images.",
        "serious" if distance >= 0.2 else "mild" if distance >= 0.05 else "info",
        distance,
        advice="The model expects other shares than it is tested on: correct its prior, or test on what it will meet."
        if distance >= 0.05
        else "",
    )
