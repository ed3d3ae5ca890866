"""Two ways to train, each from several seeds, on the same images: differences beyond chance of seeds and of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.notebook import facts_html
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.diagnosis.comparison import SURE, Comparison, compare
from workbench.statistics.paired import seeds_and_images, t_interval
from workbench.statistics.rates import FEWEST
from workbench.statistics.significance import holm

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

NUMBERS = ("difference", "seeds_low", "seeds_high", "images_low", "images_high")


@dataclass(frozen=True, eq=False, kw_only=True)
class SeveralRuns:
    """Several runs of either side, compared pair by pair on the n images that all were given.

    Attributes:
        pairs: a comparison for each pair of runs.
    """

    pairs: tuple[Comparison, ...]

    def __len__(self) -> int:
        return len(self.pairs[0])

    @property
    def names(self) -> tuple[str, str]:
        """What both sides are called: their runs."""
        first, second = ([getattr(pair, side).name for pair in self.pairs] for side in ("first", "second"))
        return join_names(first, 4), join_names(second, 4)

    @cached_property
    def changes(self) -> Array:
        """`(pairs, n)` int64 in {-1, 0, 1}: right in the second less right in the first."""
        return np.stack([pair.after.correct.astype(np.int64) - pair.before.correct for pair in self.pairs])

    @cached_property
    def overall(self) -> dict[str, float]:
        """Mean accuracy of both sides with its interval over seeds, and what `seeds_and_images` gives."""
        found: dict[str, float] = {}
        for side, name in enumerate(("first", "second")):
            right = [pair.accuracies[side].value for pair in self.pairs]
            low, high, _ = t_interval(right)
            found |= {f"accuracy_{name}": float(np.mean(right))}
            found |= {f"accuracy_{name}_low": max(low, 0.0), f"accuracy_{name}_high": min(high, 1.0)}
        return found | seeds_and_images(list(self.changes))

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row a class: images, mean recall of both sides, the difference with both intervals, p-values.

        `p` is the larger one of seeds and images, `p_adjusted` Holm's over the classes of at least `FEWEST` images; of
        fewer there are no p-values and no intervals.
        """
        import pandas as pd

        labels, table = self.pairs[0].before.labels, []
        for label, name in enumerate(self.pairs[0].first.class_names):
            inside = labels == label
            row: dict[str, Any] = {"class": name, "images": int(inside.sum()), "recall_first": np.nan}
            row |= {"recall_second": np.nan, **dict.fromkeys(NUMBERS, np.nan), "p": np.nan}
            if inside.any():
                row["recall_first"] = float(np.mean([pair.before.correct[inside].mean() for pair in self.pairs]))
                row["recall_second"] = float(np.mean([pair.after.correct[inside].mean() for pair in self.pairs]))
                found = seeds_and_images(list(self.changes[:, inside]))
                enough = inside.sum() >= FEWEST
                row |= {each: found[each] for each in (NUMBERS if enough else NUMBERS[:1])}
                row["p"] = found["chance"] if enough else np.nan
            table.append(row)
        made = pd.DataFrame(table)
        made["p_adjusted"] = holm(made["p"].to_numpy(np.float64))
        return made

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: name, label, and how many runs of either side are right."""
        import pandas as pd

        one = self.pairs[0]
        names = np.array(one.first.class_names, object)
        return pd.DataFrame(
            {
                "name": one.first.dataset.names[one.rows[:, 0]],
                "label": names[one.before.labels],
                "right_first": np.sum([pair.before.correct for pair in self.pairs], axis=0),
                "right_second": np.sum([pair.after.correct for pair in self.pairs], axis=0),
            }
        )

    @property
    def sentence(self) -> str:
        """What is to be said of it, in one sentence."""
        known, (one, other) = self.overall, self.names
        points = f"{100 * known['difference']:+.2f} points".replace("-", "−")
        spans = " and ".join(f"{_span(known, part)} over the {part}" for part in ("seeds", "images"))
        told = f"{points} (95 % interval {spans}; {plural(len(self.pairs), 'run')} each, {plural(len(self), 'image')})"
        if not known["chance"] < SURE:
            return f"No difference in accuracy beyond chance of seeds and images between {one} and {other}: {told}."
        word = "more" if known["difference"] > 0 else "less"
        return f"{other} are {word} accurate than {one}, beyond chance of seeds and images: {told}."

    def __repr__(self) -> str:
        return f"SeveralRuns({self.names[0]!r}, {self.names[1]!r}, {plural(len(self), 'image')})"

    def _repr_html_(self) -> str:
        known = {name.replace("_", " "): f"{value:.4g}" for name, value in self.overall.items()}
        return facts_html(self.sentence, known)


def _span(known: dict[str, float], part: str) -> str:
    low, high = known[f"{part}_low"], known[f"{part}_high"]
    return f"{100 * low:+.2f} to {100 * high:+.2f}".replace("-", "−")


def compare_several(firsts: Sequence[Session], seconds: Sequence[Session], *, where: str | None = None) -> SeveralRuns:
    """Compare several runs with several others, on the same images: `compare_several([a1, a2, a3], [b1, b2, b3])`.

    Runs are paired by their seeds where both sides have the same ones, since runs of one seed start alike; else in the
    order given.

    Args:
        firsts: sessions of at least two models.
        seconds: sessions of as many others.
        where: a query; only images that it finds are compared.

    Raises:
        WorkbenchError: if there are not as many of both, or fewer than two, or they have not the same images.
    """
    if len(firsts) != len(seconds) or len(firsts) < 2:
        raise WorkbenchError(
            "Several runs are compared with as many others, two at least, one for each seed. "
            f"Got {len(firsts)} and {len(seconds)}."
        )
    seeds = [[None if each.run is None else each.run.manifest.seed for each in side] for side in (firsts, seconds)]
    if None not in seeds[0] and len(set(seeds[0])) == len(firsts) and set(seeds[0]) == set(seeds[1]):
        seconds = [seconds[seeds[1].index(seed)] for seed in seeds[0]]
    pairs = tuple(compare(one, other, where=where) for one, other in zip(firsts, seconds, strict=True))
    compared = [_compared(each) for each in pairs]
    for pair, images in zip(pairs, compared, strict=True):
        if not np.array_equal(images, compared[0]):
            raise WorkbenchError(
                f"All runs must be given the same images. {pair.first.name} and {pair.second.name} were given others "
                f"than {pairs[0].first.name} and {pairs[0].second.name}."
            )
    return SeveralRuns(pairs=pairs)


def _compared(pair: Comparison) -> Array:
    data = pair.first.dataset
    which = (data.keys if data.has_images else data.names)[pair.rows[:, 0]]
    return np.array([f"{key} {label}" for key, label in zip(which, pair.before.labels, strict=True)])
