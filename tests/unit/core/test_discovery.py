"""What stands one to a module is found by its presence, and nothing is imported before it is asked for."""

from __future__ import annotations

import sys

import pytest

from workbench.attribution.methods import METHODS
from workbench.core.discovery import Catalogue
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.faults import FAULTS
from workbench.diagnosis.registry import ANALYSES
from workbench.exporting.formats import FORMATS
from workbench.faithfulness.measures import MEASURES

BASE = "class Shape:\n    'Base.'\n"
SHAPES = {
    "round_one.py": (
        "from planted_shapes import Shape\nclass Part: ...\nclass RoundOne(Shape):\n    '''Round.\n\n    More.'''"
    ),
    "angle/__init__.py": "from planted_shapes import Shape\nclass Angle(Shape):\n    'Has angles.'",
    "angle/parts.py": "raise ImportError('a part of a folder is no module of the package')",
}


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Return what writes the package `planted_shapes`, and the catalogue of it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(files):
        for name, source in {"__init__.py": BASE, **files}.items():
            path = tmp_path / "planted_shapes" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, "utf-8")
        return Catalogue("planted_shapes", "planted_shapes:Shape", "shape")

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "planted_shapes"]:
        del sys.modules[name]


def test_names_and_summaries_are_read_and_nothing_is_imported(plant):
    shapes = plant(SHAPES)
    assert shapes.names() == ["angle", "round-one"]
    assert shapes.summaries() == {"angle": "Has angles.", "round-one": "Round."}
    assert not {"planted_shapes.angle", "planted_shapes.round_one"} & set(sys.modules)


def test_a_file_and_a_folder_are_found_and_what_they_only_import_is_not(plant):
    shapes = plant(SHAPES)
    assert {name: kind.__name__ for name, kind in shapes.all().items()} == {"angle": "Angle", "round-one": "RoundOne"}
    shapes.all().clear()  # a copy: what a caller does to it stays with the caller
    assert shapes.get("angle").__name__ == "Angle"
    with pytest.raises(WorkbenchError, match=r"There is no shape 'angel'\. Did you mean 'angle'\?"):
        shapes.get("angel")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("x = 1\n", 0),
        ("from planted_shapes.angle import Angle\n", 0),
        ("class A(Shape): ...\nclass B(Shape): ...\n", 2),
    ],
)
def test_a_module_with_none_or_two_is_refused_by_name(plant, source, count):
    shapes = plant({**SHAPES, "odd.py": f"from planted_shapes import Shape\n{source}"})
    with pytest.raises(
        TypeError, match=rf"planted_shapes/odd\.py must define exactly one Shape\. It defines {count}\."
    ):
        shapes.all()


@pytest.mark.parametrize("catalogue", [ANALYSES, METHODS, MEASURES, FAULTS, FORMATS], ids=lambda each: each.noun)
def test_what_is_read_from_the_source_is_what_is_imported(catalogue):
    found = catalogue.all()
    assert catalogue.names() == list(found) == sorted(found)
    assert catalogue.summaries() == {name: kind.__doc__.strip().splitlines()[0] for name, kind in found.items()}
