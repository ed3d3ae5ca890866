"""Findings about the dead, zeroed and redundant channels of a model's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.finding import Finding, Severity
from workbench.core.wording import join_names, plural, verb
from workbench.statistics.rates import ENOUGH, rate

if TYPE_CHECKING:
    import pandas as pd

DEAD = 1 / 3
"""Share of a layer's filters that must surely be dead to be a fault."""
IDLE = 0.8
"""The same of a dense layer's units: good networks often need few of them, and a third and more never fires."""
ZEROED = 0.05
"""Share of a layer's channels from which zeroed ones are a fault."""
LINE = ("layer", "kind", "channels", "dead", "dead_share", "dead_low", "dead_high", "zeroed", "redundant", "output")
"""Columns of a table of layers; `dead` counts the zeroed ones too."""


def dead_channel_findings(table: pd.DataFrame, images: int, different: int) -> list[Finding]:
    """Say which layers have zeroed channels, and which have dead ones, from so many images, some of them different."""
    findings = []
    for row in table.to_dict("records"):
        whose = "scores" if row["output"] else "channels"
        if row["zeroed"]:
            share = rate(row["zeroed"], row["channels"])
            findings.append(
                Finding(
                    f"{row['layer']}: {row['zeroed']:,} of its {row['channels']:,} {whose}, {share}, "
                    f"{verb(row['zeroed'], 'have')} only weights that are exactly zero, which training "
                    "alone does not produce.",
                    severity=Severity.SERIOUS if share.value >= ZEROED else Severity.MILD,
                    effect=share,
                    advice="If they were pruned on purpose, check what it cost and remove the channels; if not, reload "
                    "the weights, or retrain the layer.",
                    kind="dead-channels",
                    confirm="An earlier checkpoint of this layer has non-zero weights there.",
                )
            )
        natural = row["dead"] - row["zeroed"]
        if natural > 0 and not row["output"]:
            some = "" if different >= ENOUGH else f", of which {different} {verb(different, 'are')} different"
            share, limit = rate(natural, row["channels"]), IDLE if row["kind"] == "Dense" else DEAD
            findings.append(
                Finding(
                    f"{row['layer']}: {natural:,} of its {plural(row['channels'], 'channel')} {verb(natural, 'are')} "
                    f"dead, {share}: constant over {plural(images, 'image')}{some}.",
                    severity=Severity.INFO
                    if different < ENOUGH  # what differs little need not show in a channel
                    else Severity.SERIOUS
                    if share.low > limit
                    else Severity.MILD,
                    effect=share,
                    advice="A lower learning rate or another initialiser keeps more channels alive; dead ones can be "
                    "removed without loss.",
                    kind="dead-channels",
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
