"""Groups of images that a network was made to fail on, and whether they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.progress import report
from workbench.diagnosis.benchmark import Asked, Benchmark, Claim, Measured
from workbench.diagnosis.truth.slices.asking import OURS, TOP, Said, ask_peers, ask_workbench
from workbench.diagnosis.truth.slices.making import BLIND, KINDS, MISSED, TRAIN, World, make_world
from workbench.diagnosis.truth.slices.network import Network
from workbench.diagnosis.truth.slices.scores import BELONGS, COVERS, Score, score
from workbench.statistics.significance import mean_with_interval

if TYPE_CHECKING:
    import pandas as pd

WORLDS, QUICK = 100, 4
"""Worlds with blind spots."""
EACH = 5
"""Worlds of each other kind."""
COMPARED = 50
"""Worlds with blind spots that the peers are asked in, too, the first ones: they take longer than all else."""
HOLD, ELSE = 0.8, 0.25
"""Share of a group's images that words must hold for, and of all other images at most: otherwise they tell nothing."""


class Slices(Benchmark):
    """Are groups of images found on which a network fails, and only these?

    Pictures of a few objects are drawn, and the training labels are wrong wherever three to five attributes come
    together: one to three blind spots a world, of which the test labels tell nothing. After Plumb et al. 2022,
    arXiv:2207.04104 (SpotCheck). Slices as they come about, rare, correlated and noisy, are after Eyuboglu et al. 2022,
    arXiv:2203.14960 (dcbench). Quick is four worlds with blind spots, and no others.
    """

    title: ClassVar[str] = "Slices"
    minutes: ClassVar[float] = 19.0

    def measure(self, asked: Asked) -> Measured:
        """Draw worlds, train a network in each, and ask the workbench and its peers for groups."""
        network = Network(TRAIN)
        count = QUICK if asked.quick else WORLDS * asked.draws
        scores: dict[str, list[Score]] = {}
        said: list[Said] = []
        tries = left = 0
        for number in range(count):
            world = make_world(number, asked.seed, network)
            if world is None:
                left += 1
                continue
            tries += world.tries
            said.append(_ask(world, network, asked.seed, scores, peers=number < COMPARED))
            report("Worlds with blind spots", number + 1, count)
        others: dict[str, list[Score]] = {}
        kinds = () if asked.quick else KINDS
        failing = dict.fromkeys(kinds, 0)
        for kind in kinds:
            for number in range(EACH):
                world = make_world(number, asked.seed, network, kind)
                if world is not None:
                    failing[kind] += 1
                    _ask(world, network, asked.seed, others, said_by=f"{kind}: ", peers=True)
                report(f"Worlds, {kind}", number + 1, EACH)
        tables = {"Blind spots": _table(scores)}
        if others:
            tables["Slices as they come about"] = _table(others)
        return Measured(
            tables=tables,
            claims=_claims(scores[OURS], said),
            notes=(
                (
                    f"A group belongs to a blind spot if {BELONGS:.0%} of its images lie there; a blind spot is found "
                    f"if {COVERS:.0%} of it lies in groups that belong to it. False discoveries are counted among the "
                    "first groups that find as many blind spots as all do; `false of all` counts every group, of the "
                    f"peers the first {TOP}."
                ),
                (
                    f"A network gets at least {MISSED[BLIND]:.0%} of each blind spot wrong, else the world is drawn "
                    f"again: {tries} were drawn, and {left} given up. Groups of the errors cannot cover a "
                    "blind spot that is learned in part only."
                ),
                (
                    f"Peers are written from their formulas, and asked in the first {COMPARED} worlds with blind spots."
                    " PlaneSpot's plane is t-SNE's in place of scvis'."
                ),
                *(
                    f"In {number} of {EACH} worlds with a {kind} slice the network fails there; only these are counted."
                    for kind, number in failing.items()
                ),
                (
                    "Words are found on half of the images and counted on the other half. A group that properties "
                    "define has the words that define it, which hold."
                ),
            ),
        )


def _ask(
    world: World, network: Network, seed: int, scores: dict[str, list[Score]], *, peers: bool, said_by: str = ""
) -> Said:
    """Ask the workbench, and its peers or not, for groups, and keep their scores by name."""
    said = ask_workbench(world, network)
    for name, groups in {OURS: list(said.groups), **(ask_peers(world, seed) if peers else {})}.items():
        scores.setdefault(f"{said_by}{name}", []).append(score(groups, world.spots))
    return said


def _table(scores: dict[str, list[Score]]) -> pd.DataFrame:
    """A row a method, with 95 % intervals over worlds."""
    import pandas as pd

    rows = []
    for name, pairs in scores.items():
        found = mean_with_interval(np.array([each.discovery for each in pairs]), within=(0, 1))
        false = mean_with_interval(np.array([each.false_discovery for each in pairs]), within=(0, 1))
        every = np.concatenate([each.false for each in pairs])
        rows.append(
            {
                "method": name,
                "worlds": len(pairs),
                "discovery": found.value,
                "discovery_low": found.low,
                "discovery_high": found.high,
                "false_discovery": false.value,
                "false_low": false.low,
                "false_high": false.high,
                "false_of_all": float(every.mean()) if len(every) else float("nan"),
                "groups": float(np.mean([len(each.false) for each in pairs])),
            }
        )
    return pd.DataFrame(rows)


def _claims(pairs: list[Score], said: list[Said]) -> tuple[Claim, ...]:
    found = np.concatenate([each.found for each in pairs])
    false = np.concatenate([each.false for each in pairs])
    claims = [Claim(said="a blind spot is found", right=int(found.sum()), of=len(found), wanted=0.85)]
    if len(false):
        claims.append(
            Claim(said="a group of images lies in a blind spot", right=int((~false).sum()), of=len(false), wanted=0.95)
        )
        claims += claims_of_words(said)
    return tuple(claims)


def claims_of_words(said: list[Said]) -> list[Claim]:
    """How often words hold where there are some, and how often there are some, which only informs."""
    holds = np.concatenate([each.words_hold for each in said])
    outside = np.concatenate([each.words_outside for each in said])
    some = np.isfinite(holds)
    claims = [Claim(said="a group of images has words", right=int(some.sum()), of=len(holds))]
    if some.any():
        right = int(((holds >= HOLD) & (outside <= ELSE)).sum())
        kept = f"words hold for {HOLD:.0%} of a group's other images and for {ELSE:.0%} of all others at most"
        claims.append(Claim(said=kept, right=right, of=int(some.sum()), wanted=0.8))
    return claims
