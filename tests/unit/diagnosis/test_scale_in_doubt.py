from dataclasses import replace

import numpy as np

from tests.unit.models.test_preprocessing_search import halves
from tests.unit.session.test_input_scale import loud
from workbench.diagnosis.opening import Session
from workbench.diagnosis.ranking import rank


def test_a_doubt_about_the_scale_stands_above_what_is_found_under_that_scale():
    data = halves()
    wrong = replace(data, labels=np.where(np.arange(80) % 8 == 0, 1 - data.labels, data.labels), source_fingerprint="")
    asked = Session(loud(), wrong, cache=False)
    answers = {name: asked.analyze(name) for name in ("calibration", "sanity-check")}
    assert {"miscalibration"} <= {each.kind for each in answers["calibration"].findings}
    first, *others = rank(answers)
    assert (first.finding.kind, first.finding.severity, others) == ("preprocessing-mismatch", "serious", [])
    assert f"{first.finding.claim} {first.finding.advice}".startswith(asked.scale.doubt)
    assert "miscalibration" in {finding.kind for _, finding in first.also}
