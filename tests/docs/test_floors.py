"""The house stands: an import only goes up the list of rooms, and every wall is where DESIGN.md draws it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The whole rule: a room imports itself and the rooms before it. Every import counts, in a function or for the type
# checker too. `analyses` is a package of its own, in which no analysis imports another.
ROOMS = (
    "core", "data", "workspace", "statistics", "plotting", "models", "training", "attribution", "faithfulness",
    "concepts", "session", "shards", "exporting", "analyses", "diagnosis", "app",
)  # fmt: skip

# Surfaces of `app`, in the order in which one may show another; what two of them share lies beside them.
SURFACES = ("report", "page", "cli")

# A library, where it may be imported, and whether a type checker's import is free.
WALLS = {
    "gradio": (("workbench.app.page",), False),
    "click": (("workbench.app.cli",), False),
    "rich": (("workbench.app.cli",), False),
    "matplotlib": (("workbench.plotting", "workbench.app", "analyses"), True),
    "matplotlib.pyplot": ((), False),
    "seaborn": (("workbench.plotting", "analyses"), True),
    "ray": (("workbench.shards",), False),
    "pyarrow": (("workbench.data.remote", "workbench.data.records"), False),
    "analyses": (("workbench.diagnosis.registry", "analyses"), False),
}
WITHOUT_TENSORFLOW = ("core", "data", "workspace", "statistics", "plotting")
DOWNLOADER = "workbench.data.sources.keras_download"  # Keras' own downloader is one of the sources of data
GRADIENTS = {
    "GradientTape": ("workbench.models.scorer", "workbench.training.multi_device"),
    "tf.gradients": ("workbench.models.scorer", "workbench.models.pull_back"),
}
WRITES = {"open_memmap", "write_text", "write_bytes", "savez", "savez_compressed", "to_csv", "save", "savefig"}
WRITERS = (
    "workbench.core.files", "workbench.core.array_file", "workbench.training.saving", "workbench.training.checkpoint",
    "workbench.session.map_files", "workbench.exporting.export", "workbench.exporting.served_graph",
    "workbench.exporting.formats",
)  # fmt: skip
NUMPY_READERS = ("workbench.app.cli.commands.maps",)  # of the .npy file that was just written
NO_IDEA = {"utils", "helpers", "common", "misc", "tools"}
METHOD_LINES = 40  # of the class of an attribution method


def violations(root: Path) -> list[str]:
    """Every rule that is broken under `root`, as "file:line: what is wrong"."""
    found = []
    edges: dict[str, set[str]] = {}
    files = sorted([*root.glob("workbench/**/*.py"), *root.glob("analyses/**/*.py")])
    modules = {_module(root, path): path for path in files}
    for module, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(root)
        if path.stem in NO_IDEA:
            found.append(f"{where}:1: a file is named after its idea, not {path.stem!r}")
        if module not in ("workbench", "workbench.__main__", "analyses") and _room(module) is None:
            found.append(f"{where}:1: {module} stands in no room; there are {', '.join(ROOMS)}")
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        for imported, line, typing_only in _imports(tree, package, set(modules)):
            found += [f"{where}:{line}: {wrong}" for wrong in _wrong_import(module, imported, typing_only)]
            if imported in modules and imported not in ("workbench", module):
                edges.setdefault(module, set()).add(imported)
        found += [f"{where}:{line}: {wrong}" for line, wrong in _wrong_calls(tree, module)]
    edges.pop("workbench", None)  # its names are loaded when they are used
    return found + [f"import circle: {' -> '.join(circle)}" for circle in _circles(edges)]


def _wrong_import(module: str, imported: str, typing_only: bool) -> Iterator[str]:
    here, there = _room(module), _room(imported)
    if here is not None and there is not None and ROOMS.index(there) > ROOMS.index(here):
        yield f"{module} imports {imported}; `{here}` stands before `{there}`, and imports only go up the list"
    surface, shown = _surface(module), _surface(imported)
    if surface in SURFACES and shown in SURFACES and SURFACES.index(shown) > SURFACES.index(surface):
        yield f"{module} imports {imported}; what `{surface}` and `{shown}` share belongs to workbench.app"
    heavy = imported.partition(".")[0] in ("tensorflow", "keras") and not typing_only
    if here in WITHOUT_TENSORFLOW and heavy and module != DOWNLOADER:
        yield f"{module} imports {imported}; {', '.join(WITHOUT_TENSORFLOW)} know no TensorFlow"
    if here == there == "analyses" and _question(module) != _question(imported) != "":
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
        if name == "load" and ast.unparse(node) in ("np.load", "numpy.load") and not _inside(module, NUMPY_READERS):
            yield node.lineno, f"{module} reads arrays itself; the one reader is workbench.core.array_file"
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


def _imports(tree: ast.Module, package: str, known: set[str]) -> Iterator[tuple[str, int, bool]]:
    """Yield (imported module, line, only for the type checker) of every import of a module of `package`."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from workbench.models import probe` imports a module; `from workbench import Probe` a name.
            names = [
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in known or base == "matplotlib" else base
                for alias in node.names
            ]
        else:
            continue
        for name in dict.fromkeys(names):
            yield name, node.lineno, id(node) in guarded


def _circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Every module that imports itself by way of others."""
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


def _room(module: str) -> str | None:
    """The room that a module stands in; None for what is not ours, and for the public names."""
    first, _, rest = module.partition(".")
    room = first if first == "analyses" else rest.partition(".")[0] if first == "workbench" else ""
    return room if room in ROOMS else None


def _surface(module: str) -> str:
    """The surface that a module of `app` belongs to; empty for what several share."""
    return module.split(".")[2] if module.startswith("workbench.app.") else ""


def _question(module: str) -> str:
    """The analysis that a module of `analyses` belongs to."""
    return module.partition(".")[2].partition(".")[0]


def _inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_the_house_stands():
    assert violations(ROOT) == []


def test_there_are_these_rooms_and_nothing_else():
    there = {path.name for path in (ROOT / "workbench").iterdir() if path.name != "__pycache__"}
    assert there == {*ROOMS, "__init__.py", "__main__.py", "py.typed"} - {"analyses"}


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("workbench/core/errors.py", "from workbench.session.session import Session", "`core` stands before `session`"),
        ("workbench/models/probe.py", "def f():\n    import workbench.diagnosis.registry", "`models` stands before"),
        (
            "workbench/models/probe.py",
            "if TYPE_CHECKING:\n    from workbench.session import session",
            "workbench/models/probe.py:2: workbench.models.probe imports workbench.session.session",
        ),
        (
            "workbench/attribution/explainer.py",
            "from ..session.session import Session",
            "`attribution` stands before `session`",
        ),
        ("workbench/core/dataset.py", "import tensorflow as tf", "know no TensorFlow"),
        ("workbench/data/npz.py", "def f():\n    import keras", "know no TensorFlow"),
        ("workbench/session/session.py", "import gradio as gr", "gradio belongs to workbench.app.page"),
        ("workbench/session/session.py", "import ray", "ray belongs to workbench.shards"),
        ("workbench/data/reading.py", "import pyarrow as pa", "pyarrow belongs to workbench.data.remote and"),
        ("workbench/app/page/page.py", "import rich", "rich belongs to workbench.app.cli"),
        ("workbench/app/report/words.py", "from workbench.app.page.html import go", "belongs to workbench.app"),
        ("workbench/app/page/page.py", "from workbench.app.cli.options import x", "belongs to workbench.app"),
        ("workbench/session/study.py", "from matplotlib.figure import Figure", "matplotlib belongs to"),
        ("workbench/plotting/pieces.py", "import matplotlib.pyplot as plt", "matplotlib.pyplot belongs to no file"),
        ("workbench/plotting/pieces.py", "from matplotlib import pyplot", "matplotlib.pyplot belongs to no file"),
        ("workbench/app/page/page.py", "import analyses", "analyses belongs to workbench.diagnosis.registry"),
        ("analyses/one.py", "from analyses.other import Other", "analyses are independent of each other"),
        ("analyses/one.py", "from .other import Other", "analyses are independent of each other"),
        ("analyses/one/__init__.py", "from ..other import Other", "analyses are independent of each other"),
        ("analyses/one/part.py", "from analyses.other import Other", "analyses are independent of each other"),
        ("analyses/one/part.py", "from analyses import other", "analyses are independent of each other"),
        (
            "workbench/attribution/methods/mine.py",
            "with tf.GradientTape() as tape:\n    pass",
            "workbench.attribution.methods.mine takes gradients itself",
        ),
        ("workbench/session/session.py", "path.write_text('x')", "workbench.session.session writes a file"),
        ("workbench/session/session.py", "with open(path, 'wb') as file:\n    pass", "writes a file"),
        ("workbench/session/session.py", "with np.load(path) as file:\n    pass", "reads arrays itself"),
        ("workbench/core/utils.py", "", "named after its idea"),
        ("workbench/new.py", "", "workbench.new stands in no room"),
    ],
)
def test_a_planted_violation_is_named_with_file_and_line(tmp_path, path, source, complaint):
    for known in ("workbench/session/session.py", "workbench/models/probe.py", "analyses/other.py", path):
        (tmp_path / known).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / known).write_text(source if known == path else "")
    found = violations(tmp_path)
    assert found
    assert all(line.startswith(f"{path}:") for line in found)
    assert complaint in found[0]


@pytest.mark.parametrize("how", ["{}", "def f():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_a_planted_circle_is_found(tmp_path, how):
    (tmp_path / "workbench/core").mkdir(parents=True)
    for one, other in (("errors", "params"), ("params", "result"), ("result", "errors")):
        source = how.format(f"from workbench.core.{other} import X")
        (tmp_path / f"workbench/core/{one}.py").write_text(source)
    names = ("errors", "params", "result", "errors")
    assert violations(tmp_path) == [f"import circle: {' -> '.join(f'workbench.core.{name}' for name in names)}"]


def test_what_is_allowed_is_not_complained_about(tmp_path):
    allowed = {
        "workbench/session/session.py": "from workbench.models.probe import Probe\nwith open(path) as file: pass",
        "workbench/core/result.py": "figure.savefig(stream, format='png')",
        "workbench/session/analysis.py": "if TYPE_CHECKING:\n    from matplotlib.figure import Figure",
        "workbench/app/page/page.py": "import gradio as gr\nfrom workbench.app.report.words import limits",
        "analyses/one/__init__.py": "from .part import text\nfrom . import part\nimport seaborn as sns",
        "analyses/one/part.py": "from workbench.plotting.pieces import text",
    }
    for path, source in allowed.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    assert violations(tmp_path) == []


def test_an_attribution_method_is_a_class_of_forty_lines():
    lengths = {
        f"{path.name} {node.name}": node.end_lineno - node.lineno + 1
        for path in (ROOT / "workbench/attribution/methods").glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    assert len(lengths) >= 20
    assert {name: length for name, length in lengths.items() if length > METHOD_LINES} == {}
