"""The benchmark of labels: noises with the shares that they promise, peers by hand, and the whole of it on digits."""

import numpy as np
import pytest

import workbench.data
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.benchmark import Asked
from workbench.diagnosis.truth import labels as benchmark
from workbench.diagnosis.truth.labels.drawn_noise import NOISES
from workbench.diagnosis.truth.labels.human_cells import cells_of
from workbench.diagnosis.truth.labels.peers import area_under_the_margin, low_self_confidence, margins


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    given = load_digits()
    return given.data.astype(np.float32) / 16, given.target.astype(np.int64)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_each_noise_makes_the_share_wrong_that_is_asked_for(digits, name, share):
    images, right = digits
    wrong = NOISES[name](right, images, share, np.random.default_rng(1))
    assert (wrong != right).mean() == pytest.approx(share, abs=0.025)
    assert 0 <= wrong.min() <= wrong.max() == 9
    again = NOISES[name](right, images, share, np.random.default_rng(1))
    np.testing.assert_array_equal(wrong, again)


def test_noises_go_where_they_say(digits):
    images, right = digits
    drawn = {name: noise(right, images, 0.2, np.random.default_rng(2)) for name, noise in NOISES.items()}
    flipped = {name: wrong != right for name, wrong in drawn.items()}
    steps = {name: np.bincount((wrong - right)[flipped[name]] % 10, minlength=10) for name, wrong in drawn.items()}
    assert steps["asymmetric"][1] == flipped["asymmetric"].sum()
    assert steps["uniform"][1:].min() > 20
    # An eight is most often taken for a one.
    ones = {
        name: (NOISES[name](right, images, 0.5, np.random.default_rng(3))[right == 8] == 1).mean() for name in NOISES
    }
    assert ones["class-dependent"] > 2 * ones["uniform"] > 0


def test_margins_and_their_area_by_hand():
    said = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    assert margins(said, np.array([0, 0])).tolist() == pytest.approx([np.log(3.5), -np.log(3.5)])
    first, second = np.array([5.0, 1.0, -3.0, -1.0]), np.array([5.0, -4.0, 2.0, 1.0])
    strange = np.array([False, False, False, True]), np.array([False, True, False, False])
    # The limits are -1 and -4: in the first training row 2 lies below; row 3 is judged by the second, and does not.
    assert area_under_the_margin((first, second), strange).tolist() == [False, False, True, False]


def test_as_many_are_called_wrong_by_self_confidence_as_the_joint_says():
    said = np.repeat([[0.9, 0.1], [0.1, 0.9]], 20, axis=0)
    labels = np.repeat([0, 1], 20)
    labels[:4], said[0] = 1, [0.97, 0.03]
    found = low_self_confidence(said, labels)
    assert found[0]
    assert np.flatnonzero(found).max() < 4


def test_cells_are_read_and_others_refused(tmp_path):
    said = np.full((9, 3), 1 / 3, np.float16)
    wrong = np.arange(9) % 2 == 0
    np.savez(tmp_path / "a.npz", probabilities=said, labels=np.arange(9) % 3, wrong=np.packbits(wrong))
    (cell,) = cells_of(tmp_path)
    assert cell.wrong.tolist() == wrong.tolist()
    assert cell.said.sum(axis=1) == pytest.approx(np.ones(9))
    np.savez(tmp_path / "b.npz", probabilities=said, labels=np.arange(9))
    with pytest.raises(WorkbenchError, match="lacks `wrong`"):
        list(cells_of(tmp_path))
    np.savez(tmp_path / "b.npz", probabilities=said, labels=np.arange(9), wrong=wrong)
    with pytest.raises(WorkbenchError, match="0 to K - 1"):
        list(cells_of(tmp_path))
    with pytest.raises(WorkbenchError, match=r"no \.npz files"):
        list(cells_of(tmp_path / "none"))


def test_the_whole_of_it_on_digits(digits, monkeypatch, tmp_path):
    images, right = digits
    given = Dataset(
        (images * 255).astype(np.uint8).reshape(-1, 8, 8, 1),
        right,
        class_names=tuple(map(str, range(10))),
        indices=np.arange(len(right)),
        name="digits",
    )
    monkeypatch.setattr(workbench.data, "load_dataset", lambda *_, **__: given)
    monkeypatch.setattr(benchmark, "IMAGES", (1500, 900))
    chance = np.random.default_rng(0)
    logits = 7 * np.eye(4)[chance.integers(0, 4, 2000)] + chance.normal(0, 1.5, (2000, 4))
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = chance.random(2000) < 0.15
    labels = np.where(wrong, (said.argmax(axis=1) + chance.integers(1, 4, 2000)) % 4, said.argmax(axis=1))
    np.savez(tmp_path / "made.npz", probabilities=said, labels=labels, wrong=wrong)
    found = benchmark.Labels().measure(Asked(quick=True, human_labels=tmp_path))
    human, drawn = (found.tables[name] for name in ("Labels that people got wrong", "Drawn noise on Fashion-MNIST"))
    assert len(drawn) == 8
    assert human.loc[0, "rate"] == pytest.approx(0.15, abs=0.02)
    assert human.loc[0, "low"] <= human.loc[0, "wrong"] <= human.loc[0, "high"]
    assert human.loc[0, "F1 workbench"] > 0.97
    assert drawn["F1 workbench"].mean() > 0.4
    claims = {each.said: each for each in found.claims}
    quiet = claims["right labels: at most 0.5 % are surely wrong"]
    assert (quiet.right, quiet.of) == (7, 7)
    assert claims["rate of drawn noise: near, or within its interval"].of == 8
    assert found.notes == ()
