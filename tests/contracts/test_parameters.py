"""Every whole number that anybody can give, to whatever is discovered, is bounded by its type."""

from __future__ import annotations

import pytest

from workbench.attribution.methods import explainers
from workbench.core.errors import WorkbenchError
from workbench.core.params import describe, make
from workbench.diagnosis.registry import analyses
from workbench.faithfulness.measures import measures


def kinds():
    yield from ((name, kind.Params) for name, kind in analyses().items())
    yield from explainers().items()
    yield from measures().items()


@pytest.mark.parametrize(("name", "params"), [*kinds()])
def test_no_number_is_too_large_for_what_it_is_given_to(name, params):
    for each in describe(params):
        if each.kind is int:
            for wrong in (10**30, -(10**30), 2**64, "1" + "0" * 50):
                with pytest.raises(WorkbenchError, match=f"`{each.name}` must "):
                    make(params, {each.name: [wrong] if each.many else wrong})
        if each.name == "seed":
            assert (each.low, each.high) == (0, 2**31 - 1)
            make(params, {"seed": 2**31 - 1})
