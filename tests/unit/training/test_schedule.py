from itertools import pairwise

import pytest

from workbench.training.schedule import Cosine, OneCycle


def test_one_cycle():
    schedule = OneCycle(peak=2.0, steps=104, warm_up=0.0384615384615385)  # four steps up, a hundred down
    rates = [float(schedule(step)) for step in range(105)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert rates[54] == pytest.approx(1.0)
    assert rates[104] == pytest.approx(0.0)
    assert all(later < earlier for earlier, later in pairwise(rates[4:]))
    assert float(OneCycle(2.0, 10, 0.0)(0)) == 2.0
    again = OneCycle(**schedule.get_config())
    assert float(again(3)) == float(schedule(3))


def test_cosine_falls_from_the_first_step_and_begins_again_with_each_cycle():
    schedule = Cosine(peak=2.0, steps=8, cycles=2)
    rates = [float(schedule(step)) for step in range(10)]
    half = 2**0.5 / 2
    assert rates[:4] == pytest.approx([2, 1 + half, 1, 1 - half], abs=1e-6)
    assert rates[4:8] == pytest.approx(rates[:4], abs=1e-6)
    assert rates[8:] == pytest.approx([0, 0], abs=1e-6)
    assert float(Cosine(**schedule.get_config())(3)) == rates[3]
