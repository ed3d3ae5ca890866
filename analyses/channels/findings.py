"""Findings about the dead, zeroed and redundant channels of a model's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.wording import join_names, percent, plural, verb
from workbench.statistics.rates import ENOUGH, rate

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.refit import Refit

DEAD = 1 / 3
"""Share of a layer's filters that must surely be dead to be worth knowing: all networks have a few."""
IDLE = 0.8
"""The same of a dense layer's units: good networks often need few of them, and a third and more never fires."""
LOST = 0.005
"""Share of the images that zeroed channels must surely cost to be a serious fault."""
ERRORS = 0.05
"""Share of errors up to which zeroed channels that a last layer does not make up for can have cost little."""
ZEROED = 0.05
"""Share of a layer's channels from which zeroed ones are a fault."""
LINE = ("layer", "kind", "channels", "dead", "dead_share", "dead_low", "dead_high", "zeroed", "redundant", "output")
"""Columns of a table of layers; `dead` counts the zeroed ones too."""


def dead_channel_findings(
    table: pd.DataFrame, images: int, different: int, renewed: Refit | None = None
) -> list[Finding]:
    """Say which layers have zeroed channels, and which have dead ones.

    Args:
        table: a line for each layer.
        images: how many were read.
        different: how many of them differ.
        renewed: what a last layer that is fitted anew makes of the same features; None where none could be fitted.
    """
    findings = []
    for row in table.to_dict("records"):
        whose = "scores" if row["output"] else "channels"
        if row["zeroed"]:
            share = rate(row["zeroed"], row["channels"])
            lost = None if renewed is None else renewed.gain
            said, cost = "", None
            if lost is not None and renewed is not None:
                cost = Estimate(*(min(max(end, 0.0), 1.0) for end in lost), unit="%")
                said = (
                    " With a last layer that is fitted anew to what is left, "
                    f"{percent(float(renewed.correct.mean()))} of the images are right instead of "
                    f"{percent(float(renewed.model.mean()))}: {_points(lost)}, and at least that is lost."
                    if lost.low > LOST
                    else f" A last layer that is fitted anew to what is left is not surely better ({_points(lost)}): "
                    "little is lost, or nothing can make up for it."
                )
            # What no last layer makes up for is unknown; it is no more than the errors that there are.
            costly = lost is None or lost.low > LOST or 1 - float(renewed.model.mean() if renewed else 0) > ERRORS
            findings.append(
                Finding(
                    f"{row['layer']}: {row['zeroed']:,} of its {row['channels']:,} {whose}, {share}, "
                    f"{verb(row['zeroed'], 'have')} only weights that are exactly zero, which training "
                    f"alone does not produce.{said}",
                    severity=Severity.SERIOUS if share.value >= ZEROED and costly else Severity.MILD,
                    effect=share,
                    advice="If they were pruned on purpose, check what it cost and remove the channels; if not, reload "
                    "the weights, or retrain the layer.",
                    kind="dead-channels",
                    cost=cost,
                    confirm="An earlier checkpoint of this layer has non-zero weights there.",
                )
            )
        natural = row["dead"] - row["zeroed"]
        if natural > 0 and not row["output"]:
            some = "" if different >= ENOUGH else f", of which {different} {verb(different, 'are')} different"
            share, limit = rate(natural, row["channels"]), IDLE if row["kind"] == "Dense" else DEAD
            many = share.low > limit
            advice = "They can be removed without loss." + (
                " So many leave the layer little to work with: if the accuracy is low, train again with a lower "
                "learning rate or another initialiser."
                if many
                else ""
            )
            findings.append(
                Finding(
                    f"{row['layer']}: {natural:,} of its {plural(row['channels'], 'channel')} {verb(natural, 'are')} "
                    f"dead, {share}: constant over {plural(images, 'image')}{some}, so that none changes without them.",
                    severity=Severity.INFO if different < ENOUGH else Severity.MILD,  # few images may not need them
                    effect=share,
                    advice=advice,
                    kind="dead-channels",
                    cost=rate(0, images),
                    confirm="They are dead on other images of the same kind, too.",
                )
            )
    alive = table[(table["dead"] == 0) & ~table["output"].astype(bool)]
    if len(alive):
        channels, which = int(alive["channels"].sum()), join_names(alive["layer"].tolist())
        findings.append(
            Finding(
                f"No channel is dead among the {channels:,} of {plural(len(alive), 'layer')} ({which}) "
                f"on {plural(images, 'image')}.",
                severity=Severity.INFO,
                effect=rate(0, channels),
            )
        )
    return findings


def redundant_channel_findings(table: pd.DataFrame, alike: float) -> list[Finding]:
    """Say which hidden layers have redundant channels."""
    found = table[(table["redundant"] > 0) & ~table["output"].astype(bool)]
    return [
        Finding(
            f"{row['layer']}: {row['redundant']:,} of its {plural(row['channels'], 'channel')} "
            f"{verb(row['redundant'], 'have')} a correlation of {alike:.2f} or more with another one.",
            severity=Severity.INFO,
            effect=rate(row["redundant"], row["channels"]),
            advice="One of each pair can be removed, and its outgoing weights added to the other's.",
        )
        for row in found.to_dict("records")
    ]


def _points(lost: Estimate) -> str:
    return f"{100 * lost.value:.1f} points (95 % interval {100 * lost.low:.1f} to {100 * lost.high:.1f})"
