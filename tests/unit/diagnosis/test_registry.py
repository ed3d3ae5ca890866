from __future__ import annotations

import sys
import threading
import types
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tests.patience import PATIENCE
from workbench.core import provenance
from workbench.core.dataset import Dataset
from workbench.core.discovery import Catalogue
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ImageNames
from workbench.core.progress import reporting
from workbench.diagnosis import registry

GOOD = """
from typing import ClassVar
import time
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field
from workbench.session.analysis import Analysis
from workbench.core.finding import Finding
from workbench.core.params import Params
from workbench.core.result import Result

CALLS = []


class CountParams(Params):
    top: int = Field(5, ge=1, le=9)


class Count(Analysis[CountParams]):
    '''How many images are there?

    More about it.
    '''

    Params: ClassVar[type[Params]] = CountParams

    def missing(self, session):
        return "there are fewer than two images." if len(session.dataset) < 2 else None

    def compute(self, session, params):
        CALLS.append(params.top)
        time.sleep(0.05)
        if params.top == 9:
            raise RuntimeError("planted")
        table = pd.DataFrame({"images": [len(session.dataset)], "top": [params.top]})
        finding = Finding(f"{len(session.dataset)} images.")
        return Result(tables={"count": table}, findings=(finding,), context={"of": "it"})

    def draw(self, result):
        figure = Figure()
        figure.suptitle(f"{result.tables['count']['images'][0]} with {result.params['top']}")
        return figure
"""
BASE_CLASS = "workbench.session.analysis:Analysis"
HELPER = "from workbench.session.analysis import Analysis\nfrom planted_analyses.how_many import Count\n"
BASE = """
from abc import abstractmethod
from workbench.session.analysis import Analysis


class Half(Analysis):
    '''Half of an analysis.'''

    @abstractmethod
    def rest(self): ...
"""


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Return what replaces the folder `analyses/` by one with the given files."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    registry._answers.clear()

    def write(**files):
        folder = tmp_path / "planted_analyses"
        folder.mkdir()
        for name, code in files.items():
            if isinstance(code, str):
                (folder / f"{name}.py").write_text(code, "utf-8")
                continue
            (folder / name).mkdir()
            for part, inside in code.items():
                (folder / name / f"{part}.py").write_text(inside, "utf-8")
        package = types.ModuleType("planted_analyses")
        package.__path__ = [str(folder)]
        monkeypatch.setitem(sys.modules, "planted_analyses", package)
        monkeypatch.setattr(registry, "ANALYSES", Catalogue("planted_analyses", BASE_CLASS, "analysis"))

    yield write
    for name in [name for name in sys.modules if name.startswith("planted_analyses")]:
        del sys.modules[name]


@dataclass
class Subject:
    """As much of a session as the registry needs."""

    dataset: Dataset
    name: str = "made"
    run: object = None
    cache: bool = True
    model_fingerprint: str = "m0"
    folder: object = None
    context: dict = field(default_factory=lambda: {"run": "made", "images": 3})
    train: Dataset | None = None

    @property
    def image_names(self):
        return ImageNames(self.dataset.names, lambda: self.train.names)

    def cache_path(self, name):
        return self.folder / name


@pytest.fixture
def subject(tmp_path):
    images = np.zeros((3, 2, 2, 1), np.uint8)
    data = Dataset(images, np.array([0, 1, 0]), class_names=("a", "b"), indices=np.arange(3), name="made/test")
    return Subject(data, folder=tmp_path / "results")


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """A house of real files, one to a room, in place of the workbench's own."""
    house = tmp_path / "workbench"
    for name in (
        "core/provenance.py",
        "statistics/rates.py",
        "session/study.py",
        "diagnosis/ranking.py",
        "app/tables.py",
    ):
        (house / name).parent.mkdir(parents=True)
        (house / name).write_text("a = 1\n", "utf-8")
    monkeypatch.setattr(provenance, "__file__", str(house / "core/provenance.py"))
    new_process()
    yield house
    monkeypatch.undo()
    new_process()


ZOO = "    group, title = 'Model', 'A zoo'\n"


def new_process():
    """Forget what a process knows of its own code, and its answers: only the cache folder is left."""
    provenance.forget_code()
    registry._source.cache_clear()
    registry._answers.clear()


def calls():
    return sys.modules["planted_analyses.how_many"].CALLS


def test_a_file_is_an_analysis_under_the_file_s_name(plant):
    plant(how_many=GOOD)
    assert list(registry.analyses()) == ["how-many"]
    assert registry.analysis("how-many").question() == "How many images are there?"
    with pytest.raises(WorkbenchError, match=r"There is no analysis 'how-man'\. Did you mean 'how-many'\?"):
        registry.analysis("how-man")
    registry.analyses().clear()  # a copy: what a caller does to it stays with the caller
    assert list(registry.analyses()) == ["how-many"]


def test_one_that_says_nothing_of_it_is_listed_among_one_s_own_by_its_name_in_words(plant):
    plant(how_many=GOOD, zoo=GOOD.replace("    Params: ", f"{ZOO}    Params: ", 1))
    groups = registry.grouped().items()
    assert {group: {name: kind.title for name, kind in kinds.items()} for group, kinds in groups} == {
        "Model": {"zoo": "A zoo"},
        "Your own": {"how-many": "How many"},
    }


@pytest.mark.parametrize(
    ("other", "count"), [(GOOD + GOOD.replace("Count", "Again"), 2), ("x = 1\n", 0), (HELPER, 0), (BASE, 0)]
)
def test_a_file_with_none_or_two_is_refused_by_name(plant, other, count):
    plant(how_many=GOOD, other=other)
    with pytest.raises(TypeError, match=rf"analyses/other\.py must define exactly one Analysis\. It defines {count}\."):
        registry.analyses()


def test_an_answer_carries_its_question_parameters_and_surrounding(plant, subject):
    plant(how_many=GOOD)
    result = registry.compute(subject, "how-many", {"top": "7"})
    assert (result.analysis, result.params) == ("how-many", {"top": 7})
    assert result.tables["count"].to_dict("list") == {"images": [3], "top": [7]}
    assert result.context.pop("seconds") >= 0.05
    assert result.context == {"run": "made", "images": 3, "of": "it"}
    assert result.draw().get_suptitle() == registry.draw(result).get_suptitle() == "3 with 7"


def test_an_answer_is_computed_once_and_survives_in_memory_and_on_disk(plant, subject, monkeypatch):
    plant(how_many=GOOD)
    assert registry.cached(subject, "how-many") is None
    first = registry.compute(subject, "how-many")
    assert registry.compute(subject, "how-many", {"top": "5"}).tables is first.tables
    assert registry.cached(subject, "how-many", {}).tables is first.tables
    registry._answers.clear()
    again = registry.compute(subject, "how-many")
    assert again.tables is not first.tables
    assert again.findings == first.findings
    assert again.draw().get_suptitle() == "3 with 5"
    assert calls() == [5]
    registry.compute(subject, "how-many", {"top": 6})
    assert calls() == [5, 6]


def test_without_cache_it_stays_in_memory(plant, subject):
    plant(how_many=GOOD)
    subject.cache = False
    first = registry.compute(subject, "how-many")
    assert registry.compute(subject, "how-many").tables is first.tables
    assert not subject.folder.exists()


def run(name, checksum):
    return types.SimpleNamespace(name=name, manifest=types.SimpleNamespace(checksum=checksum))


def test_a_run_trained_again_to_the_same_weights_and_edited_training_images_are_other_questions(plant, subject):
    """With other weights kept on the way, or with other labels under the same names, influence is another."""
    plant(how_many=GOOD, whose=GOOD.replace("    Params: ClassVar", "    names_training = True\n    Params: ClassVar"))
    subject.run, subject.train = run("r", "1"), subject.dataset
    registry.compute(subject, "how-many")
    registry.compute(subject, "whose")
    assert registry.cached(subject, "whose") is not None
    subject.train = replace(subject.dataset, labels=1 - subject.dataset.labels)
    assert registry.cached(subject, "whose") is None and registry.cached(subject, "how-many") is not None
    subject.run, subject.train = run("r", "2"), subject.dataset
    assert registry.cached(subject, "whose") is None and registry.cached(subject, "how-many") is None


@pytest.mark.parametrize(
    "change", [{"model_fingerprint": "m1"}, {"name": "other"}, {"run": run("r", "1")}, "dataset", "source"]
)
def test_another_model_data_name_or_run_is_another_question(plant, subject, change, monkeypatch):
    plant(how_many=GOOD)
    registry.compute(subject, "how-many")
    if change == "dataset":
        subject.dataset = subject.dataset.subset([0, 1])
    elif change == "source":  # the analysis was changed since
        monkeypatch.setattr(registry, "_source", lambda *_: "other")
    else:
        for name, value in change.items():
            setattr(subject, name, value)
    assert registry.cached(subject, "how-many") is None
    registry.compute(subject, "how-many")
    assert calls() == [5, 5]


def test_an_image_may_be_given_by_its_name_or_the_end_of_it(plant, subject):
    plant(
        which=GOOD.replace("top: int = Field(5, ge=1, le=9)", "row: int = Field(-1, ge=-1)").replace(
            "params.top", "params.row"
        )
    )
    assert registry.compute(subject, "which", {"row": "test/2"}).params == {"row": 2}
    assert registry.compute(subject, "which", {"row": "1"}).params == {"row": 1}
    with pytest.raises(WorkbenchError, match=r"There is no image 'test/7' in made/test\. Did you mean 'test/"):
        registry.compute(subject, "which", {"row": "test/7"})


def test_a_renamed_file_is_another_question_and_a_renamed_training_file_only_where_those_are_named(plant, subject):
    plant(how_many=GOOD, whose=GOOD.replace("    Params: ClassVar", "    names_training = True\n    Params: ClassVar"))
    of_files = {"images": subject.dataset.images, "labels": subject.dataset.labels, "class_names": ("a", "b")}
    named = [Dataset(**of_files, indices=np.arange(3), name="own/x", names=np.array(["x", "y", z])) for z in "zw"]
    assert named[0].fingerprint == named[1].fingerprint
    subject.dataset = subject.train = named[0]
    first = {name: registry.compute(subject, name) for name in ("how-many", "whose")}
    assert (first["whose"].image_name(2), first["whose"].image_name(2, "train")) == ("z", "z")
    subject.train = named[1]
    assert registry.cached(subject, "how-many").tables is first["how-many"].tables
    assert registry.cached(subject, "whose") is None
    assert registry.cached(subject, "how-many").image_name(2, "train") == "w"  # put in when it is handed out
    subject.dataset = named[1]
    assert registry.cached(subject, "how-many") is None


@pytest.mark.parametrize(
    ("edited", "again"),
    [
        ("planted_analyses/single.py", ["single"]),
        ("planted_analyses/parted/__init__.py", ["parted"]),
        ("planted_analyses/parted/part.py", ["parted"]),
        ("workbench/core/provenance.py", ["parted", "single"]),
        ("workbench/statistics/rates.py", ["parted", "single"]),
        ("workbench/session/study.py", ["parted", "single"]),
        ("workbench/diagnosis/ranking.py", []),
        ("workbench/app/tables.py", []),
    ],
)
def test_an_edit_throws_away_what_may_use_the_file_and_nothing_else(plant, subject, rooms, edited, again):
    plant(single=GOOD, parted={"__init__": GOOD, "part": "b = 1\n"})
    for name in ("single", "parted"):
        registry.compute(subject, name)
    new_process()
    assert all(registry.cached(subject, name) is not None for name in ("single", "parted"))
    with (rooms.parent / edited).open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    new_process()
    assert [name for name in registry.analyses() if registry.cached(subject, name) is None] == again
    for name in ("single", "parted"):
        registry.compute(subject, name)
        called = len(sys.modules[f"planted_analyses.{name}"].CALLS)
        assert called == (2 if name in again else 1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"top": 0}, r"`top` must be at least 1\. Got 0"), ({"topp": 1}, r"no parameter 'topp'\. Did you mean 'top'")],
)
def test_wrong_parameters_are_said_and_nothing_is_computed(plant, subject, values, sentence):
    plant(how_many=GOOD)
    for ask in (registry.compute, registry.cached):
        with pytest.raises(WorkbenchError, match=sentence):
            ask(subject, "how-many", values)
    assert calls() == []


def test_what_the_session_lacks_is_said(plant, subject):
    plant(how_many=GOOD)
    assert registry.missing(subject, "how-many") is None
    subject.dataset = subject.dataset.subset([0])
    assert registry.missing(subject, "how-many") == "there are fewer than two images."
    with pytest.raises(registry.Missing, match=r"how-many cannot be answered here: there are fewer than") as caught:
        registry.compute(subject, "how-many")
    assert caught.value.reason == "there are fewer than two images."
    assert calls() == []


def test_an_error_inside_is_not_kept_as_an_answer(plant, subject):
    plant(how_many=GOOD)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="planted"):
            registry.compute(subject, "how-many", {"top": 9})
    assert calls() == [9, 9]


def test_threads_that_ask_the_same_wait_for_one_answer_and_others_do_not(plant, subject):
    plant(how_many=GOOD)
    start, found = threading.Barrier(6), []

    def work(number):
        start.wait()
        found.append((number, registry.compute(subject, "how-many", {"top": 1 + number % 2})))

    registry.analyses()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(calls()) == [1, 2]
    assert len({id(result.tables) for number, result in found if number % 2}) == 1
    assert len(found) == 6
    assert len(registry._asking) == 0  # a lock is there only while somebody asks


def test_progress_is_reported_once_begun_and_once_done_and_not_for_a_known_answer(plant, subject):
    plant(how_many=GOOD)
    heard = []
    with reporting(lambda *said: heard.append(said)):
        registry.compute(subject, "how-many")
        registry.compute(subject, "how-many")
    assert heard == [("how-many", 0, 1), ("how-many", 1, 1)]


def test_only_the_64_answers_used_last_stay_in_memory(plant, subject):
    plant(how_many=GOOD.replace("le=9", "le=900").replace("== 9", "== -9").replace("sleep(0.05)", "sleep(0)"))
    subject.cache = False
    first = registry.compute(subject, "how-many", {"top": 1})
    for top in range(2, 66):
        registry.compute(subject, "how-many", {"top": top})
        assert registry.cached(subject, "how-many", {"top": 1}).tables is first.tables  # asked for again and again
    assert registry.cached(subject, "how-many", {"top": 2}) is None
    assert len(registry._answers) == 64


def test_the_real_analyses_are_found():
    assert {"confusion-matrix", "most-confused", "samples"} <= set(registry.analyses())
    assert list(registry.analyses()) == sorted(registry.analyses())


def test_several_images_are_given_by_name_or_row_and_told_by_name():
    images = np.zeros((3, 2, 2, 1), np.uint8)
    data = Dataset(images, np.zeros(3, np.int64), class_names=("a",), indices=np.array([7, 8, 9]), name="made/test")
    assert registry.by_row(data, {"rows": ["test/9", 1], "row": "test/8"}) == {"rows": (2, 1), "row": 1}
    assert registry.by_row(data, {"rows": "test/9, 1"})["rows"] == (2, " 1")  # pydantic reads the number
    with pytest.raises(WorkbenchError, match="There is no image 'test/12'"):
        registry.by_row(data, {"rows": "test/12"})
    told = ImageNames(data.names).values({"rows": [2, 1], "row": 0, "images": 6})
    assert told == {"rows": ["test/9", "test/8"], "image": "test/7", "images": 6}
