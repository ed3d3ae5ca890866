"""A class of two clouds of embeddings, and what is said of it."""

import numpy as np
import pytest

from analyses.label_issues.two_groups import classes_of_two_groups

NAMES = ("ant", "bee", "cat")


def studied(stand_in, each, *, seed=0, divided=(), seen=(), known=1.0):
    """Return a session of three classes, of which a share `known` is recognised, and the images of second groups.

    Embeddings of the classes of `divided` are two clouds; images of those of `seen` have stripes down or across.
    """
    chance = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), each)
    embeddings = chance.normal(size=(len(labels), 8)) + 20 * np.eye(8)[labels]
    images = chance.integers(0, 60, (len(labels), 9, 9, 1))
    images[:, ::3] += 120
    second = np.isin(labels, (*divided, *seen)) & (np.arange(len(labels)) % each < 0.4 * each)
    embeddings[second & np.isin(labels, divided), 6] += 20
    turned = second & np.isin(labels, seen)
    images[turned] = images[turned].swapaxes(1, 2)
    wrong = chance.random(len(labels)) >= known
    order = chance.permutation(len(labels))
    predicted = np.where(wrong, (labels + 1) % 3, labels)[order]
    session = stand_in(labels[order], predicted, names=NAMES, embeddings=embeddings[order], images=images[order])
    return session, second[order]


@pytest.mark.parametrize("seed", range(3))
def test_a_class_of_two_clouds_is_named_with_both_of_them(stand_in, seed):
    session, second = studied(stand_in, 200, seed=seed, divided=(1,))
    (finding,), sets = classes_of_two_groups(session)
    assert (finding.kind, finding.severity, finding.classes, finding.part) == ("merged-class", "mild", (1,), "data")
    assert sorted(finding.evidence) == np.flatnonzero(second).tolist()
    said = "bee falls into two separate groups, 60.0 % and 40.0 % of 200 evaluated images that the model recognises: "
    assert finding.claim.startswith(said)
    larger, smaller = sets.values()
    assert smaller == finding.evidence and smaller.title == "bee, the smaller group"
    assert sorted([*larger, *smaller]) == np.flatnonzero(session.dataset.labels == 1).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_class_of_two_looks_is_named_though_the_model_has_forgotten_them(stand_in, seed):
    session, second = studied(stand_in, 200, seed=seed, seen=(2,))
    (finding,), _ = classes_of_two_groups(session)
    assert (finding.kind, finding.classes) == ("merged-class", (2,))
    assert sorted(finding.evidence) == np.flatnonzero(second).tolist()
    assert "the density of features of the pixels that no label has shaped falls below 1.0 %" in finding.claim


def test_training_images_are_looked_at_where_they_are_known(stand_in):
    session, _ = studied(stand_in, 200, divided=(0,))
    session.training, second = studied(stand_in, 300, seed=1, divided=(2,))
    (finding,), sets = classes_of_two_groups(session)
    assert (finding.part, finding.classes) == ("train", (2,))
    assert sorted(finding.evidence) == np.flatnonzero(second).tolist()
    assert {each.part for each in sets.values()} == {"train"}
    assert "of 300 training images" in finding.claim


@pytest.mark.parametrize("seed", range(3))
def test_classes_of_one_cloud_are_not_named(stand_in, seed):
    assert classes_of_two_groups(studied(stand_in, 200, seed=seed)[0]) == ([], {})


def test_of_classes_that_are_hardly_recognised_nothing_is_said(stand_in):
    assert classes_of_two_groups(studied(stand_in, 300, divided=(1,), known=0.95)[0])[0]
    assert classes_of_two_groups(studied(stand_in, 300, divided=(1,), known=0.7)[0]) == ([], {})


def test_of_few_images_and_of_scores_alone_nothing_is_said(stand_in):
    assert classes_of_two_groups(studied(stand_in, 50, divided=(1,))[0]) == ([], {})
    session, _ = studied(stand_in, 200, divided=(1,))
    session.only_predictions = True
    assert classes_of_two_groups(session) == ([], {})
