import keras
import numpy as np
import pytest

from analyses.robustness import Robustness, RobustnessParams, trial
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.session.session import Session
from workbench.shards.crew import Here
from workbench.shards.lending import Lent, lending, lent_to

SIDE = 28


def lines(count, seed, *, noise=20):
    """Upright and level bars at any place on black: class 0 and 1."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, noise + 1, (count, SIDE, SIDE, 1))
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        at = chance.integers(8, SIDE - 12)
        part = image if label else image.transpose(1, 0, 2)
        part[at : at + 4, 5:-5] = 180
    return images.astype(np.uint8), labels


def data(images, labels, part, names=("upright", "level")):
    return Dataset(
        images, labels.astype(np.int64), class_names=names, indices=np.arange(len(labels)) + 50, name=f"made/{part}"
    )


@pytest.fixture(scope="module")
def healthy():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 5, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2),
        ]
    )
    images, labels = lines(400, 0)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images / 255, labels, epochs=6, verbose=0)
    return Session(model, data(*lines(120, 1), "test"), train=data(images, labels, "train"), cache=False)


def one_pixel():
    """A model that looks at whether the picture's brightest value is exactly the one it knows: 0.7059."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kernel = np.zeros((SIDE * SIDE, 2), np.float32)
    kernel[SIDE * 3 + 3] = (-400, 400)  # a corner pixel of the ground, 0 or 6 of 255
    model.set_weights([kernel, np.array([4.0, -4.0], np.float32)])
    images, labels = lines(160, 3, noise=0)
    images[labels == 1, 3, 3] = 6
    return Session(model, data(images, labels, "test"), cache=False)


def answer(session, **params):
    return Robustness().compute(session, RobustnessParams(**params))


def test_a_family_that_is_none_is_refused_with_those_that_are(healthy):
    with pytest.raises(WorkbenchError, match="rotate"):
        answer(healthy, families=("rotte",))


def test_a_sound_model_is_fragile_to_nothing_mild(healthy):
    result = answer(healthy, images=120, every=2, maps=6)
    fragile = [finding for finding in result.findings if finding.kind == "fragility"]
    assert len(fragile) == 1 and fragile[0].severity in ("info", "mild")
    table = result.tables["families"]
    assert (table["drop_at_1"] < 0.1).all()
    assert table["mean_drop"].is_monotonic_decreasing
    assert (table["corruption_error"] < 1).any()  # a linear classifier of the pixels knows no bars at any place


def test_a_model_that_hangs_on_one_faint_pixel_is_found_and_the_family_named():
    result = answer(one_pixel(), every=2, maps=0)
    finding = result.findings[0]
    assert (finding.kind, finding.severity) == ("fragility", "serious")
    assert finding.effect.low > 0.2 and finding.effect.low <= finding.effect.value <= finding.effect.high
    assert "severity 1 of 5" in finding.claim and "noise" in finding.claim.lower()
    assert len(finding.evidence) > 20 and finding.advice and finding.confirm
    assert finding.at_stake == 0  # the images under study are not corrupted


def test_counts_and_drops_are_those_of_the_model_asked_again(healthy):
    from analyses.robustness.corruptions import Corruptions
    from workbench.statistics.rates import wilson

    result = answer(healthy, families=("shift", "gaussian-noise"), images=60, every=2, maps=0, seed=5)
    rows = result.arrays["rows"]
    assert np.bincount(healthy.dataset.labels[rows]).tolist() == [30, 30]
    labels, curves = healthy.dataset.labels[rows], result.tables["curves"]
    changed = Corruptions(healthy.dataset.floats(rows), rows, 5).changed("shift", 5)
    right = healthy.model.predict(changed, verbose=0).argmax(axis=1) == labels
    clean = healthy.model.predict(healthy.dataset.floats(rows), verbose=0).argmax(axis=1)
    row = curves[(curves["family"] == "Shift") & (curves["severity"] == 5)].iloc[0]
    assert (row["right"], row["images"]) == (right.sum(), 60)
    assert (row["low"], row["high"]) == pytest.approx(tuple(float(end) for end in wilson(right.sum(), 60)))
    assert row["drop"] == pytest.approx((clean == labels).mean() - right.mean())
    classes = result.tables["classes"]
    own = classes[(classes["family"] == "Shift") & (classes["severity"] == 5)]
    assert own["right"].tolist() == [int(right[labels == c].sum()) for c in (0, 1)]
    assert set(curves["severity"]) == {0, 1, 3, 5} and set(curves["family"]) == {"Shift", "Gaussian noise"}


def test_each_image_is_listed_with_the_smallest_change_that_flips_it():
    session = one_pixel()
    result = answer(session, families=("gaussian-noise", "blur"), images=40, maps=0)
    table, flips = result.tables["images"], result.arrays["flips"]
    assert len(table) == 40 and set(table["row"]) == set(result.arrays["rows"].tolist())
    by_row = dict(zip(result.arrays["rows"].tolist(), flips, strict=True))
    for _, row in table.iterrows():
        known = [s for s in by_row[row["row"]] if s]
        assert row["flips_at"] == (min(known) if known else 0)
        assert (row["to"] == "") == (not known) and row["to"] != row["predicted"]
        assert row["index"] == row["row"] + 50
    ever = table[table["flips_at"] > 0]["flips_at"]
    assert ever.is_monotonic_increasing and (table["flips_at"].to_numpy()[len(ever) :] == 0).all()


def test_maps_of_what_only_moved_are_moved_back(healthy):
    result = answer(healthy, families=("shift", "impulse-noise"), images=60, maps=10, every=4)
    maps = result.tables["maps"].set_index(["family", "severity"])["rank_correlation"]
    assert result.notes["method"] == "grad-cam"
    assert maps["Shift", 1] > 0.8  # its map moves with the object
    assert maps["Shift", 1] > result.notes["chance"] + 0.3


def test_the_figure_names_families_classes_and_the_flipped_images(healthy, words):
    from dataclasses import replace

    result = answer(healthy, families=("shift", "blur"), images=40, maps=4, every=2)
    said = words(Robustness().draw(replace(result, params=RobustnessParams().model_dump())))
    assert said.count("upright") >= 1 and "Shift" in said and "Blur" in said
    for shown in result.notes["shown"]:
        assert f"row {shown['row']}" in said


@pytest.mark.parametrize("broken", [False, True])
def test_workers_that_are_lent_find_what_one_process_finds(healthy, monkeypatch, tmp_path, broken):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(trial, "BATCH", 32)
    rows, asked = np.arange(119, 10, -1), (("rotate", "shot-noise"), (1, 3), 0)
    alone = trial.run_trial(healthy, rows, *asked)
    monkeypatch.setattr(trial, "session_of", lambda opener: healthy)
    of, given = trial.Trials.of, []

    def count(self, rows, before=0):
        given.append(rows.tolist())
        if broken and 50 in rows:
            raise WorkbenchError("its file is cut off")
        return of(self, rows, before)

    monkeypatch.setattr(trial.Trials, "of", count)
    with Here() as crew, lending(Lent(healthy, lambda **_: healthy, crew)):
        if broken:
            with pytest.raises(WorkbenchError, match=r"image 69 of 109 cannot be computed: its file is cut off"):
                trial.run_trial(healthy, rows, *asked)
            return
        found = trial.run_trial(healthy, rows, *asked)
    assert given == [rows[at : at + 32].tolist() for at in range(0, 109, 32)]
    for name in ("rows", "predicted", "reference"):
        assert np.array_equal(getattr(found, name), getattr(alone, name)), name
    assert np.array_equal(found.before.logits, alone.before.logits)
    assert lent_to(healthy) is None
    assert not list((tmp_path / "shards").glob("[!.]*")), "its shards are in their place"
