"""Above a number of vectors an index finds neighbours and close pairs: nearly all that are found among all of them."""

import numpy as np
import pytest

from workbench.statistics import near_index
from workbench.statistics.nearest import close_pairs, nearest

pytest.importorskip("faiss", reason="faiss is not installed: pip install -e '.[large]'")


def made(count, dimensions, seed=0, kind=np.float32):
    """Vectors in clusters, with copies among them."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(0, 4, (40, dimensions))
    vectors = centres[chance.integers(0, 40, count)] + chance.normal(0, 1, (count, dimensions))
    copies = chance.choice(count, 2 * (count // 40), replace=False)
    vectors[copies[::2]] = vectors[copies[1::2]] + chance.normal(0, 1e-3, (len(copies[::2]), dimensions))
    if kind == np.uint8:
        return np.clip(128 + 12 * vectors, 0, 255).astype(np.uint8)
    return vectors.astype(kind)


@pytest.fixture
def indexed(monkeypatch):
    def at(count):
        monkeypatch.setattr(near_index, "MOST_EXACT", count)

    return at


@pytest.mark.parametrize(
    ("dimensions", "kind"), [(8, np.float32), (60, np.float64), (300, np.uint8), (300, np.float32)]
)
def test_neighbours_are_found_and_their_distances_exact(indexed, dimensions, kind):
    base = made(6000, dimensions, kind=kind)
    own = np.arange(2000)
    true, true_rows = nearest(base[:2000], base, 5, own=own)
    indexed(1000)
    found, rows = nearest(base[:2000], base, 5, own=own)
    assert found.shape == (2000, 5)
    assert (np.diff(found, axis=1) >= 0).all()
    assert (rows != own[:, None]).all()
    recall = (found <= true[:, -1:] * (1 + 1e-6)).mean()
    assert recall >= near_index.RECALL - 0.02  # of the sample it is at least that
    same = rows == true_rows
    assert found[same] == pytest.approx(true[same], rel=1e-6)
    spread = base.astype(np.float64)
    assert found[:50, 2] == pytest.approx(np.linalg.norm(spread[:50] - spread[rows[:50, 2]], axis=1), rel=1e-5)


def test_few_queries_of_many_and_many_of_few_are_compared_with_all(indexed, monkeypatch):
    base = made(3000, 8)

    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(near_index.NearIndex, "__init__", never)
    indexed(5000)
    nearest(base, base, 3)
    indexed(2900)
    nearest(base[:20], base, 3)


def test_close_pairs_are_found(indexed):
    vectors = made(5000, 80)
    pairs, distances = close_pairs(vectors, 0.05)
    assert len(pairs) > 100
    indexed(1000)
    found, apart = close_pairs(vectors, 0.05)
    there = {tuple(each) for each in found.tolist()}
    assert np.mean([tuple(each) in there for each in pairs.tolist()]) >= near_index.RECALL - 0.02
    assert there <= {tuple(each) for each in pairs.tolist()}
    assert (np.diff(apart) >= 0).all()
    assert apart.max() <= 0.05
    assert len(distances) >= len(apart)


def test_close_pairs_are_found_where_no_axis_tells_them(indexed, monkeypatch):
    from workbench.statistics import nearest as module

    random = np.random.default_rng(5)
    looks = random.integers(60, 190, (2, 256))[np.arange(800) % 2]  # of one look, noise alone tells images apart
    images = (looks + random.normal(0, 20, looks.shape)).clip(0, 255).astype(np.uint8)
    images[7:800:20] = images[3:800:20] ^ 1
    pairs, distances = close_pairs(images, 460.0, most=500)
    assert len(pairs) == 500
    widths, lists = [], module._Lists
    monkeypatch.setattr(module, "_Lists", lambda rows: (widths.append(rows.shape[1]), lists(rows))[1])
    indexed(500)
    found, apart = close_pairs(images, 460.0, most=500)
    assert widths == [256]
    assert np.array_equal(found[:40], pairs[:40])  # the copies
    there = {tuple(each) for each in found.tolist()}
    assert np.mean([tuple(each) in there for each in pairs.tolist()]) >= near_index.RECALL - 0.02
    assert apart[-1] <= distances[-1] * 1.01
    close_pairs(made(5000, 80), 0.05)
    assert widths == [256, module.AXES + 1]


def test_without_the_library_all_are_compared_and_it_is_said(indexed, monkeypatch, caplog):
    indexed(100)
    monkeypatch.setattr(near_index, "find_spec", lambda name: None)
    base = made(300, 4)
    assert nearest(base, base, 1)[0].max() == 0
    assert "pip install 'classifier-workbench[large]'" in caplog.text


def test_very_many_are_compared_block_by_block(monkeypatch):
    from workbench.statistics import nearest as module

    base = made(1003, 20)
    true = nearest(base[:40], base, 7)
    monkeypatch.setattr(module, "BLOCK_VALUES", 20 * 100)
    found = nearest(base[:40], base, 7)
    assert np.array_equal(found[1], true[1])
    assert np.array_equal(found[0], true[0])
