"""Made images with keys, names, part and labels."""

import hashlib

import numpy as np

from workbench.workspace.identities import Identities

CLASSES = ("Coat", "Dress", "Shirt")


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def images(*numbers, part="train", labels=None, names=None, classes=CLASSES):
    """Image 7 is called "a/7.png" and is of class 7 modulo 3."""
    return Identities(
        keys=np.array([key(each) for each in numbers]),
        names=np.array(names or [f"a/{each}.png" for each in numbers]),
        part=part,
        labels=np.array(labels or [CLASSES[each % 3] for each in numbers]),
        class_names=classes,
    )
