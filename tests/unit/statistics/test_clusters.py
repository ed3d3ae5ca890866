import numpy as np
import pytest

from workbench.statistics.clusters import LEAST, find_clusters, medoids


def test_two_directions_are_two_groups_the_larger_one_first():
    chance = np.random.default_rng(0)
    length = chance.uniform(0.1, 10, 30)[:, None]  # only directions count
    vectors = length * (np.eye(6)[[0] * 10 + [3] * 20] + 0.1 * chance.normal(size=(30, 6)))
    found = find_clusters(vectors)
    assert found.labels.tolist() == [1] * 10 + [0] * 20
    assert found.reached == 0
    assert found.silhouette > 0.7


def test_a_cloud_without_groups_is_rarely_split():
    """By chance once in twenty times; of ten clouds four or more are split once in a thousand times."""
    chance = np.random.default_rng(1)
    clouds = [3 * np.eye(8)[0] + chance.normal(size=(30, 8)) for _ in range(10)]
    assert sum(find_clusters(cloud).count > 1 for cloud in clouds) <= 3


@pytest.mark.parametrize("vectors", [np.ones((LEAST - 1, 4)), np.ones((20, 4)), np.zeros((20, 4))])
def test_few_or_equal_vectors_are_one_group(vectors):
    assert find_clusters(vectors).count == 1


def test_medoids_are_nearest_to_the_centre_of_their_group():
    vectors = np.array([[1, 0], [1, 0.3], [1, -1], [0, 1]])
    assert medoids(vectors, np.array([0, 0, 0, 1]), 0, 2).tolist() == [0, 1]
    assert medoids(vectors, np.array([0, 0, 0, 1]), 1, 6).tolist() == [3]
