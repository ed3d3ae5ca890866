from dataclasses import replace

import keras
import numpy as np
import pytest

from analyses.layer_story import LayerStory, LayerStoryParams
from workbench.core.dataset import Dataset
from workbench.session.session import Session


def spots(count, seed):
    """A bright spot in one of three places, in much noise: class 0, 1, 2."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, 160, (count, 12, 12, 1))
    labels = np.arange(count) % 3
    for image, label in zip(images, labels, strict=True):
        image[2:6, 4 * label : 4 * label + 3] += 60
    return images.astype(np.uint8), labels.astype(np.int64)


def data(images, labels, part):
    return Dataset(
        images,
        labels,
        class_names=("left", "$middle$", "right"),
        indices=np.arange(len(labels)) + 7,
        name=f"made/{part}",
    )


def trained(labels, epochs, images):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(),
            layers.Dense(48, activation="relu", name="dense1"),
            layers.Dense(48, activation="relu", name="dense2"),
            layers.Dense(3, name="output"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images / 255, labels, epochs=epochs, batch_size=32, verbose=0)
    return model


@pytest.fixture(scope="module")
def made():
    images, labels = spots(360, 0)
    return images, labels, trained(labels, 8, images)


@pytest.fixture(scope="module")
def session(made):
    images, labels, model = made
    return Session(model, data(*spots(150, 1), "test"), train=data(images, labels, "train"), cache=False)


@pytest.fixture(scope="module")
def result(session):
    return LayerStory().compute(session, LayerStoryParams())


def test_places_are_the_pixels_the_layers_and_the_output(result, session):
    layers = result.tables["layers"]
    assert layers["layer"].tolist() == ["pixels", "conv", "pool", "dense1", "dense2", "output"]
    assert layers["place"].tolist() == list(range(6))
    assert layers["right"].iloc[-1] == session.predictions.correct.sum()
    assert layers["agrees_with_network"].iloc[-1] == 1
    assert layers["turn_here"].sum() == 150


def test_the_depth_of_each_image_follows_from_what_its_probes_say(result):
    for _, row in result.tables["images"].iterrows():
        said = [row[f"after {name}"] for name in ("pixels", "conv", "pool", "dense1", "dense2")]
        depth = row["depth"]
        assert all(each == row["predicted"] for each in said[depth:])
        assert depth == 0 or said[depth - 1] != row["predicted"]
        assert row["index"] == row["row"] + 7
    assert result.tables["images"]["depth"].is_monotonic_decreasing
    depths = result.tables["depths"]
    assert depths["images"].sum() == len(result.tables["images"])


def test_a_network_that_learned_random_labels_turns_later(made):
    (images, labels), sound = (each[:180] for each in made[:2]), made[2]
    wrong = np.random.default_rng(5).permutation(labels)
    memorised = trained(wrong, 60, images)
    depth = []
    for model, known in ((sound, labels), (memorised, wrong)):
        own = data(images, known, "train")
        found = LayerStory().compute(Session(model, own, train=own, cache=False), LayerStoryParams(errors=0))
        assert found.tables["layers"]["accuracy"].iloc[-1] > 0.8  # both have learned what they were told
        depth.append(found.tables["images"]["depth"].mean())
    assert depth[1] > depth[0] + 1


def test_errors_are_compared_with_right_ones_and_named(result):
    finding = result.findings[0]
    table = result.tables["images"]
    gap = table[~table["correct"]]["depth"].mean() - table[table["correct"]]["depth"].mean()
    assert finding.effect.value == pytest.approx(gap)
    assert set(finding.evidence) == set(table[~table["correct"]]["row"])
    assert all(finding.kind is None for finding in result.findings)


def test_without_training_images_half_of_the_studied_ones_teach(session):
    alone = Session(session.model, session.dataset, cache=False)
    found = LayerStory().compute(alone, LayerStoryParams())
    assert found.notes["own"] and found.notes["learned"] == 75
    assert len(found.tables["images"]) == 75
    assert "other evaluated images" in LayerStory().draw(
        replace(found, params=LayerStoryParams().model_dump())
    ).get_supxlabel().replace("\n", " ")


def test_the_figure_tells_stories_with_rows_and_layers(result, words):
    said = words(LayerStory().draw(replace(result, params=LayerStoryParams().model_dump())))
    assert said.count("dense2") >= 2 and r"\$middle\$" in said
    for row in result.arrays["rows"]:
        assert f"row {row}" in said
