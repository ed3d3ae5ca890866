"""Every parser answers nearly right inputs, or says in one sentence what is wrong: 10,000, and all that failed once.

Another seed: FUZZ_SEED=7 make test ARGS="-k parsers". More of them: make fuzz MINUTES=5.
"""

import os
import runpy
import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz import attacked
from tests.fuzz.attacked import HERE, Hang, attack, kept, targets
from tests.fuzz.mutated import mutated
from tests.patience import PATIENCE
from workbench.core.errors import WorkbenchError

SEED = int(os.environ.get("FUZZ_SEED", "13"))
INPUTS = 10_000
FOUND = targets()
SLOW = {name: target.INPUTS for name, target in FOUND.items() if hasattr(target, "INPUTS")}
"""Inputs of parsers of which one takes tens of milliseconds; the others share the rest."""
EACH = -(-(INPUTS - sum(SLOW.values())) // (len(FOUND) - len(SLOW)))


@pytest.fixture
def patient(monkeypatch):
    """An input may take ten times as long as in `make fuzz`, on a machine that does other things besides."""
    monkeypatch.setattr(attacked, "SECONDS", 10 * attacked.SECONDS)


@pytest.mark.parametrize("name", FOUND)
def test_nearly_right_inputs_get_an_answer_or_a_sentence(name, patient):
    target = FOUND[name]

    @seed(SEED)
    @settings(
        max_examples=SLOW.get(name, EACH),
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(target.seeds()))
    def one(data):
        attack(target, data)

    print(f"seed {SEED}")
    one()


@pytest.mark.parametrize("name", FOUND)
def test_right_inputs_are_read_and_what_failed_once_never_fails_again(name, patient):
    seeds = FOUND[name].seeds()
    assert seeds and all(isinstance(each, bytes) for each in seeds)
    for each in seeds:
        FOUND[name].attack(each)  # no WorkbenchError
    for path in kept(name):
        attack(FOUND[name], path.read_bytes())


def test_what_tries_nothing_is_a_failure(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(HERE))
    watched = runpy.run_path(str(HERE / "__main__.py"), run_name="fuzz")["_watched"]
    assert watched("no such parser", seed=0, seconds=0.1) == 1
    assert "KeyError: 'no such parser'" in capsys.readouterr().out


def test_every_kept_input_has_its_parser():
    folder = HERE / "regressions"
    assert {path.name for path in folder.iterdir() if path.is_dir()} <= set(FOUND) if folder.exists() else True


@pytest.mark.parametrize(
    ("does", "raises"),
    [
        (lambda data: {}[data], KeyError),
        (lambda data: time.sleep(PATIENCE), Hang),
        (lambda data: len(bytearray(b"x") * 2**28), AssertionError),
        (lambda data: (_ for _ in ()).throw(WorkbenchError(" ")), AssertionError),
        (lambda data: (_ for _ in ()).throw(WorkbenchError("It must be a list.")), None),
    ],
)
def test_an_attack_sees_tracebacks_hangs_memory_and_errors_without_a_sentence(does, raises, monkeypatch):
    monkeypatch.setattr(attacked, "SECONDS", 1 if raises is Hang else PATIENCE)  # a busy machine is no fault
    monkeypatch.setattr(attacked, "GROWTH", 0.1)
    with pytest.raises(raises) if raises else nullcontext():
        attack(SimpleNamespace(attack=does), b"x")
