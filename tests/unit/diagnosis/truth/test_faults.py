"""What is counted of diagnoses made by hand, and one fault that is planted and diagnosed for real."""

import numpy as np

from workbench.core.finding import Finding
from workbench.diagnosis.benchmark import Asked
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.faults import fault
from workbench.diagnosis.planting.letters import Letters
from workbench.diagnosis.ranking import Diagnosed
from workbench.diagnosis.truth import faults as truth

TINY = Letters(classes=3, side=16, train=120, test=60)


def told(name, *kinds):
    world = TINY(np.random.default_rng(0))
    heads = tuple(
        Diagnosed(rank=n, finding=Finding("It is.", severity="serious", kind=kind), analysis="some", params={})
        for n, kind in enumerate(kinds, 1)
    )
    diagnosis = Diagnosis(findings=heads, asked={}, left_out={}, context={}, quick=True)
    return truth.told_by(truth.Trial(fault=name), fault(name)(), world, diagnosis, np.arange(10) < 9)


def test_a_fault_has_its_rank_and_a_control_its_alarms():
    assert told("leak", "duplicates", "leakage").rank == 2
    assert told("leak", "duplicates").rank is None
    alarmed = told("nothing", "shortcut")
    assert (alarmed.expected, alarmed.alarms) == ("", ("shortcut",))


def test_each_trial_names_a_fault_and_draws_its_world():
    for trial in (*truth.FAULTS, *truth.CONTROLS):
        assert (fault(trial.fault).kind is None) == (trial in truth.CONTROLS)
    assert len({trial.name for trial in truth.CONTROLS}) == len(truth.CONTROLS)


def test_a_quick_run_plants_diagnoses_and_counts(monkeypatch):
    monkeypatch.setattr(truth, "FAULTS", (truth.Trial(fault="collapse", world=TINY, epochs=1),))
    monkeypatch.setattr(truth, "CONTROLS", (truth.Trial(world=TINY, epochs=8),))
    found = truth.PlantedFaults().measure(Asked(quick=True, seed=3))
    assert found.tables["Planted"]["rank"].tolist() == [1]
    assert [(each.right, each.of) for each in found.claims][:2] == [(1, 1), (1, 1)] and found.claims[2].of == 1


def test_signs_of_a_world_are_no_look_alikes_and_sixty_are_all():
    for seed in range(6):
        signs = Letters(classes=24)._signs(np.random.default_rng(seed))
        assert len(set(signs)) == 24
        assert not any({one, other} <= set(signs) for one, other in ("nh", "OQ", "S5", "B8", "ft"))
    assert len(set(Letters(classes=60)._signs(np.random.default_rng(0)))) == 60
