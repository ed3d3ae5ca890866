"""What a report says: plain records, which its HTML and its Markdown are both written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image.

    Attributes:
        name: what it is called.
        said: its label and prediction, or what else is to be said.
        uri: its pixels as a data URI; empty where there are none.
        width, height: as it is shown, in CSS pixels.
        pixelated: whether each of its pixels is seen.
    """

    name: str
    said: str
    uri: str = ""
    width: int = 0
    height: int = 0
    pixelated: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """One number of the summary: its title, its value, and its interval or what it is of."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding.

    Attributes:
        rank: from 1.
        severity, kind: in words.
        claim: its sentence.
        effect: its effect with the interval, unless the sentence has it.
        affects: how many images are wrong because of it, a sentence; empty if unknown.
        advice, confirm: what to do, and how to check it.
        also: other findings that it explains.
        command: what shows more of it.
        shown: the first of the images that show it.
        images: how many do, in words; empty if none.
        more: whether some of them are not shown.
    """

    rank: int
    severity: str
    kind: str
    claim: str
    effect: str
    affects: str
    advice: str
    confirm: str
    also: tuple[str, ...]
    command: str
    shown: tuple[Picture, ...]
    images: str
    more: bool


@dataclass(frozen=True, kw_only=True)
class MapPicture:
    """One attribution map of an image.

    Attributes:
        method: title of the method.
        what: what is explained, in words.
        uri: the map in its colours, transparent where it says nothing; empty where it has no evidence.
        verdict, grounds: the three words, and what they rest on; empty for a difference, which is not judged.
        style: "good", "open" or "bad".
        low, high: ends of the colour bar.
        unit: of the values, and where the map was read.
        colours: of the colour bar, a CSS value.
    """

    method: str
    what: str
    uri: str
    verdict: str
    grounds: str
    style: str
    low: str
    high: str
    unit: str
    colours: str


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One image with its maps.

    Attributes:
        picture: the image.
        true, predicted: classes.
        maps: its maps; where two models are compared, that of either and their difference.
        second: what the other model predicts; empty where there is one only.
    """

    picture: Picture
    true: str
    predicted: str
    maps: tuple[MapPicture, ...]
    second: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place of a figure.

    Attributes:
        title: what it stands for, with its numbers.
        style: where it is, in CSS.
        picture: the image that it stands for; None for several.
    """

    title: str
    style: str
    picture: Picture | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The figure of an analysis.

    Attributes:
        name: of the analysis.
        title, question: in words.
        uri: its picture as a data URI.
        width, height: in pixels.
        places: what its places stand for.
        findings: the sentences of its answer.
        command: what draws it again.
    """

    name: str
    title: str
    question: str
    uri: str
    width: int
    height: int
    places: tuple[Place, ...]
    findings: tuple[str, ...]
    command: str


@dataclass(frozen=True, kw_only=True)
class Versus:
    """The comparison with another model.

    Attributes:
        names: of both.
        sentence: what is to be said of it.
        facts: name and value.
        notes: what could not be compared.
        classes, pairs: tables, numbers in words.
        groups: title, how many images it has, and the first of them.
        explained: some of them with the maps of both models, by the same method and on one scale.
        said: about these maps, or why there are none.
    """

    names: tuple[str, str]
    sentence: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    classes: pd.DataFrame
    pairs: pd.DataFrame
    groups: tuple[tuple[str, str, tuple[Picture, ...]], ...]
    explained: tuple[Explained, ...] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that a report says.

    Attributes:
        name: of the model.
        data: of the data set.
        made: the day, and by which version.
        summary: what was found, in one sentence.
        studied: what was studied, name and value.
        assumed: what every number stands on, sentences.
        cards: the numbers.
        problems: the worst first.
        explained: chosen images with their maps.
        no_maps: why there are none; empty if there are some.
        advised: where their methods are from, if they were advised for the model; else empty.
        charts: figures.
        versus: the comparison; None if none was asked for.
        asked: title, question and how long it took, of each analysis.
        left_out: title of each that was not, and why.
        quick: whether only what takes seconds was asked.
        commands: what makes it again.
        versions: of the libraries, and the fingerprints.
    """

    name: str
    data: str
    made: str
    summary: str
    studied: tuple[tuple[str, str], ...]
    assumed: tuple[str, ...]
    cards: tuple[Card, ...]
    problems: tuple[Problem, ...]
    explained: tuple[Explained, ...]
    no_maps: str
    advised: str
    charts: tuple[Chart, ...]
    versus: Versus | None
    asked: tuple[tuple[str, str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    quick: bool
    commands: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
