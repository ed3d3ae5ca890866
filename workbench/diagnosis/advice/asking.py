"""The steps of an advice: methods measured, known world, choice, weights drawn anew, parameters, images that report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.params import make
from workbench.core.progress import report, reporting, silent, stoppable
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.sampling import balanced_rows
from workbench.statistics.significance import mean_with_interval

from .comparing import agreement, duel, share, won
from .known_evidence import CLASSES, LEARNED, KnownEvidence, architecture_class, known_evidence
from .measuring import (
    EXCESS,
    NO_TIME,
    TIME_OVER,
    Images,
    OutOfTime,
    Worth,
    all_measured,
    deadline,
    maps_of,
    measured,
    measures_on,
    titles_of,
    worth_of,
)
from .record import Advice, Advised, MeasureUsed, MethodSeen, Number, Tuning, World
from .rule import Choice, Grade, Traits, choose, grades, surely_better
from .tuning import Tuned, tune
from .wording import NO_MEASURE, dropped_said, summary, tuning_said, weights_said, why

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.faithfulness.randomisation import Randomisation
    from workbench.session.session import Session

CONTROL = "control"
"""Family of what knows nothing."""
FEWEST = 12
"""Images of either part, at least."""
MEASURING, WORLD, TESTING, TUNING = 0.45, 0.72, 0.82, 0.93
"""Shares of the time after which each step is over; the rest is for the numbers that are reported."""
REPORTS = 2
"""How often a chosen method is measured for the report: with the default, and with tuned parameters."""
TESTED, FEW, COSTLY = 20, 8, 300
"""Images on which it is tested whether maps depend on the weights; few for a method of more than so many copies."""
NOT_HELD = "There was no time to hold the best of them against the default on other images, so the default stays."
NOT_TESTED = "there was no time left to test whether its maps depend on the weights"


class Asking:
    """One asking: the model, its images in two parts, the measures, and how much time is left."""

    def __init__(self, session: Session, images: int, seed: int, minutes: float, methods: Sequence[str]) -> None:
        if session.only_predictions:
            raise WorkbenchError("There is no model here, only its predictions: maps need a model.")
        self.count = min(images, len(session.dataset) // 2)
        if self.count < FEWEST:
            raise WorkbenchError(
                f"Choosing and reporting need at least {FEWEST} images each, {2 * FEWEST} in all. Got "
                f"{plural(len(session.dataset), 'image')}, of which {plural(images, 'image')} each were wanted."
            )
        self.session, self.probe, self.seed, self.minutes = session, session.probe, seed, minutes
        session.predictions.predicted  # noqa: B018 - of all images: computed before the time begins
        self.begun = time.monotonic()
        self.choosing, self.reporting = self._parts()
        self.measures = measures_on(self.probe, seed)
        self.titles = titles_of(self.measures)
        self.tests: dict[str, Randomisation] = {}
        self.methods, self.left = self._methods(methods)

    def _parts(self) -> tuple[Images, Images]:
        """Draw the images of both parts together, balanced over the classes; of two neighbours each part has one."""
        session, chance = self.session, np.random.default_rng(self.seed)
        rows = balanced_rows(session.dataset.labels, 2 * self.count, self.seed)
        pairs = chance.permuted(rows.reshape(self.count, 2), axis=1)
        predicted, background = session.predictions.predicted, np.asarray(session.background)
        one, other = (
            Images(
                probe=self.probe,
                images=session.dataset.floats(shuffled),
                target=predicted[shuffled],
                background=background,
            )
            for shuffled in (chance.permutation(pairs[:, part]) for part in (0, 1))
        )
        return one, other

    def _methods(self, names: Sequence[str]) -> tuple[dict[str, Explainer], dict[str, str]]:
        """Return the methods to choose from, the random control left out; and why others are not, by title."""
        from workbench.attribution.methods import explainer, explainers

        found, left = {}, {}
        for name in dict.fromkeys(names) or explainers():
            kind = explainer(name)
            if kind.kin() == CONTROL:
                continue
            if (reason := kind.missing(self.probe)) is None:
                found[name] = kind()
            elif names:
                raise WorkbenchError(reason)
            else:
                left[kind.title] = reason
        if not found:
            raise WorkbenchError("There is no method to choose from that applies to this model.")
        return found, left

    def _until(self, part: float) -> float:
        """Monotonic time at which a share of the minutes is over."""
        return self.begun + 60 * self.minutes * part

    def advice(self) -> Advice:
        """Ask everything, in order."""
        worth = self._measured()
        world, known = self._world()
        counting, used = self._counting(known)
        if not counting:
            return self._nothing(world, used, len(worth))
        rows = [place for place, name in enumerate(self.titles) if name in counting]
        graded = grades(
            {name: each.values[rows] for name, each in worth.items()},
            {name: each.control[rows] for name, each in worth.items()},
            None if known is None else known.truth,
            None if known is None else known.random,
        )
        traits = {
            name: Traits(family=each.kin(), of_class=each.of_class, copies=each.copies(self.probe))
            for name, each in self.methods.items()
        }
        choice = choose(graded, traits, self._blind)
        tuned = self._tuned(choice, worth, rows)
        advised, dropped = self._reported(choice, graded, tuned, rows)
        reasons = {**choice.reasons, **dropped}
        seen = tuple(self._seen(each, reasons) for each in graded)
        late = NOT_TESTED in reasons.values()
        return self._answer(world, used, len(graded), seen=seen, advised=advised, dropped=dropped, late=late)

    def _answer(
        self,
        world: World,
        used: tuple[MeasureUsed, ...],
        methods: int,
        *,
        seen: tuple[MethodSeen, ...] = (),
        advised: tuple[Advised, ...] = (),
        dropped: Mapping[str, str] = MappingProxyType({}),
        late: bool = False,
    ) -> Advice:
        session, titled = self.session, {self.methods[name].title: reason for name, reason in dropped.items()}
        whose, seconds = f"{session.name} on {session.dataset.name}", time.monotonic() - self.begun
        return Advice(
            model=session.model_fingerprint,
            name=session.name,
            dataset=session.dataset.name,
            data=session.dataset.fingerprint,
            seed=self.seed,
            images=self.count,
            minutes=self.minutes,
            seconds=round(seconds, 1),
            world=world,
            measures=used,
            methods=seen,
            advised=advised,
            left=self.left,
            said=summary(
                whose,
                advised,
                methods,
                titled,
                families=len({each.family for each in seen}),
                judged=any(each.counts for each in used),
                tested=not session.inference_only,
                late=late,
                longer=seconds - 60 * self.minutes,
                unmeasured=sum(reason in {NO_TIME, TIME_OVER} for reason in self.left.values()),
            ),
        )

    def _measured(self) -> dict[str, Worth]:
        """What each method's maps of the first part are worth, by name."""
        found, left = all_measured(
            self.methods,
            self.choosing,
            self.measures,
            seed=self.seed,
            until=self._until(MEASURING),
            told=lambda done: report("Methods measured", done, len(self.methods)),
        )
        self.left |= {self.methods[name].title: reason for name, reason in left.items()}
        if not found:
            raise WorkbenchError(
                f"No method could be measured in {self.minutes:g} minutes. Give more, or fewer images."
            )
        return found

    def _world(self) -> tuple[World, KnownEvidence | None]:
        """Ask a network of the model's class whose evidence is known."""
        report("A network of known evidence", 0, 1)
        name = architecture_class(self.probe)
        if not name:
            reason = "it gives predictions only" if self.probe.inference_only else "it has no feature maps"
            said = f"No network of known evidence is like this model: {reason}. Every measure counts."
            return World(said=said), None
        with reporting(silent):
            known = known_evidence(
                name, _all_methods(), self.measures, seed=self.seed, until=self._until(WORLD), cache=self.session.cache
            )
        report("A network of known evidence", 1, 1)
        if known is None:
            said = f"A network of its class ({CLASSES[name]}) whose evidence is known was not ready in time."
            return World(network=name, said=f"{said} Every measure counts; give more minutes to have it asked."), None
        said = (
            f"A network of its class ({CLASSES[name]}) was trained where the evidence is known: a letter is the class, "
            f"and a digit beside it means nothing. It is right about {percent(known.accuracy, 0)} of new images."
        )
        if known.accuracy < LEARNED:
            little = f"{said} That is less than {percent(LEARNED, 0)}, too little to judge by: every measure counts."
            return World(network=name, accuracy=known.accuracy, said=little), None
        images = len(next(iter(known.truth.values())))
        return World(network=name, accuracy=known.accuracy, images=images, said=said), known

    def _counting(self, known: KnownEvidence | None) -> tuple[list[str], tuple[MeasureUsed, ...]]:
        """Say which measures surely pick the better map more often than not where the evidence is known.

        They may be none. Where no evidence is known, nothing speaks against any measure, and all count.
        """
        shares = dict.fromkeys(self.titles, Estimate(float("nan"), unit="%"))
        if known is not None:
            truth = np.stack(list(known.truth.values()))
            for row, measure in enumerate(known.measures):
                values = np.stack([known.values[name][row] for name in known.truth])
                shares[measure] = share(agreement(values, truth))
        counting = [name for name, each in shares.items() if known is None or surely_better(each)]
        used = tuple(
            MeasureUsed(name=name, title=title, agreement=Number.of(shares[name]), counts=name in counting)
            for name, title in self.titles.items()
        )
        return counting, used

    def _nothing(self, world: World, used: tuple[MeasureUsed, ...], methods: int) -> Advice:
        """Advise nothing, since no measure can tell which of two maps is the better one."""
        world = world.model_copy(update={"said": f"{world.said} There {NO_MEASURE}: nothing can be advised."})
        return self._answer(world, used, methods)

    def _blind(self, name: str, settings: Mapping[str, Any] | None = None) -> str:
        """Say why a method's maps do not depend on the weights; "" where they do, or where it cannot be tested."""
        from workbench.faithfulness.randomisation import randomise

        if self.session.inference_only:
            return ""
        method = make(type(self.methods[name]), dict(settings or {}))
        key, some = f"{name} {method.key}", self.choosing.first(FEW if method.copies(self.probe) > COSTLY else TESTED)
        if key not in self.tests:
            until = self._until(TESTING if settings is None else 1)
            if time.monotonic() >= until:
                return NOT_TESTED
            report("Weights drawn anew", len(self.tests), len(self.tests) + 1)
            background = some.background if method.needs_background else None
            try:
                with reporting(silent), stoppable(deadline(until)):
                    self.tests[key] = randomise(
                        self.probe, method, some.images, some.target, background=background, seed=self.seed
                    )
            except OutOfTime:
                return NOT_TESTED
        if not self.tests[key].blind:
            return ""
        alike = self.tests[key].similarity
        return f"its maps stay much the same when the weights are drawn anew: rank correlation {alike}"

    def _tuned(self, choice: Choice, worth: Mapping[str, Worth], rows: list[int]) -> dict[str, Tuned]:
        """Try the parameters of the chosen methods, each in its share of the time that the report does not need."""
        found: dict[str, Tuned] = {}
        needed = sum(REPORTS * worth[name].seconds for name in choice.names)
        end = min(self._until(TUNING), self._until(1) - needed)
        for place, name in enumerate(choice.names):
            report("Parameters tried", place, len(choice.names))
            now = time.monotonic()
            until = now + max(end - now, 0.0) / (len(choice.names) - place)

            def measure(method: Explainer, until: float = until) -> Array:
                with reporting(silent), stoppable(deadline(until)):
                    return measured(maps_of(method, self.choosing), self.measures)[rows]

            found[name] = tune(type(self.methods[name]), self.probe, worth[name].values[rows], measure, until=until)
        return found

    def _reported(
        self, choice: Choice, graded: Sequence[Grade], tuned: Mapping[str, Tuned], rows: list[int]
    ) -> tuple[tuple[Advised, ...], dict[str, str]]:
        """Measure what was chosen on the images that report; what is not better than random there is not advised."""
        best, total = {each.name: each for each in graded}, len(choice.names)
        advised: list[Advised] = []
        dropped: dict[str, str] = {}
        if not total:
            return (), {}
        for place, name in enumerate(choice.names):
            report("Images that report", place, total)
            kind = type(self.methods[name])
            tuning, own = self._kept(name, tuned[name], rows)
            settings = tuning.settings if tuning.kept else {}
            control = share(duel(own.values[rows], own.control[rows]))
            if not surely_better(control):
                dropped[name] = dropped_said(self.count, control)
                continue
            tested = self.tests.get(f"{name} {make(kind, settings).key}")
            advised.append(
                Advised(
                    name=name,
                    title=kind.title,
                    family=kind.kin(),
                    settings=settings,
                    why=why(
                        best[name],
                        kind.kin(),
                        len(graded) - 1,
                        first=name == choice.names[0],
                        lead=(self.methods[lead].title, best[lead]) if (lead := choice.leads.get(name)) else None,
                    ),
                    control=Number.of(control),
                    better={
                        key: Number.of(share(won(own.values[k], own.control[k]))) for k, key in enumerate(self.titles)
                    },
                    values={key: Number.of(self._mean(key, own.values[k])) for k, key in enumerate(self.titles)},
                    controls={key: Number.of(self._mean(key, own.control[k])) for k, key in enumerate(self.titles)},
                    similarity=None if tested is None else Number.of(tested.similarity),
                    weights="" if tested is None else weights_said(tested.similarity, tested.spearman.shape[-1]),
                    alike=tuple(self.methods[other].title for other in choice.alike[name]),
                    tuning=tuning,
                )
            )
        report("Images that report", total, total)
        return tuple(advised), dropped

    def _worth(self, method: Explainer) -> Worth:
        """What its maps of the images that report are worth, however long that takes: it is what is reported."""
        with reporting(silent):
            return worth_of(method, self.reporting, self.measures, self.seed)

    def _mean(self, measure: str, values: Array) -> Estimate:
        """Mean of a measure as it is usually given."""
        turned = measure != EXCESS and self.measures[measure].better == "lower"
        return mean_with_interval(-values if turned else values)

    def _kept(self, name: str, found: Tuned, rows: list[int]) -> tuple[Tuning, Worth]:
        """Hold the found parameters against the default; return what came of it, and the worth of what is used."""
        default = self._worth(self.methods[name])
        if not found.values:
            said = tuning_said(found.tried, {}, None, kept=False, why_not="", cut=found.cut)
            return Tuning(tried=found.tried, said=said), default
        settings = dict(found.values)
        try:
            with stoppable(deadline(self._until(1))):
                own = self._worth(make(type(self.methods[name]), settings))
        except OutOfTime:
            said = f"{plural(found.tried, 'value')} of its parameters tried. {NOT_HELD}"
            return Tuning(tried=found.tried, settings=settings, said=said), default
        against = share(duel(own.values[rows], default.values[rows]))
        reason = self._blind(name, settings) if surely_better(against) else ""
        kept = surely_better(against) and not reason
        said = tuning_said(found.tried, settings, against, kept=kept, why_not=reason, cut=found.cut)
        tuning = Tuning(tried=found.tried, settings=settings, against_default=Number.of(against), kept=kept, said=said)
        return tuning, own if kept else default

    def _seen(self, grade: Grade, reasons: Mapping[str, str]) -> MethodSeen:
        method = self.methods[grade.name]
        return MethodSeen(
            name=grade.name,
            title=method.title,
            family=method.kin(),
            won=Number.of(grade.won),
            control=Number.of(grade.control),
            evidence=None if grade.evidence is None else Number.of(grade.evidence),
            reason=reasons.get(grade.name, ""),
        )


def _all_methods() -> dict[str, Explainer]:
    """Return every method but the control, whichever were named: measures are judged by as many maps as there are."""
    from workbench.attribution.methods import explainers

    return {name: kind() for name, kind in explainers().items() if kind.kin() != CONTROL}
