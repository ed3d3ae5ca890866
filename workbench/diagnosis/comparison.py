"""Two models on the same images: what one mends, what it breaks, and which differences are beyond chance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.estimate import Estimate
from workbench.core.image_names import find_image
from workbench.core.image_set import ImageSet
from workbench.core.notebook import facts_html
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.core.wording import join_names, p_value, plural, significant
from workbench.diagnosis.comparison_tables import class_table, confidence_table, pair_table
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.moved_groups import MovedGroup, groups_table
from workbench.statistics.paired import kappa, mcnemar
from workbench.statistics.rates import FEWEST, rate
from workbench.statistics.significance import paired_difference

if TYPE_CHECKING:
    import pandas as pd

    from workbench.diagnosis.changed_findings import FindingChange
    from workbench.diagnosis.compared_maps import ComparedMaps
    from workbench.session.session import Class, Session

SURE = 0.05
"""p-value below which a difference counts, of all that are tested together."""
OUTCOMES = {
    "fixed": "wrong in the first, right in the second",
    "broken": "right in the first, wrong in the second",
    "both_wrong": "wrong in both, as the same class",
    "both_wrong_otherwise": "wrong in both, as different classes",
    "both_right": "right in both",
}
"""What becomes of an image."""
SETS = {**OUTCOMES, "errors_first": "wrong in the first", "errors_second": "wrong in the second", "": "compared images"}
"""What images can be asked for."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """Two models, or one before and after, on the n images that both were given.

    Attributes:
        first, second: the sessions.
        rows: `(n, 2)` int64, where each image stands in either data set.
        before, after: what they predict of these images, with the classes in the first's order.
        notes: sentences about what could not be compared.
    """

    first: Session
    second: Session
    rows: Array
    before: Predictions
    after: Predictions
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, str]:
        """What both are called; told apart where they are called the same."""
        one, other = self.first.name, self.second.name
        return (one, other) if one != other else (f"{one} (first)", f"{other} (second)")

    @cached_property
    def outcome(self) -> Array:
        """`(n,)` text, one of `OUTCOMES`."""
        before, after = self.before, self.after
        same = before.predicted == after.predicted
        return np.select(
            [before.correct & after.correct, before.correct, after.correct, same],
            ["both_right", "broken", "fixed", "both_wrong"],
            "both_wrong_otherwise",
        )

    def images(self, outcome: str, *, label: str | None = None, group: int | None = None) -> ImageSet:
        """Return the images of an outcome, rows of the first data set, the largest change of the label's loss first.

        Args:
            outcome: one of `OUTCOMES`; "errors_first" or "errors_second"; or empty for all images.
            label: name of a class, for its images alone.
            group: a row of `groups`, for the images of that group alone, of both halves.

        Raises:
            WorkbenchError: if there is no such outcome, class or group.
        """
        if outcome not in SETS:
            raise unknown("outcome", outcome, OUTCOMES)
        wrong = {
            "errors_first": ~self.before.correct,
            "errors_second": ~self.after.correct,
            "": np.ones(len(self), bool),
        }
        chosen = self.outcome == outcome if outcome in OUTCOMES else wrong[outcome]
        title = self._named(SETS[outcome])
        if label is not None:
            chosen = chosen & (self.before.labels == self._class(label))
            title = f"{label}: {title}"
        if group is not None:
            moved = self._group(group)
            chosen, title = chosen & moved.group.members, f"{moved.name}: {title}"
        return self._largest_change_first(chosen, title)

    def confused(self, true: str, predicted: str, which: str = "come") -> ImageSet:
        """Return the images of a confusion, rows of the first data set.

        Args:
            true: name of their class.
            predicted: name of the class that they are taken for.
            which: "gone", by the first only; "come", by the second only; "first" or "second", by that one.

        Raises:
            WorkbenchError: if there is no such class.
        """
        inside = self.before.labels == self._class(true)
        one, other = (inside & (each.predicted == self._class(predicted)) for each in (self.before, self.after))
        chosen = {"gone": one & ~other, "come": other & ~one, "first": one, "second": other}
        if which not in chosen:
            raise unknown("choice", which, chosen)
        by = {"gone": "the first only", "come": "the second only", "first": "the first", "second": "the second"}
        return self._largest_change_first(chosen[which], f"{true} taken for {predicted} by {self._named(by[which])}")

    def _named(self, words: str) -> str:
        one, other = self.names
        return re.sub("the (first|second)", lambda found: one if found[1] == "first" else other, words)

    def _largest_change_first(self, chosen: Array, title: str) -> ImageSet:
        (places,) = np.nonzero(chosen)
        change = np.abs(self.after.loss[places] - self.before.loss[places])
        order = np.argsort(-change, kind="stable")
        return ImageSet(self.rows[places[order], 0], title=title)

    def _class(self, name: str) -> int:
        if name not in self.first.class_names:
            raise unknown("class", name, self.first.class_names)
        return self.first.class_names.index(name)

    def _group(self, place: int) -> MovedGroup:
        if not 0 <= place < len(self.moved):
            raise WorkbenchError(f"There are {plural(len(self.moved), 'group')}, from 0 on. Got {place}.")
        return self.moved[place]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Images of each outcome."""
        return {name: int((self.outcome == name).sum()) for name in OUTCOMES}

    @cached_property
    def accuracies(self) -> tuple[Estimate, Estimate]:
        """Of both, each with its Wilson interval."""
        one, other = (rate(int(each.correct.sum()), len(self)) for each in (self.before, self.after))
        return one, other

    @cached_property
    def difference(self) -> Estimate:
        """Accuracy of the second less that of the first, paired by image."""
        return paired_difference(self.counts["fixed"], self.counts["broken"], len(self))

    @cached_property
    def chance(self) -> float:
        """Exact p-value of McNemar's test that one is as good as the other."""
        return float(mcnemar(self.counts["fixed"], self.counts["broken"]))

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row a class: images, recall of both, the paired difference with its interval, fixed, broken, p-values.

        `p_adjusted` is Holm's over the classes that have at least `FEWEST` images; of fewer there is neither p-value
        nor interval.
        """
        return class_table(self.before, self.after, self.first.class_names)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row a confusion of either: true and predicted class, its errors in both, gone, come, p-values.

        Tested paired, as classes are: an image is confused so by one of the two only. The most changed come first.
        """
        return pair_table(self.before, self.after, self.first.class_names)

    @cached_property
    def moved(self) -> list[MovedGroup]:
        """Groups of images that seem to change otherwise than the rest, tested on images that they were not found on.

        Found in the metadata, and in what images look like where there are images, on one half of them. The surest
        come first; `MovedGroup.moved` says which of them hold.
        """
        from workbench.diagnosis.compared_groups import groups_that_moved

        return groups_that_moved(self.first, self.rows[:, 0], (self.before, self.after))

    @property
    def groups(self) -> pd.DataFrame:
        """One row for each of `moved`: what it is, both accuracies on the confirming half, difference, p-values."""
        return groups_table(self.moved)

    def findings(self, *, ask: bool = False) -> tuple[FindingChange, ...] | None:
        """Return the findings of both diagnoses that went, stayed and came; None where one of both was never made.

        Args:
            ask: whether to make the quick diagnoses now, which takes minutes.
        """
        from workbench.diagnosis.changed_findings import both_diagnoses, changed_findings

        known = both_diagnoses(self.first, self.second, ask=ask)
        return None if known is None else changed_findings((self.first, self.second), known, self.rows)

    def maps(
        self,
        image: str | int,
        method: str = "grad-cam",
        *,
        target: Class = "predicted",
        contrast: tuple[Class, Class] | None = None,
        **params: Any,
    ) -> ComparedMaps:
        """Explain an image by both models: `found.maps("test/12").draw()` has both maps and their difference.

        Args:
            image: its name in the first data set, the end of its path that no other has, or its row there.
            method: CLI name of the method.
            target: "predicted" (by the first), "label", a class name or number; both are explained for this one class.
            contrast: two classes in its place.
            params: the method's, for both.

        Raises:
            WorkbenchError: if there is no such image among those compared, a name or a value is wrong, or the method
                does not apply to both models.
        """
        from workbench.diagnosis.compared_maps import compared_maps

        data = self.first.dataset
        row = find_image(data.names, image, data.name) if isinstance(image, str) else int(data.rows([image])[0])
        (place,) = np.nonzero(self.rows[:, 0] == row)
        if not len(place):
            raise WorkbenchError(f"{data.names[row]} is not among the {plural(len(self), 'image')} that are compared.")
        rows = (row, int(self.rows[place[0], 1]))
        both = (self.first, self.second)
        return compared_maps(both, rows, method, names=self.names, target=target, contrast=contrast, **params)

    @cached_property
    def agreement(self) -> tuple[Estimate, Estimate]:
        """Share of the images that both call the same, and Cohen's κ."""
        kinds = len(self.first.class_names)
        counts = confusion_counts(self.before.predicted, self.after.predicted, kinds)
        return rate(int(np.trace(counts)), len(self)), kappa(counts)

    @cached_property
    def confidence(self) -> pd.DataFrame:
        """One row a model: `calibration.scores`, and its mean confidence where it is wrong, each with its interval."""
        return confidence_table(dict(zip(self.names, (self.before, self.after), strict=True)))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: name, label, both predictions with their confidence, and what became of it."""
        import pandas as pd

        names = np.array(self.first.class_names, object)
        return pd.DataFrame(
            {
                "name": self.first.dataset.names[self.rows[:, 0]],
                "label": names[self.before.labels],
                "predicted_first": names[self.before.predicted],
                "predicted_second": names[self.after.predicted],
                "confidence_first": self.before.confidence,
                "confidence_second": self.after.confidence,
                "outcome": self.outcome,
            }
        )

    @property
    def sentence(self) -> str:
        """What is to be said of it, in one sentence."""
        one, other = self.names
        fixed, broken, images = self.counts["fixed"], self.counts["broken"], plural(len(self), "image")
        told = f"{fixed:,} fixed, {broken:,} broken of {images}"
        if fixed == broken == 0:
            return f"{one} and {other} are right on the same images, {images}."
        test = f"exact McNemar {p_value(self.chance, named=True)}"
        if len(self) < FEWEST or self.chance >= SURE:
            return f"No difference in accuracy beyond chance between {one} and {other}: {told} ({test})."
        better, sign = ("more", 100) if fixed > broken else ("less", -100)
        value, *ends = (sign * each for each in self.difference)
        low, high = sorted(ends)
        by, least, most = (significant(each, 2) for each in (value, low, high))
        return (
            f"{other} is {by} points {better} accurate than {one} (95 % interval {least} to {most}): {told} ({test})."
        )

    def __repr__(self) -> str:
        return f"Comparison({self.names[0]!r}, {self.names[1]!r}, {plural(len(self), 'image')}: {self.counts})"

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {
            f"accuracy of {name}": each for name, each in zip(self.names, self.accuracies, strict=True)
        }
        facts |= {"fixed": f"{self.counts['fixed']:,}", "broken": f"{self.counts['broken']:,}"}
        facts |= {"the same prediction": self.agreement[0], "Cohen's κ": self.agreement[1]}
        return facts_html(self.sentence, facts)


def compare(first: Session, second: Session, *, where: str | None = None) -> Comparison:
    """Compare two models, or a model before and after, on the images that both data sets hold.

    Images are paired by their keys, wherever they lie and whatever they are called; by their names where one of both
    has no images. Only those with the same label in both count.

    Args:
        first: session of a run, a model file, or predictions.
        second: the same, of the other.
        where: a query; only images of the first that it finds are compared.

    Raises:
        WorkbenchError: if their classes are not the same, they have no image in common, or the query is none.
    """
    one, other = first.dataset, second.dataset
    if sorted(first.class_names) != sorted(second.class_names):
        lacking = sorted(set(first.class_names) ^ set(second.class_names))
        raise WorkbenchError(
            f"Only models of the same classes can be compared. {first.name} and {second.name} do not share "
            f"{join_names(lacking[:5])}{' …' if len(lacking) > 5 else ''}."
        )
    order = np.array([second.class_names.index(name) for name in first.class_names])
    by_name = one.has_images != other.has_images
    rows = _paired(one.names, other.names) if by_name else _paired(one.keys, other.keys)
    if not len(rows):
        raise WorkbenchError(
            f"{first.name} and {second.name} cannot be compared: {one.name} and {other.name} have no image in common."
        )
    notes = []
    for data, used, beside in ((one, rows[:, 0], other), (other, rows[:, 1], one)):
        if len(used) < len(data):
            missing = f"{len(data) - len(used):,} of {plural(len(data), 'image')}"
            notes.append(f"Left out: {missing} of {data.name}, which are not in {beside.name}.")
    labels = np.argsort(order)[other.labels[rows[:, 1]]]
    same = one.labels[rows[:, 0]] == labels
    if not same.all():
        notes.append(f"Left out: {plural(int((~same).sum()), 'image')} with another label in {other.name}.")
        rows = rows[same]
    if where:
        rows = rows[np.isin(rows[:, 0], first.images.where(where).rows)]
        notes.append(f"Compared: {plural(len(rows), 'image')} found by {where}.")
    if where and not len(rows):
        raise WorkbenchError(f"No image that {first.name} and {second.name} have in common is found by {where}.")
    if not len(rows):
        raise WorkbenchError(
            f"No image has the same label in {one.name} and {other.name}, so there is nothing to compare."
        )
    before, after = first.predictions, second.predictions
    return Comparison(
        first=first,
        second=second,
        rows=rows,
        before=Predictions(before.logits[rows[:, 0]], one.labels[rows[:, 0]]),
        after=Predictions(after.logits[rows[:, 1]][:, order], one.labels[rows[:, 0]]),
        notes=tuple(notes),
    )


def _paired(one: Array, other: Array) -> Array:
    """Return `(n, 2)` places of equal values, in the order of `one`; of copies the first goes with the first."""
    if np.array_equal(one, other):
        return np.stack([np.arange(len(one))] * 2, axis=1)
    waiting: dict[str, list[int]] = {}
    for place, value in enumerate(other.tolist()):
        waiting.setdefault(value, []).append(place)
    for places in waiting.values():
        places.reverse()
    found = [(at, waiting[value].pop()) for at, value in enumerate(one.tolist()) if waiting.get(value)]
    return np.array(found, np.int64).reshape(-1, 2)
