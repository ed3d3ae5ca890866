"""What is planted, in which worlds, and which sound models are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.diagnosis.planting.letters import Letters
from workbench.diagnosis.planting.worlds import digits, shapes

SMALL = Letters(classes=6, side=24, train=1200, test=400)
GREY = Letters(classes=8, side=24, channels=1, train=1600, test=480)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A fault in a world, or none.

    Attributes:
        fault: its name.
        values: its parameters.
        world: what makes the world of a random generator.
        epochs: passes over the images.
        fitting: what else is particular to the training.
        title: what the line is called; the fault, if not given.
        misled: whether the model fails in a systematic way and all labels of the test images are right, so that none of
            its errors is a wrong label.
    """

    fault: str = "nothing"
    values: Mapping[str, Any] = field(default_factory=dict)
    world: Any = SMALL
    epochs: int = 12
    fitting: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    misled: bool = False

    @property
    def name(self) -> str:
        """What its line is called."""
        values = ", ".join(map(str, self.values.values()))
        return self.title or (f"{self.fault} ({values})" if values else self.fault)


def _cues() -> Iterator[Trial]:
    for how in ("cast", "texture", "frame", "ghost", "jpeg", "blur"):
        yield Trial(fault="soft-cue", values={"how": how}, title=f"shortcut: {how}")


def _copies() -> Iterator[Trial]:
    for how, world in (("brightened", GREY), ("blurred", SMALL), ("recompressed", SMALL), ("cropped", GREY)):
        yield Trial(fault="changed-copies", values={"how": how}, world=world, title=f"copies: {how}")
    yield Trial(fault="changed-copies", world=digits, title="copies: any of these, 8 pixels")


FAULTS: Sequence[Trial] = (
    Trial(fault="shifted-labels", values={"how": "shifted"}),
    Trial(fault="strangers", values={"how": "pictures"}),
    Trial(fault="half-turned", world=GREY, misled=True),
    *_cues(),
    *_copies(),
    Trial(fault="repeats"),
    Trial(fault="blank-images"),
    Trial(fault="other-crop", values={"how": "cropped"}, misled=True),
    Trial(fault="other-crop", values={"how": "coarse"}, world=GREY, misled=True),
    Trial(fault="collapse", values={"how": "biased"}),
    Trial(fault="collapse", values={"how": "shrunk"}, world=digits),
    Trial(fault="sharp-logits", world=digits),
    Trial(fault="label-flips", values={"share": 0.1, "among": "pair"}, title="a tenth of one class as another"),
    Trial(fault="label-flips", values={"share": 0.2, "among": "look"}, title="one look of a class as another"),
    Trial(fault="strangers", values={"how": "noise"}, world=digits),
    Trial(fault="shifted-labels", values={"how": "shuffled"}, world=digits),
    Trial(fault="rare-class", values={"left": 0.01}, title="a class of 1 in 100", misled=True),
    Trial(fault="stopped-early", world=replace(SMALL, train=3000), title="one epoch", misled=True),
    Trial(fault="twin-classes", title="one class under two names"),
    Trial(fault="ambiguous-pair", title="images of a pair that are either"),
    Trial(fault="zeroed-channels"),
)
"""Faults that a trial with fresh worlds saw missed or misnamed; the first two are those of a quick run."""
DRAWS = 3
"""Draws of each control."""
CONTROLS: Sequence[Trial] = (
    Trial(world=SMALL, title="6 classes, colour"),
    Trial(world=replace(SMALL, classes=2, train=400, test=160), title="2 classes, colour"),
    Trial(world=replace(SMALL, classes=3, train=600, test=240), title="3 classes, colour"),
    Trial(world=digits, title="10 classes, 8 pixels, grey"),
    Trial(
        world=replace(GREY, classes=60, side=20, train=3000, test=480),
        fitting={"make": "strided", "dropout": 0.1},
        epochs=20,
        title="60 classes, grey",
    ),
    Trial(
        world=replace(SMALL, classes=4, side=96, train=320, test=120),
        fitting={"make": "normalised"},
        epochs=20,
        title="96 pixels, colour",
    ),
    Trial(world=GREY, fitting={"logits": True}, title="logits, grey"),
    Trial(world=shapes, fitting={"make": "residual"}, title="residual, colour"),
    Trial(world=digits, fitting={"make": "dense"}, epochs=20, title="dense, grey"),
    Trial(world=SMALL, epochs=5, title="under-trained, colour"),
)
"""Sound models of many kinds; the first is that of a quick run."""
