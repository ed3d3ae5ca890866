"""What was advised for a model, kept with its run, and found again while the model is the same."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.core.cache import cache_folder
from workbench.core.checksum import CHECKSUM, check_record, read_record, record_checksum
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.files import write_file
from workbench.core.provenance import versions
from workbench.training.runs import Run, takes_files

if TYPE_CHECKING:
    from workbench.session.session import Session

LOG = logging.getLogger("workbench.diagnosis.advice")
FILE = "advice.json"
VERSION = 1
_WARNED: set[tuple[Path, int]] = set()


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Number(_Frozen):
    """A value with its 95 % interval; None for what is not known."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, found: Estimate) -> Number:
        """Keep an estimate."""
        value, low, high = (None if math.isnan(each) else float(each) for each in found)
        return cls(value=value, low=low, high=high)

    @property
    def share(self) -> Estimate:
        """It again, written in percent."""
        return Estimate(*(math.nan if each is None else each for each in (self.value, self.low, self.high)), unit="%")


class World(_Frozen):
    """The known world that was asked.

    Attributes:
        network: which network stands for the model's architecture class; empty for none.
        accuracy: of it, on images that it was not trained on.
        images: whose maps were held against the evidence.
        said: what was asked, or why nothing was, a sentence.
    """

    network: str = ""
    accuracy: float | None = None
    images: int = 0
    said: str


class MeasureUsed(_Frozen):
    """A measure, and whether it counts.

    Attributes:
        agreement: share of pairs of maps of which it picks the one that shows more evidence in the known world.
        counts: whether that is surely more than half, or there is no known world that could judge it.
    """

    name: str
    title: str
    agreement: Number
    counts: bool


class MethodSeen(_Frozen):
    """A method that was measured, on the images that choose.

    Attributes:
        won: share of the comparisons with other methods that its maps win.
        control: share of the measures by which its maps are better than random ones.
        evidence: share of the known world's images of which its map shows more evidence than a random one.
        reason: why it is not advised; empty where it is.
    """

    name: str
    title: str
    family: str
    won: Number
    control: Number
    evidence: Number | None = None
    reason: str = ""


class Tuning(_Frozen):
    """What the search for better parameters came to.

    Attributes:
        tried: values that were tried on the images that choose.
        settings: the best of them; empty where none was better than the default.
        against_default: share of the comparisons that they win against the default, on the images that report.
        kept: whether they are surely better there.
        said: the same, a sentence.
    """

    tried: int
    settings: dict[str, Any] = Field(default_factory=dict)
    against_default: Number | None = None
    kept: bool = False
    said: str


class Advised(_Frozen):
    """One advised method.

    `control`, `better`, `values` and `controls` are of the images that report, which had no part in the choice of the
    method, but decided whether tuned parameters are kept. `why`, `similarity` and `alike` are of those that choose: the
    share of the comparisons won is the largest of many there, and so too large.

    Attributes:
        settings: its parameters where they are not the default.
        why: sentences that say on which images their numbers are.
        control: share of the measures by which its maps are better than random ones.
        better: by measure, share of the images of which its map is better than a random one.
        values: by measure, its mean.
        controls: by measure, the mean of random maps.
        similarity: rank correlation of its maps with those of the network with weights drawn anew; None: not tested.
        weights: the same, a sentence with the number of images.
        alike: titles of methods that it did not surely win more comparisons than.
        tuning: what the search for parameters came to.
    """

    name: str
    title: str
    family: str
    settings: dict[str, Any] = Field(default_factory=dict)
    why: str
    control: Number
    better: dict[str, Number]
    values: dict[str, Number]
    controls: dict[str, Number]
    similarity: Number | None = None
    weights: str = ""
    alike: tuple[str, ...] = ()
    tuning: Tuning


class Advice(_Frozen):
    """Which methods to look at for one model, and what that rests on.

    Attributes:
        model: fingerprint of the model; the advice is void for any other.
        name: of the model.
        dataset, data: name and fingerprint of the images.
        images: of either part: those that choose, and those that report.
        advised: the methods, the best first; none where none is surely better than random maps.
        left: why methods were not measured, by title.
        said: sentences that sum it up.
    """

    version: int = VERSION
    model: str
    name: str
    dataset: str
    data: str
    seed: int
    images: int
    minutes: float
    seconds: float
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, str] = Field(default_factory=versions)
    world: World
    measures: tuple[MeasureUsed, ...]
    methods: tuple[MethodSeen, ...]
    advised: tuple[Advised, ...]
    left: dict[str, str] = Field(default_factory=dict)
    said: tuple[str, ...]
    checksum: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """The file's content, with its checksum."""
        record = json.loads(self.model_dump_json())
        return {**record, CHECKSUM: record_checksum(record)}

    @property
    def short(self) -> str:
        """The advised methods in a few words."""
        none = "none is surely better than random maps" if self.methods else "no measure could judge the maps"
        return ", ".join(each.title for each in self.advised) or none


def place(session: Session) -> Path:
    """Return where advice is kept: with the model's run, or with the cache for a run that is not ours to write to.

    Those are runs that come with the workbench. A model file, and another reading of a run, have theirs there, too.
    """
    run = session.run
    own = run is not None and takes_files(run) and session.model_fingerprint == run.manifest.model_sha256[:16]
    return run.path / FILE if run is not None and own else _cached(session.model_fingerprint)


def check_place(path: Path) -> None:
    """See that a file can be written, before the work whose result it takes; makes nothing.

    Raises:
        Unavailable: if the disk takes no file there.
    """
    there = next(each for each in path.absolute().parents if each.exists())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _refused(path, error) from None


def write(path: Path, advice: Advice) -> None:
    """Write a file of advice, whole or not at all.

    Raises:
        Unavailable: if the disk takes no file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(advice.record, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"Cannot write {path}: {error.strerror or error}. Choose another file with --out.")


def kept(session: Session) -> Advice | None:
    """Return what was advised for a session's model, if it is the same model still."""
    fingerprint = session.model_fingerprint
    with_run = [session.run.path / FILE] if session.run is not None else []
    return _first([*with_run, *([_cached(fingerprint)] if session.cache else [])], fingerprint)


def kept_with(run: Run) -> Advice | None:
    """Return what was advised for a run as it was trained, if it is the same model still; needs no model."""
    fingerprint = run.manifest.model_sha256[:16]
    return _first([run.path / FILE, _cached(fingerprint)], fingerprint)


def read(path: Path) -> Advice:
    """Read a file of advice.

    Raises:
        FileNotFoundError: if there is none.
        WorkbenchError: if it is damaged, or of another version.
    """
    record = read_record(path)
    try:
        found = Advice.model_validate(record)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole file"
        raise WorkbenchError(f"{path} is damaged: {where}. Run `workbench advise` again.") from None
    check_record(record, path, needed=True, remedy="or else run `workbench advise` again")
    if found.version != VERSION:
        raise WorkbenchError(f"{path} is of version {found.version}, not {VERSION}. Run `workbench advise` again.")
    return found


def _first(paths: Sequence[Path], fingerprint: str) -> Advice | None:
    """Return the first that is there and about this model; what is damaged, or of another one, is left aside."""
    for path in paths:
        try:
            found = read(path)
        except FileNotFoundError:
            continue
        except WorkbenchError as error:
            _warn_once(path, str(error))
            continue
        if found.model == fingerprint:
            return found
        LOG.info("%s is about another model, and is left aside.", path)
    return None


def _warn_once(path: Path, said: str) -> None:
    """Warn of a file that cannot be read, once while it stays as it is: the page looks at it with every click."""
    try:
        state = (path, path.stat().st_mtime_ns)
    except OSError:
        state = (path, 0)
    if state not in _WARNED:
        _WARNED.add(state)
        LOG.warning("%s", said)


def _cached(fingerprint: str) -> Path:
    return cache_folder() / "advice" / f"{fingerprint}.json"
