from types import SimpleNamespace

import numpy as np
import pytest

from analyses.triage import _finding


@pytest.mark.parametrize(
    ("claimed", "errors", "images", "severity"),
    [
        (40, 90, 1000, "serious"),  # surely more than 1 % of the images, and of the errors more than 15 %
        (30, 223, 480, "mild"),  # as many images, but six of seven errors are the model's own: it is no judge
        (12, 20, 2500, "mild"),  # surely more than 0.2 % of the images, and less than 1 %
        (12, 20, 4000, "info"),
        (3, 4, 1000, "info"),
    ],
)
def test_accuracy_is_corrected_only_where_wrong_labels_explain_enough_of_the_errors(claimed, errors, images, severity):
    rows = np.arange(errors)
    found = SimpleNamespace(rows=rows, wrong_label=np.full(errors, 0.9), spread=np.ones(errors, bool), sure=True)
    finding = _finding(0, rows[:claimed], found, range(images))  # of the predictions only their number counts
    assert finding.severity == severity
    assert ("instead of" in finding.claim) == (severity == "serious")


def test_where_labels_are_not_surely_wrong_no_accuracy_is_corrected():
    found = SimpleNamespace(rows=np.arange(90), wrong_label=np.full(90, 0.9), spread=np.ones(90, bool), sure=False)
    finding = _finding(0, np.arange(40), found, range(1000))
    assert (finding.severity, "instead of" in finding.claim) == ("mild", False)
