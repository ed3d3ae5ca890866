"""The house stands: imports only go down, and every wall is where DESIGN.md draws it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A module or package and its floor; what is inside a package stands on its floor.
FLOORS = {
    "workbench.attribution": 0, "workbench.blur": 0, "workbench.causes": 0, "workbench.channel_faults": 0,
    "workbench.choosing": 0, "workbench.clusters": 0, "workbench.colours": 0, "workbench.contracts": 0,
    "workbench.conventions": 0, "workbench.corruptions": 0, "workbench.credibility": 0, "workbench.cues": 0,
    "workbench.discovery": 0, "workbench.error_tree": 0, "workbench.errors": 0, "workbench.flat_map": 0,
    "workbench.fragility": 0, "workbench.influence": 0, "workbench.label_quality": 0,
    "workbench.linear_probe": 0, "workbench.marks": 0, "workbench.measures": 0, "workbench.moves": 0,
    "workbench.nearest": 0, "workbench.neighbour_votes": 0, "workbench.objects": 0, "workbench.overlap": 0,
    "workbench.params": 0, "workbench.permutations": 0, "workbench.prediction_depth": 0,
    "workbench.preprocessing": 0,
    "workbench.progress": 0, "workbench.properties": 0, "workbench.records": 0, "workbench.reliability": 0,
    "workbench.result": 0,
    "workbench.separation": 0, "workbench.shift": 0, "workbench.slicing": 0, "workbench.traces": 0,
    "workbench.untrained": 0, "workbench.warping": 0, "workbench.wording": 0, "workbench.worse": 0,
    "workbench.wrong_labels": 0,
    "workbench.datasets": 1, "workbench.declared_shape": 1,
    "workbench.double": 1, "workbench.dynamics": 1, "workbench.engine": 1,
    "workbench.graph": 1, "workbench.input_shape": 1, "workbench.keras_files": 1, "workbench.manifest": 1,
    "workbench.model_files": 1,
    "workbench.probe": 1, "workbench.provenance": 1, "workbench.recipes": 1, "workbench.reweighted": 1,
    "workbench.runs": 1, "workbench.draws": 1, "workbench.out_of_frame": 1, "workbench.devices": 1,
    "workbench.distribution": 1, "workbench.replicated": 1,
    "workbench.watch": 1, "workbench.recipe_files": 1, "workbench.schedule": 1, "workbench.scorer": 1,
    "workbench.store": 1,
    "workbench.ablation": 2, "workbench.agreement": 2, "workbench.architectures": 2,
    "workbench.augmentation": 2, "workbench.checkpoint": 2, "workbench.comparison": 2,
    "workbench.excitation": 2, "workbench.explainers": 2, "workbench.faithfulness": 2, "workbench.faults": 2,
    "workbench.folds": 2, "workbench.input_trials": 2, "workbench.layer_features": 2, "workbench.noting": 2,
    "workbench.randomisation": 2,
    "workbench.trainer": 2, "workbench.recipe_comparison": 2, "workbench.fitting": 2, "workbench.compiling": 2,
    "workbench.distortions": 2, "workbench.averaging": 2, "workbench.verdict": 2,
    "workbench.blame": 3, "workbench.confusion_cell": 3, "workbench.contrasts": 3, "workbench.copies": 3,
    "workbench.evidence_places": 3, "workbench.explaining": 3, "workbench.following": 3,
    "workbench.recipe_comparison_figure": 3, "workbench.generalisation_figure": 3, "workbench.held_out": 3,
    "workbench.judging": 3,
    "workbench.label_findings": 3, "workbench.layer_story_figure": 3, "workbench.leaks": 3,
    "workbench.linear_pixels": 3, "workbench.opening": 3, "workbench.plotting": 3, "workbench.recalibration": 3,
    "workbench.reliability_figure": 3, "workbench.reliance_figure": 3, "workbench.robustness_figure": 3,
    "workbench.robustness_tables": 3, "workbench.robustness_trial": 3, "workbench.second_opinion": 3,
    "workbench.session": 3, "workbench.shortcuts": 3, "workbench.streams": 3, "workbench.tiles": 3,
    "workbench.witnesses": 3,
    "workbench.backward": 1, "workbench.backward_places": 1, "workbench.slopes": 1,
    "workbench.closed_form": 2, "workbench.exporters": 2, "workbench.served_graph": 2,
    "workbench.exporting": 3, "workbench.parity": 3,
    "workbench.analysis": 4,
    "analyses": 5,
    "workbench.registry": 6,
    "workbench.batch": 7, "workbench.cli": 7, "workbench.diagnosis": 7, "workbench.overlays": 7,
    "workbench.selftest": 7, "workbench.ui": 7,
    "workbench.__main__": 8,
}  # fmt: skip
EVERYWHERE = {"workbench"}  # loads the public names when they are used; importing it imports nothing

# A library, the modules that may import it, and whether a type checker's import is free.
WALLS = {
    "gradio": (("workbench.ui",), False),
    "matplotlib": (("workbench.plotting", "workbench.tiles", "analyses"), True),
    "seaborn": (("workbench.plotting", "analyses"), True),
    "matplotlib.pyplot": ((), False),
    "click": (("workbench.cli",), False),
    "rich": (("workbench.cli",), False),
    "analyses": (("workbench.registry", "analyses"), False),
}
NO_TENSORFLOW = ("tensorflow", "keras", "matplotlib", "seaborn")  # on floor 0
GRADIENTS = {"GradientTape": ("workbench.scorer", "workbench.replicated"), "tf.gradients": ("workbench.scorer",)}
WRITES = {"open_memmap", "write_text", "write_bytes", "savez", "savez_compressed", "to_csv", "save", "savefig"}
WRITERS = (
    "workbench.datasets", "workbench.runs", "workbench.checkpoint", "workbench.store", "workbench.batch",
    "workbench.overlays", "workbench.streams", "workbench.dynamics",
    "workbench.exporters", "workbench.exporting", "workbench.served_graph",
)  # fmt: skip
NO_IDEA = {"utils", "helpers", "common", "misc", "tools"}
MOST_LINES = 300
METHOD_LINES = 40  # of a file with an attribution method in it


def violations(root: Path) -> list[str]:
    """Every rule that is broken under `root`, as "file:line: what is wrong"."""
    found = []
    edges: dict[str, set[str]] = {}
    files = sorted([*root.glob("workbench/**/*.py"), *root.glob("analyses/**/*.py")])
    modules = {_module(root, path): path for path in files}
    for module, path in modules.items():
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        where = path.relative_to(root)
        if (length := len(source.splitlines())) > MOST_LINES:
            found.append(f"{where}:{length}: {length} lines; {MOST_LINES} is the limit, split it by ideas")
        if path.stem in NO_IDEA:
            found.append(f"{where}:1: a file is named after its idea, not {path.stem!r}")
        if module not in EVERYWHERE and _floor(module) is None:
            found.append(f"{where}:1: {module} has no floor; give it one in tests/docs/test_floors.py")
        for imported, line, typing_only, at_top in _imports(tree, module, set(modules)):
            found += [f"{where}:{line}: {wrong}" for wrong in _wrong_import(module, imported, typing_only)]
            if at_top and not typing_only and imported in modules:
                edges.setdefault(module, set()).add(imported)
        found += [f"{where}:{line}: {wrong}" for line, wrong in _wrong_calls(tree, module)]
    return found + [f"import cycle: {' -> '.join(cycle)}" for cycle in _cycles(edges)]


def _wrong_import(module: str, imported: str, typing_only: bool) -> Iterator[str]:
    here, there = _floor(module), _floor(imported)
    if here is not None and there is not None and there > here:
        yield f"{module} (floor {here}) imports {imported} (floor {there}); imports only go down"
    if here == 0 and imported.partition(".")[0] in NO_TENSORFLOW and not typing_only:
        yield f"{module} (floor 0) imports {imported}; floor 0 knows neither TensorFlow nor matplotlib"
    if _inside(module, ("analyses",)) and _inside(imported, ("analyses",)) and "." in module and "." in imported:
        yield f"{module} imports {imported}; analyses are independent of each other"
    for library, (allowed, free) in WALLS.items():
        if _inside(imported, (library,)) and not _inside(module, allowed) and not (typing_only and free):
            yield f"{module} imports {imported}; {library} belongs to {' and '.join(allowed) or 'no file at all'}"


def _wrong_calls(tree: ast.Module, module: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        name = "tf.gradients" if name == "gradients" and ast.unparse(node) == "tf.gradients" else name
        if name in GRADIENTS and not _inside(module, GRADIENTS[name]):
            yield node.lineno, f"{module} takes gradients itself; that belongs to {' and '.join(GRADIENTS[name])}"
        if isinstance(node, ast.Call) and not _inside(module, WRITERS) and _writes(node):
            yield node.lineno, f"{module} writes a file; files are written in {', '.join(WRITERS)}"


def _writes(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in WRITES:
        # What is encoded in memory is no file: it goes to a `stream`, or names its format.
        into = getattr(call.args[0], "id", "") if call.args else ""
        return into != "stream" and not any(word.arg == "format" for word in call.keywords)
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if named != "open":
        return False
    modes = [
        each.value for each in [*call.args, *(word.value for word in call.keywords)] if isinstance(each, ast.Constant)
    ]
    return any(isinstance(mode, str) and set(mode) & set("wax+") and set(mode) <= set("rwaxbt+") for mode in modes)


def _imports(tree: ast.Module, module: str, known: set[str]) -> Iterator[tuple[str, int, bool, bool]]:
    """Yield (imported module, line, only for the type checker, at import time) of every import."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    inside = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            # `from workbench import probe` imports a module; `from workbench import Probe` a name.
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known or base == "matplotlib" else base
                     for alias in node.names]  # fmt: skip
        else:
            continue
        for name in dict.fromkeys(names):
            yield name, node.lineno, id(node) in guarded, id(node) not in inside


def _cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Every module that imports itself by way of others while it is being imported."""
    done: set[str] = set()
    found = []

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for imported in sorted(edges.get(module, ())):
                walk(imported, [*path, module])
            done.add(module)

    for module in sorted(edges):
        walk(module, [])
    return found


def _module(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _floor(module: str) -> int | None:
    parts = module.split(".")
    return next((FLOORS[name] for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in FLOORS), None)


def _inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_the_house_stands():
    assert violations(ROOT) == []


def test_every_floor_is_of_a_module_that_is_there():
    paths = [ROOT / name.replace(".", "/") for name in FLOORS]
    assert [str(path) for path in paths if not path.with_suffix(".py").is_file() and not path.is_dir()] == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("workbench/errors.py", "from workbench.session import Session", "imports workbench.session (floor 3)"),
        ("workbench/probe.py", "def f():\n    import workbench.registry", "imports workbench.registry (floor 6)"),
        ("workbench/probe.py", "if TYPE_CHECKING:\n    from workbench import session",
         "workbench/probe.py:2: workbench.probe (floor 1) imports workbench.session"),
        ("workbench/explainers/base.py", "from ..session import Session", "imports workbench.session (floor 3)"),
        ("workbench/contracts.py", "import tensorflow as tf", "floor 0 knows neither TensorFlow nor matplotlib"),
        ("workbench/session.py", "import gradio as gr", "gradio belongs to workbench.ui"),
        ("workbench/ui/page.py", "from matplotlib.figure import Figure", "matplotlib belongs to"),
        ("workbench/plotting.py", "import matplotlib.pyplot as plt", "matplotlib.pyplot belongs to no file"),
        ("workbench/plotting.py", "from matplotlib import pyplot", "matplotlib.pyplot belongs to no file"),
        ("workbench/ui/page.py", "import analyses", "analyses belongs to workbench.registry"),
        ("analyses/one.py", "from analyses.other import Other", "analyses are independent of each other"),
        ("workbench/explainers/mine.py", "with tf.GradientTape() as tape:\n    pass", "takes gradients itself"),
        ("workbench/session.py", "path.write_text('x')", "workbench/session.py:1: workbench.session writes a file"),
        ("workbench/session.py", "with open(path, 'wb') as file:\n    pass", "writes a file"),
        ("workbench/utils.py", "", "named after its idea"),
        ("workbench/new.py", "", "workbench.new has no floor"),
        ("workbench/runs.py", "\n" * 301, "301 lines; 300 is the limit"),
    ],
)  # fmt: skip
def test_a_planted_violation_is_named_with_file_and_line(tmp_path, path, source, complaint):
    for known in ("workbench/session.py", "workbench/probe.py", "analyses/other.py", "workbench/ui/page.py", path):
        (tmp_path / known).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / known).write_text(source if known == path else "")
    found = violations(tmp_path)
    assert found
    assert all(line.startswith(f"{path}:") for line in found)
    assert complaint in found[0]


def test_a_planted_cycle_is_found(tmp_path):
    (tmp_path / "workbench").mkdir()
    for one, other in (("errors", "params"), ("params", "result"), ("result", "errors")):
        (tmp_path / f"workbench/{one}.py").write_text(f"from workbench.{other} import X")
    assert violations(tmp_path) == [
        "import cycle: workbench.errors -> workbench.params -> workbench.result -> workbench.errors"
    ]


def test_what_is_allowed_is_not_complained_about(tmp_path):
    allowed = {
        "workbench/session.py": "def f():\n    from workbench.probe import Probe\nwith open(path) as file: pass",
        "workbench/result.py": "figure.savefig(stream, format='png')",
        "workbench/analysis.py": "if TYPE_CHECKING:\n    from matplotlib.figure import Figure",
        "workbench/ui/page.py": "import gradio as gr\nfrom workbench import registry",
        "analyses/one.py": "from workbench.plotting import text\nimport seaborn as sns",
    }
    for path, source in allowed.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    assert violations(tmp_path) == []


def test_an_attribution_method_is_a_file_of_forty_lines():
    methods = [
        path for path in (ROOT / "workbench/explainers").glob("*.py") if "(Explainer)" in path.read_text("utf-8")
    ]
    assert len(methods) >= 5
    assert [path.name for path in methods if len(path.read_text("utf-8").splitlines()) > METHOD_LINES] == []
