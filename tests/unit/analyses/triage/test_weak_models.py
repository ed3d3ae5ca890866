"""Right labels and models that fail, made of logits: no label is called wrong; and wrong ones that are still found."""

import numpy as np
import pytest

from analyses.label_issues import LabelIssues, LabelIssuesParams
from analyses.triage import Triage, TriageParams
from analyses.triage.evidence import GROUPS
from tests.failing import FAILING, failing


@pytest.mark.parametrize("classes", [2, 3, 5, 10, 60])
@pytest.mark.parametrize("kind", FAILING)
def test_no_right_label_is_called_wrong_because_the_model_is_weak(kind, classes):
    made, _ = failing(kind, classes, 1)
    result = Triage().compute(made, TriageParams(k=20, compared=500))
    of_labels = [each for each in result.findings if each.kind == "label-noise"]
    assert {each.severity for each in of_labels} <= {"info", "mild"}
    assert not any("instead of" in each.claim for each in result.findings)
    if kind in ("all equal", "one class", "shuffled"):
        assert of_labels[-1].claim == (
            "Whether labels are wrong cannot be told, since the predictions are not surely better than chance."
        )


@pytest.mark.parametrize("classes", [2, 3, 5, 10, 60])
@pytest.mark.parametrize("wrong", [0.05, 0.1, 0.2])
def test_wrong_labels_are_found_by_a_model_that_knows_the_classes(classes, wrong):
    made, rows = failing("sound", classes, 2, wrong=wrong, count=1000)
    result = Triage().compute(made, TriageParams(k=20, compared=500))
    table = result.tables["errors"]
    said = table["row"][table["group"] == GROUPS[0]].to_numpy()
    assert np.isin(rows, said).mean() > 0.75
    assert np.isin(said, rows).mean() > 0.9
    found = next(each for each in result.findings if each.kind == "label-noise")
    told = classes >= 5  # of fewer, `label-issues` says it, which asks others than the model
    assert (found.severity, "instead of" in found.claim) == (("serious", True) if told else ("mild", False))
    if wrong >= 0.1:
        assert LabelIssues().compute(made, LabelIssuesParams()).findings[0].severity == "serious"
