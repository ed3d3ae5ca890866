"""How many regions a prediction takes, how often one flips it, and how far this depends on the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import join_names, plural, verb
from workbench.session.smallest_evidence import SmallestEvidence
from workbench.statistics.bootstrap import estimate
from workbench.statistics.medians import counted, median
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd

ONE_FLIPS = "one region flips"
"""Name of the set of images of which one region flips the prediction; the reference follows."""
GROUPS = (("right predictions", True), ("errors", False))
ALIKE = 0.5
"""Mean share of regions that both references keep, below which they are said to disagree."""


def by_group(images: pd.DataFrame) -> pd.DataFrame:
    """Sum up right predictions and errors, for each reference; a group without images has no line."""
    import pandas as pd

    lines = []
    for reference, of in images.groupby("reference", sort=False):
        for group, correct in GROUPS:
            some = of[of["correct"] == correct]
            if some.empty:
                continue
            line = {"reference": reference, "group": group, "images": len(some), "regions": some["regions"].mean()}
            line |= columns("median_kept", median(some["kept"].to_numpy()))
            line |= columns("one_flips", rate(int((some["removed"] == 1).sum()), len(some)))
            lines.append({**line, "never_flipped": int(some["removed"].isna().sum())})
    return pd.DataFrame(lines)


def overlaps(rows: Array, found: Sequence[Sequence[SmallestEvidence]]) -> pd.DataFrame:
    """Tell of each image how much of what suffices is the same with the first two references.

    Returns:
        A line for each image; `shared` is the area that both keep over the area that any of them does, NaN where none
        is needed with either. Pixels are compared, since not all regions can be hidden with both.
    """
    import pandas as pd

    lines: list[dict[str, Any]] = []
    for row, several in zip(rows.tolist(), found, strict=True):
        if len(several) < 2:
            break
        one, other = several[:2]
        any_of, both = one.kept_pixels | other.kept_pixels, one.kept_pixels & other.kept_pixels
        lines.append(
            {
                "row": row,
                "kept_first": len(one.kept.regions or ()),
                "kept_second": len(other.kept.regions or ()),
                "shared": both.sum() / any_of.sum() if any_of.any() else np.nan,
            }
        )
    return pd.DataFrame(lines, columns=["row", "kept_first", "kept_second", "shared"])


def findings_of(tables: dict[str, pd.DataFrame], single: Sequence[SmallestEvidence]) -> list[Finding]:
    """Say what was found; of a single image in its words, once for each reference."""
    images = tables["images"]
    if single:
        row = int(images["row"].iloc[0])
        said = [_of_one(each, row) for each in single]
    else:
        said = [
            each
            for name, of in images.groupby("reference", sort=False)
            for each in (
                _kept(str(name), of, tables["groups"]),
                _flipped(str(name), of, tables["groups"]),
                *_not_needed(str(name), of),
            )
        ]
    return [*said, *_disagreement(tables, images), _proofs(images)]


def _of_one(found: SmallestEvidence, row: int) -> Finding:
    size = len(found.kept.regions or ())
    return Finding(found.words, effect=Estimate(float(size)), evidence=ImageSet([row]))


def _kept(name: str, of: pd.DataFrame, groups: pd.DataFrame) -> Finding:
    lines = [line for _, line in groups[groups["reference"] == name].iterrows()]
    parts = [f"{counted(Estimate.of(line, 'median_kept'))} for {_images(line)}" for line in lines]
    return Finding(
        f"Hidden is {name}: of {of['regions'].mean():.1f} regions on average, the fewest that keep the prediction are "
        f"a median of {' and '.join(parts)}.",
        effect=Estimate.of(lines[0], "median_kept"),
        evidence=ImageSet(of.sort_values("kept", kind="stable")["row"].to_numpy()),
    )


def _flipped(name: str, of: pd.DataFrame, groups: pd.DataFrame) -> Finding:
    lines = [line for _, line in groups[groups["reference"] == name].iterrows()]
    parts = [f"{Estimate.of(line, 'one_flips', '%')} of {_images(line)}" for line in lines]
    one, never = of[of["removed"] == 1], of["removed"].isna()
    proved = int((never & of["removed_proved"]).sum())
    rest = f" Of {plural(proved, 'image')} no set of regions does, however large." if proved else ""
    unknown = int(never.sum()) - proved
    rest += f" Of {plural(unknown, 'image')} none was found." if unknown else ""
    return Finding(
        f"Hidden is {name}: one region flips the prediction of {' and '.join(parts)}.{rest}",
        effect=Estimate.of(lines[0], "one_flips", "%"),
        evidence=ImageSet(one.sort_values("whole_probability", ascending=False, kind="stable")["row"].to_numpy()),
    )


def _images(line: pd.Series) -> str:
    count = int(line["images"])
    return f"{count:,} {line['group'] if count > 1 else line['group'].removesuffix('s')}"


def _not_needed(name: str, of: pd.DataFrame) -> list[Finding]:
    """Say of how many images the reference itself is predicted as the image is."""
    none = of[of["kept"] == 0]
    if none.empty:
        return []
    among = plural(len(of), "image")
    names = join_names(sorted(set(none["all_hidden"])), 3)
    return [
        Finding(
            f"Hidden is {name}: {len(none):,} of {among} {verb(len(none), 'need')} no region, since with all hidden "
            f"the model says the same ({names}).",
            severity=capped(Severity.MILD, len(of)),
            effect=Estimate(len(none) / len(of), unit="%"),
            evidence=ImageSet(none["row"].to_numpy()),
            advice="What suffices says nothing there: take another reference, or look at what flips the prediction.",
        )
    ]


def _disagreement(tables: dict[str, pd.DataFrame], images: pd.DataFrame) -> list[Finding]:
    shared = tables.get("references")
    if shared is None or shared["shared"].isna().all():
        return []
    one, other = images["reference"].drop_duplicates().tolist()
    known = shared.dropna(subset="shared").sort_values("shared", kind="stable")
    mean = estimate(known["shared"].to_numpy(), within=(0.0, 1.0))
    mean = Estimate(*mean, unit="%")
    differ = int((known["kept_first"] != known["kept_second"]).sum())
    apart = (mean.high if mean.interval else mean.value) < ALIKE
    said = (
        f"With {one} and {other} in place of hidden regions, what suffices shares {mean} of its area on average over "
        f"{plural(len(known), 'image')}, and the number of regions differs in {differ:,}."
    )
    return [
        Finding(
            f"The references disagree. {said}" if apart else said,
            severity=capped(Severity.MILD, len(known)) if apart else Severity.INFO,
            effect=mean,
            evidence=ImageSet(known["row"].to_numpy()),
            advice="State the reference with the evidence; trust regions that are kept with both." if apart else "",
        )
    ]


def _proofs(images: pd.DataFrame) -> Finding:
    """Say of how many searches the answer is proved, and of how many it is one of several."""
    proved = int(images["kept_proved"].sum() + images["removed_proved"].sum())
    searches = 2 * len(images)
    others = images[["kept_others", "removed_others"]].to_numpy().ravel()
    several = int((others > 0).sum())
    rest = " In the others a smaller set may exist, or one where none was found." if proved < searches else ""
    return Finding(
        f"In {proved:,} of {searches:,} searches all smaller sets were tried.{rest} Other sets "
        f"are as small in {several:,}: the one with the largest margin is shown.",
        effect=Estimate(proved / searches, unit="%"),
    )
