"""Findings that went, stayed and came: matched by kind, classes and images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from workbench.core.finding import Finding, Severity
from workbench.diagnosis.changed_findings import changed_findings


def finding(kind, classes=(), *, rows=(), part="data", severity="mild"):
    return Finding(
        f"{kind} {classes} {rows}", kind=kind, classes=classes, evidence=rows, part=part, severity=Severity(severity)
    )


def told(first, second, *, names=("cat", "dog", "fox"), rows=None):
    sessions = tuple(SimpleNamespace(class_names=each) for each in (("cat", "dog", "fox"), names))
    both = tuple(
        SimpleNamespace(asked={"made": SimpleNamespace(findings=each, analysis="made")}) for each in (first, second)
    )
    found = changed_findings(sessions, both, np.stack([np.arange(50)] * 2, axis=1) if rows is None else rows)
    return [(each.state, each.kind, each.subject) for each in found]


def test_kind_and_classes_by_name_say_what_a_finding_is_about():
    fact = finding("leakage", severity="info")
    first = [finding("confused-pair", (0, 1)), finding("miscalibration"), finding("label-noise", part="train"), fact]
    second = [finding("confused-pair", (2, 0)), finding("label-noise", severity="serious"), finding("overfitting")]
    assert told(first, second, names=("dog", "fox", "cat")) == [
        ("came", "label-noise", "all images"),  # the worst first; of the other part it is another one
        ("came", "overfitting", "all images"),
        ("stayed", "confused-pair", "cat and dog"),
        ("went", "miscalibration", "all images"),
        ("went", "label-noise", "training images"),
    ]


def test_several_of_a_kind_are_told_apart_by_their_images():
    slices = [finding("underperforming-slice", (0,), rows=rows) for rows in ((1, 2, 3), (7, 8, 9), (20, 21))]
    moved = [finding("underperforming-slice", (0,), rows=rows) for rows in ((18, 19, 5), (13, 11, 12, 30))]
    turned = np.stack([np.arange(50), np.arange(50) + 10], axis=1)  # row r of the first is row r + 10 of the second
    states = told(slices, moved, rows=turned)
    assert [state for state, _, _ in states] == ["stayed", "stayed", "went"]
    assert [state for state, _, _ in told(slices[:1], [slices[2], slices[1]])] == ["came", "came", "went"]
    assert [state for state, _, _ in told(slices[:1], slices[1:2])] == ["came", "went"]  # another slice of the class
    assert [state for state, _, _ in told(slices[:1], slices[:1])] == ["stayed"]
