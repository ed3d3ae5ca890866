"""What is said of the dead, zeroed and redundant channels of a model's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.finding import Finding, Severity
from workbench.core.wording import counted, listed
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

DEAD, IDLE, ZEROED = 1 / 3, 0.8, 0.05
"""Shares of a layer's channels from which dead filters, dead units of a dense layer (both for sure) and zeroed ones are
a fault. Of dense units good networks often need few: a third and more never fires, and nothing is lost by it."""
LINE = ("layer", "kind", "channels", "dead", "dead_share", "dead_low", "dead_high", "zeroed", "redundant", "output")
"""Columns of a table of layers; `dead` counts the zeroed ones too."""


def dead(table: pd.DataFrame, images: int) -> list[Finding]:
    """Say which layers have zeroed channels, and which have dead ones."""
    findings = []
    for row in table.to_dict("records"):
        whose = "scores" if row["output"] else "channels"
        if row["zeroed"]:
            share = rate(row["zeroed"], row["channels"])
            findings.append(
                Finding(
                    f"{row['layer']}: of {row['zeroed']:,} of its {row['channels']:,} {whose}, {share}, all weights "
                    "are exactly zero, which training does not do by itself.",
                    severity=Severity.SERIOUS if share.value >= ZEROED else Severity.MILD,
                    effect=share,
                    advice="If it was pruned with intent, check what it cost and remove the channels; if not, load the "
                    "weights again, or train the layer again.",
                    kind="dead-channels",
                    confirm="The same layer of an earlier checkpoint has weights there.",
                )
            )
        natural = row["dead"] - row["zeroed"]
        if natural > 0 and not row["output"]:
            share, limit = rate(natural, row["channels"]), IDLE if row["kind"] == "Dense" else DEAD
            findings.append(
                Finding(
                    f"{row['layer']}: {natural:,} of its {row['channels']:,} channels are dead, {share}: the same on "
                    f"all of {counted(images, 'image')}.",
                    severity=Severity.SERIOUS if share.low > limit else Severity.MILD,
                    effect=share,
                    advice="A lower learning rate or another initialiser keeps more channels alive; dead ones can be "
                    "removed without loss.",
                    kind="dead-channels",
                    confirm="On other images of the same kind they stay dead.",
                )
            )
    alive = table[(table["dead"] == 0) & ~table["output"].astype(bool)]
    if len(alive):
        channels, which = int(alive["channels"].sum()), listed(alive["layer"].tolist())
        findings.append(
            Finding(
                f"No channel is dead among the {channels:,} of {counted(len(alive), 'layer')} ({which}) "
                f"on {counted(images, 'image')}.",
                severity=Severity.INFO,
                effect=rate(0, channels),
            )
        )
    return findings


def redundant(table: pd.DataFrame, alike: float) -> list[Finding]:
    """Say which hidden layers have channels that say the same."""
    found = table[(table["redundant"] > 0) & ~table["output"].astype(bool)]
    return [
        Finding(
            f"{row['layer']}: {row['redundant']:,} of its {row['channels']:,} channels are correlated with another one "
            f"by {alike:.2f} or more.",
            severity=Severity.INFO,
            effect=rate(row["redundant"], row["channels"]),
            advice="One of each pair can be removed, and its outgoing weights added to the other's.",
        )
        for row in found.to_dict("records")
    ]
