"""Tables of a trial on corrupted images: by family, severity, class and image, and of the maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate, columns
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.statistics.bootstrap import estimate
from workbench.statistics.rates import wilson
from workbench.statistics.significance import paired_difference

from .corruptions import FAMILIES, SEVERITIES
from .fragility import NEVER, corruption_error
from .trial import Stability, Trial

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session


def drop(trial: Trial, family: int, place: int, confidence: float = 0.95) -> Estimate:
    """Accuracy that the severity at `place` of 0 … S costs, with its interval."""
    before, after = trial.right[family, 0], trial.right[family, place]
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    return paired_difference(lost, won, len(before), confidence=confidence)


def curves_of(trial: Trial) -> pd.DataFrame:
    """One row a family and severity, 0 included."""
    import pandas as pd

    lines, of = [], len(trial.rows)
    for f, name in enumerate(trial.families):
        for place, severity in enumerate((0, *trial.severities)):
            right = int(trial.right[f, place].sum())
            low, high = (float(end) for end in wilson(right, of))
            line = {
                "family": FAMILIES[name].title,
                "severity": severity,
                "change": FAMILIES[name].words(severity),
                "images": of,
                "right": right,
                "accuracy": right / of,
                "low": low,
                "high": high,
            }
            known = trial.reference
            line |= columns("drop", drop(trial, f, place) if severity else (0.0, np.nan, np.nan))
            line["reference_accuracy"] = (
                np.nan if known is None else float((known[f, place] == trial.before.labels).mean())
            )
            lines.append(line)
    return pd.DataFrame(lines)


def classes_of(trial: Trial, names: tuple[str, ...]) -> pd.DataFrame:
    """One row a class, family and severity; classes without images are left out."""
    import pandas as pd

    lines = []
    for c in np.unique(trial.before.labels):
        own = trial.right[:, :, trial.before.labels == c]  # (F, S + 1, n)
        right, of = own.sum(axis=2), own.shape[2]
        low, high = wilson(right, of)
        for f, name in enumerate(trial.families):
            for place, severity in enumerate((0, *trial.severities)):
                lines.append(
                    {
                        "class": names[c],
                        "number": int(c),
                        "family": FAMILIES[name].title,
                        "severity": severity,
                        "images": of,
                        "right": int(right[f, place]),
                        "accuracy": right[f, place] / of,
                        "low": low[f, place],
                        "high": high[f, place],
                        "drop": (right[f, 0] - right[f, place]) / of,
                    }
                )
    return pd.DataFrame(lines)


def families_of(trial: Trial, curves: pd.DataFrame, maps: Stability, middle: int) -> pd.DataFrame:
    """One row a family, the most costly first."""
    import pandas as pd

    first, place = trial.severities[0], 1 + trial.severities.index(middle)
    errors = 1 - trial.right.mean(axis=2)
    known = np.full(errors.shape, np.nan) if trial.reference is None else (trial.reference != trial.before.labels)
    reference = known.mean(axis=2) if known.ndim == 3 else known
    share = corruption_error(errors[:, 1:], reference[:, 1:])
    beyond = corruption_error(errors[:, 1:] - errors[:, :1], reference[:, 1:] - reference[:, :1])
    lines = []
    for f, name in enumerate(trial.families):
        own = curves[curves["family"] == FAMILIES[name].title].set_index("severity")
        alike = maps.alike[f, place - 1]
        lines.append(
            {
                "family": FAMILIES[name].title,
                "name": name,
                "accuracy": own["accuracy"][0],
                f"accuracy_at_{first}": own["accuracy"][first],
                f"accuracy_at_{middle}": own["accuracy"][middle],
                **columns(f"drop_at_{first}", own.loc[first, ["drop", "drop_low", "drop_high"]]),
                **columns(f"drop_at_{middle}", own.loc[middle, ["drop", "drop_low", "drop_high"]]),
                "mean_drop": float(np.mean(errors[f, 1:] - errors[f, 0])),
                "corruption_error": share[f],
                "relative_corruption_error": beyond[f],
                "flipped_at_least": float((trial.flips[0][f] == first).mean()),
                "maps_compared": int(np.isfinite(alike).sum()),
                **columns("map_stability", _mean(alike)),
            }
        )
    return pd.DataFrame(lines).sort_values("mean_drop", ascending=False, kind="stable", ignore_index=True)


def _mean(values: Array) -> tuple[float, float, float]:
    found = estimate(values if len(values) else np.full(1, np.nan))
    return found.value, found.low, found.high


def maps_of(trial: Trial, maps: Stability) -> pd.DataFrame:
    """One row a family and severity: rank correlation of maps before and after."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "family": FAMILIES[name].title,
                "severity": severity,
                "images": int(np.isfinite(maps.alike[f, s]).sum()),
                **columns("rank_correlation", _mean(maps.alike[f, s])),
            }
            for f, name in enumerate(trial.families)
            for s, severity in enumerate(trial.severities)
        ]
    )


def sets_of(trial: Trial, maps: Stability, middle: int) -> Iterator[tuple[str, ImageSet]]:
    """Yield the images that each corruption costs, the most confident first, and those whose maps are compared."""
    surest = np.argsort(-trial.before.confidence, kind="stable")
    for f, name in enumerate(trial.families):
        for place, severity in enumerate(trial.severities, start=1):
            lost = trial.right[f, 0] & ~trial.right[f, place]
            yield lost_set(name, severity), ImageSet(trial.rows[surest[lost[surest]]])
        compared = np.isfinite(maps.alike[f, trial.severities.index(middle)])
        yield maps_set(name), ImageSet(maps.rows[compared])


def lost_set(family: str, severity: int) -> str:
    """Return the name of the set of images that a corruption costs."""
    return f"lost to {family} {severity}"


def maps_set(family: str) -> str:
    """Return the name of the set of images whose maps are compared before and after a corruption."""
    return f"maps under {family}"


def images_of(trial: Trial, session: Session) -> pd.DataFrame:
    """One row an image: the smallest change that flips it; those that flip soonest and most often first."""
    import pandas as pd

    at, to = trial.flips
    order = np.where(at == NEVER, SEVERITIES[-1] + 1, at)
    by = order.argmin(axis=0)
    each = np.arange(len(trial.rows))
    severity, ever = at[by, each], (at[by, each] != NEVER)
    names, dataset = session.class_names, session.dataset
    table = pd.DataFrame(
        {
            "row": trial.rows,
            "index": dataset.indices[trial.rows],
            "true": [names[c] for c in trial.before.labels],
            "predicted": [names[c] for c in trial.before.predicted],
            "flips_at": severity,
            "by": [FAMILIES[trial.families[f]].title if e else "" for f, e in zip(by, ever, strict=True)],
            "to": [names[c] if e else "" for c, e in zip(to[by, each], ever, strict=True)],
            "families": (at != NEVER).sum(axis=0),
            "least_severity_families": (at == trial.severities[0]).sum(axis=0),
        }
    )
    sooner = np.lexsort((-(at != NEVER).sum(axis=0), order.min(axis=0)))
    return table.iloc[sooner].reset_index(drop=True)
