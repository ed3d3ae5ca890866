import re
import tracemalloc

import numpy as np
import pytest
from scipy.special import expit, softmax

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.predictions import Predictions
from workbench.data.saved_predictions import predictions_of, read_predictions, saved_predictions
from workbench.data.saved_predictions.files import CELL

CHANCE = np.random.default_rng(3)
LOGITS = CHANCE.normal(0, 3, (12, 3))
LABELS = np.arange(12) % 3
NAMES = [f"test/{'abc'[k]}/{n}.png" for n, k in enumerate(LABELS)]


def dataset(rows=None, names=NAMES, class_names=("a", "b", "c")):
    made = Dataset(
        np.zeros((12, 4, 4, 1), np.uint8),
        LABELS,
        class_names=class_names,
        indices=np.arange(12),
        name="made/test",
        names=None if names is None else np.array(names),
    )
    return made if rows is None else made.subset(rows)


def written(path, **arrays):
    np.savez(path, **arrays)
    return path


def as_csv(path, header, rows, joint=","):
    path.write_text("\n".join(joint.join(map(str, row)) for row in [header, *rows]) + "\n", encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("name", ["logits", "scores", "outputs", "y_pred"])
def test_logits_are_kept_as_they_are(tmp_path, name):
    saved = read_predictions(written(tmp_path / "p.npz", **{name: LOGITS, "labels": LABELS}))
    np.testing.assert_array_equal(saved.logits, LOGITS.astype(np.float32))
    np.testing.assert_array_equal(saved.labels, LABELS)
    assert ("read as logits" in " ".join(saved.notes)) == (name != "logits")


@pytest.mark.parametrize("name", ["probabilities", "probs", "pred_probs", "scores"])
@pytest.mark.parametrize(("kind", "close"), [("float64", 1e-6), ("float32", 1e-5), ("float16", 2e-2)])
def test_probabilities_come_back_as_they_were(tmp_path, name, kind, close):
    given = softmax(LOGITS, axis=1).astype(kind)
    saved = read_predictions(written(tmp_path / "p.npz", **{name: given}))
    np.testing.assert_allclose(softmax(saved.logits.astype(np.float64), axis=1), given, atol=close)


def test_a_probability_of_zero_stays_a_finite_score():
    saved = predictions_of(np.eye(3))
    assert np.isfinite(saved.logits).all()
    np.testing.assert_allclose(Predictions(saved.logits, LABELS[:3]).probabilities, np.eye(3), atol=1e-30)


@pytest.mark.parametrize("shape", [(12,), (12, 1)])
@pytest.mark.parametrize("kind", ["", "probabilities", "logits"])
def test_one_score_is_two_classes(shape, kind):
    z = LOGITS[:, 0]
    given = (z if kind == "logits" else expit(z)).reshape(shape)
    saved = predictions_of(given, kind=kind)
    np.testing.assert_allclose(saved.logits, np.stack([0 * z, z], 1), rtol=1e-5, atol=1e-6)
    assert "class 1 of two classes" in saved.notes[0]


def test_a_sigmoid_per_class_and_per_cent_are_told_by_their_values():
    sigmoid = predictions_of(expit(LOGITS))
    np.testing.assert_allclose(sigmoid.logits, LOGITS, rtol=1e-4, atol=1e-5)
    assert "one sigmoid per class" in sigmoid.notes[0]
    cent = predictions_of(100 * softmax(LOGITS, axis=1))
    np.testing.assert_allclose(softmax(cent.logits, axis=1), softmax(LOGITS, axis=1), atol=1e-6)


@pytest.mark.parametrize("joint", [",", ";", "\t"])
@pytest.mark.parametrize("prefix", ["", "p_", "prob_", "Probability "])
def test_a_table_has_a_column_for_each_class(tmp_path, joint, prefix):
    p = softmax(LOGITS, axis=1)
    rows = [[name, "abc"[k], *values, "x"] for name, k, values in zip(NAMES, LABELS, p, strict=True)]
    header = ["File", "label", *(f"{prefix}{name}" for name in "abc"), "predicted"]
    saved = read_predictions(as_csv(tmp_path / "p.csv", header, rows, joint))
    assert saved.class_names == ("a", "b", "c")
    assert saved.names.tolist() == NAMES
    np.testing.assert_array_equal(saved.labels, LABELS)
    np.testing.assert_allclose(softmax(saved.logits, axis=1), p, atol=1e-6)


def test_numbered_columns_name_no_classes(tmp_path):
    saved = read_predictions(as_csv(tmp_path / "p.csv", ["label", "logit_0", "logit_1"], [[1, 4.0, -2], [0, 3, 3.5]]))
    assert saved.class_names is None
    assert saved.dataset("test").class_names == ("0", "1")
    np.testing.assert_array_equal(saved.logits, np.array([[4, -2], [3, 3.5]], np.float32))


def test_scores_find_their_images_by_name_in_any_order():
    order = CHANCE.permutation(12)
    saved = predictions_of(LOGITS[order], LABELS[order], kind="logits", names=np.array(NAMES)[order])
    np.testing.assert_array_equal(saved.of(dataset()), LOGITS.astype(np.float32))
    np.testing.assert_array_equal(saved.of(dataset([7, 2])), LOGITS[[7, 2]].astype(np.float32))
    ends = predictions_of(LOGITS[order], kind="logits", names=[f"C:\\x\\{NAMES[n].split('/')[-1]}" for n in order])
    np.testing.assert_array_equal(ends.of(dataset()), LOGITS.astype(np.float32))


def test_classes_in_another_order_are_put_in_the_data_s():
    saved = predictions_of(LOGITS, ["abc"[k] for k in LABELS], kind="logits", class_names=("c", "a", "b"))
    np.testing.assert_array_equal(saved.labels, (LABELS + 1) % 3)
    np.testing.assert_array_equal(saved.of(dataset(names=None)), LOGITS[:, [1, 2, 0]].astype(np.float32))


def test_parts_are_told_apart():
    parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    saved = predictions_of(LOGITS, LABELS, kind="logits", parts=parts)
    assert [len(saved.part(each)) for each in ("train", "validation", "test")] == [6, 2, 4]
    np.testing.assert_array_equal(saved.part("test").logits, LOGITS[8:].astype(np.float32))
    assert predictions_of(LOGITS, parts=["train"] * 12).part("test") is None


def test_without_data_there_are_labels_and_no_images():
    made = predictions_of(LOGITS, LABELS, kind="logits", names=NAMES).dataset("test")
    assert not made.has_images
    assert made.subset([3]).names.tolist() == [NAMES[3]]
    with pytest.raises(WorkbenchError, match="no images here, only predictions"):
        made.floats()
    other = predictions_of(LOGITS, LABELS, kind="logits", names=NAMES[::-1]).dataset("test")
    assert made.fingerprint != other.fingerprint
    assert made.fingerprint == predictions_of(LOGITS, LABELS, kind="logits", names=NAMES).dataset("test").fingerprint


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": LOGITS}, "must hold `logits` or `probabilities`, (N, K). It holds x."),
        ({"probabilities": LOGITS}, "probabilities must lie in 0…1. Got -"),
        ({"logits": LOGITS[..., None]}, "Got float64 of shape (12, 3, 1)"),
        ({"logits": np.full((2, 2), np.nan)}, "NaN or infinity in row 0"),
        ({"logits": LOGITS, "labels": LABELS[:5]}, "`labels` has 5 values and there are 12 scores"),
        ({"logits": LOGITS, "labels": LABELS + 1}, "labels must lie in 0…2. Got 1…3. No label is 0: subtract 1."),
        ({"logits": LOGITS, "labels": np.array(list("ab") * 6)}, "a and b are labels and no class of the scores"),
        ({"logits": LOGITS, "class_names": np.array(["a", "b"])}, "names 2 classes and has 3 scores per image"),
        ({"logits": LOGITS, "scores": LOGITS}, "holds several arrays of scores, logits and scores"),
        ({"logits": LOGITS, "split": np.array(["here"] * 12)}, "Row 0 says 'here'"),
        ({"logits": np.array([None, {}])}, "pickled Python objects"),
        ({"predictions": np.array(["a", "b"])}, "save the scores"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, arrays, said):
    with pytest.raises(WorkbenchError, match=re.escape(said)):
        read_predictions(written(tmp_path / "p.npz", **arrays))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as"),
        ("file,label\na.png,0\n", "a column of scores for each class"),
        ("file,label,a,b\na.png,0,0.5,high\n", "Row 0 has 'high'"),
        ("file,label,a,b\n", "0 rows"),
    ],
)
def test_so_it_is_of_a_table(tmp_path, content, said):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(WorkbenchError, match=re.escape(said)):
        read_predictions(tmp_path / "p.csv")


def test_a_table_is_read_in_portions_that_are_not_seen(tmp_path, monkeypatch):
    header = ["file", "label", "split", "logit_0", "logit_1", "logit_2"]
    cells = [(n, y, "test", *z) for n, y, z in zip(NAMES, LABELS, LOGITS.tolist(), strict=True)]
    path = as_csv(tmp_path / "p.csv", header, cells)
    whole = read_predictions(path)
    monkeypatch.setattr("workbench.data.saved_predictions.files.PORTION", 10)
    found = read_predictions(path)
    np.testing.assert_array_equal(found.logits, LOGITS.astype(np.float32))
    for each in ("logits", "labels", "names", "parts"):
        np.testing.assert_array_equal(getattr(found, each), getattr(whole, each))
    as_csv(path, header, [*cells[:11], (NAMES[11], 0, "test", 1.0, "high", 2.0)])
    with pytest.raises(WorkbenchError, match="Row 11 has 'high'"):
        read_predictions(path)


def test_a_large_table_takes_the_memory_of_its_numbers_not_of_its_texts(tmp_path, monkeypatch):
    rows, classes, portion = 8000, 100, 2**16
    monkeypatch.setattr("workbench.data.saved_predictions.files.PORTION", portion)
    scores = np.random.default_rng(0).dirichlet(np.ones(classes), rows)
    path = tmp_path / "p.csv"
    np.savetxt(path, scores, fmt="%.7f", delimiter=",", header=",".join(f"p_{k}" for k in range(classes)), comments="")
    read_predictions(path)  # what is imported first does not count
    tracemalloc.start()
    try:
        read_predictions(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < path.stat().st_size + rows * classes * CELL + 100 * portion


def test_what_does_not_belong_to_the_data_is_refused():
    with pytest.raises(WorkbenchError, match=r"scores of 11 images. 'made/test' has 12 images"):
        predictions_of(LOGITS[:11], kind="logits").of(dataset(names=None))
    swapped = LABELS[[0, 1, 2, 3, 5, 4, *range(6, 12)]]
    with pytest.raises(WorkbenchError, match="differ in 2 of 12 rows, first in row 4"):
        predictions_of(LOGITS, swapped, kind="logits").of(dataset(names=None))
    with pytest.raises(WorkbenchError, match=r"no scores of 1 of 12 images \(8.3 %\): test/c/11.png"):
        predictions_of(LOGITS[:11], kind="logits", names=NAMES[:11]).of(dataset())
    with pytest.raises(WorkbenchError, match=r"two rows for 'test/a/0.png'"):
        predictions_of(LOGITS, kind="logits", names=[NAMES[0], *NAMES[:11]]).of(dataset())
    with pytest.raises(WorkbenchError, match="must have the same names"):
        predictions_of(LOGITS, kind="logits", class_names=("a", "b", "x")).of(dataset())
    with pytest.raises(WorkbenchError, match="scores and no labels"):
        predictions_of(LOGITS).dataset("test")


def test_a_file_that_is_not_there_is_named_with_its_neighbours(tmp_path):
    written(tmp_path / "preds.npz", logits=LOGITS)
    with pytest.raises(Unavailable, match=r"Did you mean 'preds\.npz'"):
        read_predictions(tmp_path / "pred.npz")


def test_predictions_of_python_are_taken_too():
    given = Predictions(LOGITS.astype(np.float32), LABELS)
    saved = saved_predictions(given)
    np.testing.assert_array_equal(saved.logits, given.logits)
    assert saved_predictions(saved) is saved


P = softmax(LOGITS, axis=1)


@pytest.mark.parametrize(
    ("names", "scores", "labelled", "more"),
    [
        ("abc", P, True, range(41, 53)),  # an age
        ("abc", P, False, [300] * 12),
        ("012", P, False, range(12)),
        ("abc", LOGITS, True, range(12)),
    ],
)
def test_a_column_of_numbers_that_is_no_class_is_left_out_and_said(tmp_path, names, scores, labelled, more):
    labels = [["abc"[k]] if labelled else [] for k in LABELS]
    rows = [[file, *z, *k, other] for file, z, k, other in zip(NAMES, scores, labels, more, strict=True)]
    header = ["file", *names, *(["label"] if labelled else []), "number"]
    saved = read_predictions(as_csv(tmp_path / "p.csv", header, rows))
    np.testing.assert_array_equal(saved.logits.argmax(axis=1), LOGITS.argmax(axis=1))
    assert saved.logits.shape == (12, 3)
    assert f"no class, and left out: 1 column {header[-1]}" in saved.notes[0]


@pytest.mark.parametrize("name", ["good", "bad", "Good"])
def test_a_single_score_that_is_called_after_a_class_is_that_class_s(tmp_path, name):
    p = expit(LOGITS[:, 0])
    labels = np.where(
        p > 0.5, "good" if name.casefold() == "good" else "bad", "bad" if name.casefold() == "good" else "good"
    )
    saved = read_predictions(as_csv(tmp_path / "p.csv", [name, "label"], list(zip(p, labels, strict=True))))
    assert saved.class_names == ("bad", "good")
    assert (saved.logits.argmax(axis=1) == saved.labels).all()
    assert f"class {int(name.casefold() == 'good')} of two classes: {name!r}" in saved.notes[0]


def test_what_was_rounded_to_two_digits_and_per_cent_of_one_score_are_probabilities():
    rounded = predictions_of(P.round(2))
    assert "adds up to 1" in rounded.notes[0]
    cent = predictions_of(100 * expit(LOGITS[:, 0]))
    np.testing.assert_allclose(expit(cent.logits[:, 1].astype(np.float64)), expit(LOGITS[:, 0]), atol=1e-6)


def test_without_names_the_order_is_that_of_the_files():
    """A folder's own order is spread; scores come in the order in which Keras reads the files."""
    order = CHANCE.permutation(12)
    spread = dataset(order)
    by_name = np.argsort(NAMES)
    saved = predictions_of(LOGITS[by_name], LABELS[by_name], kind="logits")
    np.testing.assert_array_equal(saved.of(spread), LOGITS[order].astype(np.float32))
    assert saved.matching(spread) == (
        "scores matched by position, in the order of the file names, and the labels agree",
    )
    without = predictions_of(LOGITS[by_name], kind="logits")
    assert "add `names` to be sure" in without.matching(spread)[0]
    more = predictions_of(LOGITS, kind="logits", names=NAMES)
    assert more.matching(dataset([1, 2])) == ("10 rows of predictions belong to no image of this part",)


@pytest.mark.parametrize(
    ("labels", "found"), [(["0.0", "1.0", "2.0"] * 4, [0, 1, 2]), (["A", "b", " C "] * 4, [0, 1, 2])]
)
def test_labels_are_read_as_people_write_them(labels, found):
    names = None if labels[0] == "0.0" else ("a", "b", "c")
    assert predictions_of(LOGITS, labels, kind="logits", class_names=names).labels.tolist() == found * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,label,prob\nx,0,0.4\ny,3,0.9\n", "one score per image, so labels must lie in 0…1. Got 0…3. Save the"),
        ("file,a,b,label\nx,.2,.8,a\ny,.2,.8,\n", "row 1 has no label"),
        ("file,a,b,label\nx,.2,.8,horse\n", "horse is a label and no class of the scores: it names the classes a"),
        ("file,a,a,label\nx,.2,.8,a\n", "has two columns a: name each class once"),
        ('[{"file": "x"}]', "is JSON. What is taken"),
    ],
)
def test_tables_that_people_have_are_refused_for_what_they_lack(tmp_path, content, said):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(WorkbenchError, match=re.escape(said)):
        read_predictions(tmp_path / "p.csv")


def test_one_name_twice_is_no_trouble_where_nothing_is_matched():
    saved = predictions_of(LOGITS, LABELS, kind="logits", names=["0.png"] * 12)
    np.testing.assert_array_equal(saved.of(saved.dataset("test")), LOGITS.astype(np.float32))
