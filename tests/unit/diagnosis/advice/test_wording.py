"""Sentences claim what the numbers show, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.core.estimate import Estimate
from workbench.diagnosis.advice.comparing import share
from workbench.diagnosis.advice.rule import Grade
from workbench.diagnosis.advice.wording import summary, weights_said, why

NAN = float("nan")


@pytest.mark.parametrize(
    ("similarity", "said"),
    [
        (Estimate(0.2, 0.1, 0.3), "its maps change with weights drawn anew: rank correlation 0.20"),
        (Estimate(0.6, 0.4, 0.8), "are not shown to stay the same with weights drawn anew, nor to change: rank"),
        (Estimate(0.4, 0.2, 0.6), "not shown to stay the same"),
        (Estimate(0.1), "its maps change"),  # as alike on every image
        (Estimate(NAN), "was not tested: on 8 images those of random networks are flat."),
    ],
)
def test_that_maps_change_is_said_only_where_they_surely_do(similarity, said):
    found = weights_said(similarity, 8)
    assert said in found
    assert ("0.60 (95 % interval 0.40 to 0.80), n = 8" in found) == (similarity.value == 0.6)
    assert ("its maps change" in found) == (similarity.value in (0.1, 0.2))


def test_the_comparisons_won_are_said_of_the_images_that_choose():
    by_image = np.array([0.5, 0.75, 1.0, 0.75])
    grade = Grade(name="a", by_image=by_image, won=share(by_image), control=Estimate(0.9, 0.8, 1.0, unit="%"))
    assert why(grade, "layer", 29, first=True, lead=None).startswith("On the images that choose it wins the most")
    both = replace(grade, known=by_image)
    assert why(both, "layer", 29, first=True, lead=None).startswith("On the images that choose and in the known world")
    lead = why(grade, "layer", 29, first=True, lead=("B", grade))
    assert lead.startswith("On the images that choose it wins 75.0 %")
    assert "within one standard error of B" in lead
    assert why(grade, "layer", 0, first=True, lead=None).startswith("It reads feature maps")


def test_the_summary_tells_what_failed_from_what_was_not_asked():
    given = {"tested": True, "late": False, "unmeasured": 0, "dropped": {}, "methods": 2, "whose": "m on d"}
    given["longer"] = 0.4
    (none,) = summary(advised=(), families=2, judged=False, **given)
    assert "no measure surely picks" in none
    late = {**given, "longer": 20.3}
    assert summary(advised=(), families=2, judged=True, **late)[1].startswith("It took 20 s longer")
    (none,) = summary(advised=(), families=2, judged=True, **given)
    assert "of 2 methods none has maps of the class that are surely better" in none
