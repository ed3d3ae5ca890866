"""CIFAR-100: 32 x 32 colour images of a hundred kinds of things.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

from pathlib import Path

from workbench.core.dataset import Dataset
from workbench.core.progress import Progress, silent
from workbench.data.sources.keras_archive import Archive, built_in, read_archive, read_batches

NAME = "cifar100"
NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
CLASS_NAMES = tuple(name.replace("_", " ") for name in NAMES.split())
ARCHIVE = Archive(
    title="CIFAR-100",
    file="cifar-100-python.tar.gz",
    address="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    checksum="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    kept_as=("cifar-100-python-target_archive",),
)


def load(split: str, data_dir: str | Path | None = None, progress: Progress = silent) -> Dataset:
    """Load "train" (50,000) or "test" (10,000), with the hundred fine labels.

    Raises:
        Unavailable: if it is nowhere and cannot be fetched.
    """
    images, labels = read_batches(read_archive(ARCHIVE, data_dir, progress), (split,), "fine_labels")
    return built_in(images, labels, CLASS_NAMES, f"{NAME}/{split}", ARCHIVE)
