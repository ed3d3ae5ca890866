"""An advice that nobody measured, for tests of what is done with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.diagnosis.advice.record import (
    Advice,
    Advised,
    MeasureUsed,
    MethodSeen,
    Number,
    Tuning,
    World,
    place,
    write,
)

SHARE = Number(value=0.8, low=0.7, high=0.9)


def made_method(name: str, title: str, family: str, **settings: Any) -> Advised:
    """One that is advised."""
    return Advised(
        name=name,
        title=title,
        family=family,
        settings=settings,
        why="It wins.",
        control=SHARE,
        better={"deletion": SHARE},
        values={"deletion": SHARE},
        controls={"deletion": SHARE},
        tuning=Tuning(tried=0, said="No parameter was tried."),
    )


def made_advice(model: str, *advised: Advised) -> Advice:
    """Saliency and HSIC, unless others are given."""
    chosen = advised or (
        made_method("saliency", "Saliency", "gradient"),
        made_method("hsic", "HSIC", "perturbation", masks=250),
    )
    return Advice(
        model=model,
        name="made",
        dataset="made/test",
        data="0" * 16,
        seed=0,
        images=40,
        minutes=5.0,
        seconds=1.0,
        world=World(said="Nothing was asked."),
        measures=(MeasureUsed(name="deletion", title="Deletion", agreement=SHARE, counts=True),),
        methods=tuple(
            MethodSeen(name=each.name, title=each.title, family=each.family, won=SHARE, control=SHARE)
            for each in chosen
        ),
        advised=chosen,
        said=("For made on made/test, look at these.",),
    )


def keep(session: Any, advice: Advice) -> Path:
    """Keep an advice where the page finds it."""
    path = place(session)
    write(path, advice)
    return path
