"""Half of a class is recognised by a noisy corner: its maps gather there, where no object is."""

import keras
import numpy as np

from analyses.reliance.evidence_places import map_groups
from workbench.core.dataset import Dataset
from workbench.session.session import Session


def made():
    chance = np.random.default_rng(0)
    labels = (np.arange(400) % 4 == 1).astype(np.int64)
    images = np.zeros((400, 14, 14, 1), np.uint8)
    for image in images:
        image[4:10, 4:10, 0] = chance.integers(60, 200, (6, 6))
    rows = np.flatnonzero((labels == 1) & (chance.random(400) < 0.5))
    images[rows, 12:, 12:, 0] = chance.integers(150, 190, (len(rows), 2, 2))
    return images, labels, rows


def test_the_group_with_the_corner_is_elsewhere_and_its_mark_is_found():
    images, labels, rows = made()
    network = keras.Sequential([keras.Input((14, 14, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    slope = np.zeros((14, 14))
    slope[4:10, 4:10], slope[12:, 12:] = 0.1, 8
    network.set_weights([np.stack([-slope, slope], axis=-1).reshape(-1, 2) / 2, np.zeros(2)])
    session = Session(
        network,
        Dataset(images, labels, class_names=("ant", "bee"), indices=np.arange(400), name="made/test"),
        cache=False,
    )
    table, marks = map_groups(session, images, labels, each=60, method="input-x-gradient", options={})
    bees = table[table["class"] == "bee"].set_index("place")
    corner = bees.loc["bottom right"]
    assert corner["images"] == np.isin(np.flatnonzero(labels == 1)[:60], rows).sum()
    assert (corner["half_in_cells"], corner["elsewhere"], corner["a_mark"]) == (1, True, True)
    assert not bees.loc["middle", "elsewhere"] and not table[table["class"] == "ant"]["elsewhere"].any()
    (mark,) = marks
    assert mark.label == 1 and np.argwhere(mark.pixels).tolist() == [[12, 12], [12, 13], [13, 12], [13, 13]]
    assert np.flatnonzero(mark.carried_by(images)).tolist() == rows.tolist()
    assert map_groups(session, images, labels, each=8, method="input-x-gradient", options={})[1] == []  # too few
