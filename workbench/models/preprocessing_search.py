"""Accuracy of a model under each preprocessing convention, and which one it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cache import load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.sampling import balanced_rows
from workbench.models.input_variants import Convention, conventions, other_fits
from workbench.models.preprocessing import AUTO
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd

    from workbench.models.probe import Probe

AS_THEY_ARE = "as they are"
IMAGES = 500
"""Images used to find a preprocessing."""
SURE = 0.001
"""P-value below which it is another one than "auto"."""


def answers_on(probe: Probe, dataset: Dataset, rows: Array, change: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Return which images are classified correctly when changed, and what each costs.

    Returns:
        `(n,)` bool, and `(n,)` cross-entropies in nats; an infinite score counts as wrong, and costs infinitely much.
    """
    parts = [rows[start : start + 256] for start in range(0, len(rows), 256)]
    logits = [probe.logits(np.ascontiguousarray(change(dataset.floats(part)))) for part in parts]
    values, labels = np.concatenate(logits).astype(np.float64), dataset.labels[rows]
    finite = np.isfinite(values).all(axis=1)
    values[~finite] = 0
    values -= values.max(axis=1, keepdims=True)
    loss = np.log(np.exp(values).sum(axis=1)) - values[np.arange(len(rows)), labels]
    return (values.argmax(axis=1) == labels) & finite, np.where(finite, loss, np.inf)


def correct_on(probe: Probe, dataset: Dataset, rows: Array, change: Callable[[Array], Array]) -> Array:
    """Return which images are classified correctly when changed, `(n,)` bool; an infinite score counts as wrong."""
    return answers_on(probe, dataset, rows, change)[0]


def surely_worse(other: Array, best: Array, tries: int) -> bool:
    """Whether fewer of the same images are correct, by the exact McNemar test with p below 0.001 after Bonferroni."""
    from scipy.stats import binomtest

    gained, lost = int((best & ~other).sum()), int((other & ~best).sum())
    return gained > lost and bool(binomtest(gained, gained + lost).pvalue * tries < SURE)


def in_order(right: Mapping[str, Array], losses: Mapping[str, Array], tries: int) -> list[str]:
    """Order preprocessings: those that are not surely less accurate than the most accurate one, the best first.

    A few images more of some hundred are chance, so that it is the mean loss that counts among them, and of those whose
    loss is no more than chance above the least (2 standard errors of paired differences) the more usual preprocessing.

    Args:
        right: `(n,)` bool, which images are correct with each.
        losses: `(n,)` what each image costs, in nats.
        tries: with how many the test is corrected.
    """
    usual = ("unit", "pixels", "signed", "imagenet-torch", "imagenet-caffe")
    places = {name: place for place, name in enumerate(usual)}
    top = max(right, key=lambda name: (int(right[name].sum()), -places.get(name, len(usual))))
    kept = [name for name in right if name == top or not surely_worse(right[name], right[top], tries)]
    means = {name: float(losses[name].mean()) for name in kept}
    least = min(kept, key=lambda name: (means[name], places.get(name, len(usual))))
    told = {
        name: _above_chance(losses[name], losses[least]) or _above_chance(right[least], right[name]) for name in kept
    }
    return sorted(kept, key=lambda n: (told[n], means[n] if told[n] else 0.0, places.get(n, len(usual))))


def _above_chance(one: Array, other: Array) -> bool:
    """Whether the mean of paired values is larger, by 2 standard errors."""
    if not np.isfinite(one).all():
        return bool(np.isfinite(other).all())
    difference = one.astype(np.float64) - other
    return bool(difference.mean() > 2 * difference.std() / np.sqrt(len(difference)))


def compare_inputs(
    probe: Probe | None, dataset: Dataset, rows: Array, now: Array, ways: Mapping[str, Convention]
) -> tuple[pd.DataFrame, dict[str, Array], dict[str, Array]]:
    """Test a model with every preprocessing, and compare with the current one.

    Source: McNemar 1947, Psychometrika 12, with the exact p-value.

    Args:
        probe: the model; None where there is none, and nothing to compare with.
        dataset: the images.
        rows: `(n,)` of those to use.
        now: `(n,)` bool, which of them are classified correctly as they are.
        ways: by name.

    Returns:
        A row for each, "as they are" first: its accuracy with Wilson's 95 % interval, images gained and lost, and the
        p-value; which images are correct with each; and what each image costs with each of the others, in nats.
    """
    import pandas as pd
    from scipy.stats import binomtest

    lines: list[dict[str, Any]] = [{"input": AS_THEY_ARE, "accuracy": now.mean(), "gained": 0, "lost": 0, "p": 1.0}]
    right, losses = {AS_THEY_ARE: now}, {}
    for done, (name, way) in enumerate(ways.items()):
        assert probe is not None  # noqa: S101  # so says the docstring
        report("Testing preprocessings", done, len(ways))
        right[name], losses[name] = answers_on(probe, way.reread(dataset), rows, way.change)
        gained, lost = int((right[name] & ~now).sum()), int((now & ~right[name]).sum())
        chance = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        lines.append({"input": name, "accuracy": right[name].mean(), "gained": gained, "lost": lost, "p": chance})
    report("Testing preprocessings", len(ways), len(ways))
    table = pd.DataFrame(lines)
    low, high = wilson(np.array([each.sum() for each in right.values()]), len(rows))
    table.insert(2, "low", low)
    table.insert(3, "high", high)
    return table, right, losses


def find_preprocessing(load: Callable[[], Any], dataset: Dataset, path: Path | None = None) -> tuple[str, str]:
    """Find the preprocessing of a model by its accuracy on up to 500 labelled images, balanced over the classes.

    Args:
        load: returns the model.
        dataset: labelled images.
        path: file that caches the answer; None for none.

    Returns:
        A sentence with the accuracies, and the name of the preprocessing: "auto", unless another one is significantly
        better (exact McNemar test, p below 0.001 after Bonferroni).
    """
    from workbench.models.probe import Probe

    if path is not None and (kept := load_arrays(path)) is not None and {"said", "name"} <= kept.keys():
        return str(kept["said"]), str(kept["name"])
    rows = np.sort(balanced_rows(dataset.labels, min(IMAGES, len(dataset)), 0))
    probe = Probe(load(), dataset.image_shape, examples=lambda: dataset.floats(rows[:200]))
    ways = {n: way for n, way in conventions(dataset.image_shape, probe.preprocessing).items() if way.flag}
    now = correct_on(probe, dataset, rows, lambda images: images)
    table, right, losses = compare_inputs(probe, dataset, rows, now, ways)
    del right[AS_THEY_ARE]
    better = [name for name in in_order(right, losses, len(ways)) if surely_worse(now, right[name], len(ways))]
    usual, others = table.iloc[0], table.iloc[1:].sort_values("accuracy", ascending=False, kind="stable")
    sure = bool(better)
    best = table[table["input"] == better[0]].iloc[0] if sure else others.iloc[0]
    name = str(best["input"]) if sure else AUTO
    first, second = (best, usual) if sure else (usual, best)
    named = {AS_THEY_ARE: f"{AUTO} ({probe.preprocessing.name})"}
    said = (
        f"{named.get(first['input'], first['input'])}: {percent(first['accuracy'])} of "
        f"{plural(len(rows), 'image')} correct; "
        f"{named.get(second['input'], second['input'])}: {percent(second['accuracy'])}"
        f"{'' if sure else '; none is significantly better'}."
    )
    said += _better_fit(probe, dataset, rows, ways[name].change if sure else None)
    if path is not None:
        save_arrays(path, {"said": np.array(said), "name": np.array(name)})
    return said, name


def _better_fit(probe: Probe, dataset: Dataset, rows: Array, change: Callable[[Array], Array] | None) -> str:
    """Say which way to read image files is surely better than the one they were read with, if one is.

    Args:
        probe: the model.
        dataset: the images.
        rows: which of them.
        change: what is done to the pixels in all cases; None for nothing.
    """
    ways = {n: replace(way, change=change or way.change) for n, way in other_fits(dataset).items()}
    if not ways:
        return ""
    now = correct_on(probe, dataset, rows, change or (lambda images: images))
    table, _, _ = compare_inputs(probe, dataset, rows, now, ways)
    best = table.iloc[1:].sort_values("accuracy", ascending=False, kind="stable").iloc[0]
    if best["gained"] <= best["lost"] or best["p"] * len(ways) >= SURE:
        return ""
    way = ways[str(best["input"])]
    return f" {percent(now.mean())} → {percent(best['accuracy'])} if the images are {way.words}: {way.reading}."
