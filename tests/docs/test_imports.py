"""What is imported when: nothing heavy before it is needed, each checked in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "matplotlib", "gradio", "pandas", "sklearn", "scipy", "seaborn", "tf_keras_vis")


def loaded_after(source: str, **environment: str) -> set[str]:
    """The heavy libraries that a fresh Python has loaded after `source`."""
    ask = f"{source}\nimport sys\nprint('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_import_workbench_loads_nothing_heavy():
    assert loaded_after("import workbench") == set()


def test_every_public_name_is_there():
    import workbench

    assert set(workbench.__all__) <= set(dir(workbench))
    assert all(getattr(workbench, name) is not None for name in workbench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = workbench.nothing


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["train", "--help"], ["explain", "--help"], ["nonsense"], ["start", "--help"]],
)
def test_the_command_line_answers_without_anything_heavy(command):
    source = f"from workbench.app.cli import main\ntry:\n    main({command!r})\nexcept SystemExit: pass"
    assert loaded_after(source) == set()


def test_the_help_of_the_whole_does_not_even_load_numpy_or_pydantic():
    source = "from workbench.app.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\nimport sys\n"
    assert loaded_after(source + "assert not {'numpy', 'pydantic', 'rich'} & set(sys.modules)") == set()


def test_the_registry_loads_neither_tensorflow_nor_matplotlib():
    loaded = loaded_after("import workbench as wb\nwb.analyses()")
    assert not loaded & {"tensorflow", "keras", "matplotlib", "gradio", "seaborn"}


def test_opening_a_run_and_its_predictions_needs_no_tensorflow(tiny_run):
    source = (
        f"import workbench as wb\nsession = wb.open_session('tiny', data={str(tiny_run.data)!r})\n"
        "assert session.predictions.table.shape == (80, 6)\nsession.analyze('confusion-matrix')"
    )
    loaded = loaded_after(source, WORKBENCH_RUNS=str(tiny_run.folder))
    assert not loaded & {"tensorflow", "keras", "gradio", "matplotlib"}
