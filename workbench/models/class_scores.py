"""K outputs as the scores of K classes: what they are, and how that was told.

A model whose layers do not show it may give logits, probabilities (also percentages), one sigmoid a class, or neither.
Its last operations tell where they can be seen; where they cannot, its values on many images are looked at, and what
is assumed then is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.models.graph import Head, Step
from workbench.models.one_unit import AVERAGING, LINEAR, PASSING, SIGMOIDS, Operation, told_by

Kind = Literal["score", "probability", "sigmoids"]
CLIPPING = frozenset(("clipbyvalue", "clip", "maximum", "minimum"))
SCALING = frozenset(("mul", "realdiv", "div", "divnonan"))
"""Operations that, with a constant, leave probabilities what a division by their sum makes probabilities again."""
JOINING = frozenset(("add", "addv2", "addn", "sum", "pack", "stack", "concat", "concatv2", "concatenation"))
CONSTANTS = frozenset(("const", "constant", "readvariableop", "varhandleop", "placeholder"))
PRECISION = {"float16": 2**-10, "bfloat16": 2**-7}


@dataclass(frozen=True)
class ClassScores:
    """How K outputs are read.

    Attributes:
        kind: "score" for what a softmax makes probabilities of, "probability" up to a constant factor, or "sigmoids".
        note: a sentence.
        assumed: a sentence that belongs beside every number; empty where nothing is assumed.
    """

    kind: Kind
    note: str
    assumed: str = ""


LOGARITHM = "The output is a probability without a separate softmax layer: scores are its logarithm."
SIGMOID = (
    "The model ends in one sigmoid a class: scores are log(p / (1 - p)) of its outputs p. Probabilities are the "
    "softmax of these scores, not the sigmoids."
)
PLAIN = "The model ends without a softmax: its outputs are the scores."


def ending_of(operation: Operation | None, depth: int = 48) -> str:
    """Name the function behind operations that keep what it gives.

    Returns:
        "softmax", "logsoftmax", "sigmoid" or "linear"; empty where the graph shows none of them.
    """
    if operation is None or depth == 0:
        return ""
    kind = operation.kind
    if kind in _ENDINGS:
        return _ENDINGS[kind]
    inputs = list(operation.inputs())
    before = [each for each in inputs if not _constant(each)]
    if kind in PASSING or kind in AVERAGING or kind == "biasadd":
        return ending_of(before[0] if before else None, depth - 1)
    found = {ending_of(each, depth // 2) for each in before[:32]} if kind in _KEEPING else set()
    if len(found) != 1 or (kind in (*CLIPPING, *SCALING) and len(before) > 1):
        return ""
    (ending,) = found
    shifted = kind in ("neg", "sub") or (kind in ("add", "addv2", "addn") and len(before) < len(inputs))
    kept = ending != "linear" if kind in CLIPPING else ending == "linear" or not shifted
    return ending if kept else ""


_ENDINGS = {
    "softmax": "softmax",
    "logsoftmax": "logsoftmax",
    "hardsigmoid": "sigmoid",
    **dict.fromkeys(SIGMOIDS, "sigmoid"),
    **dict.fromkeys(LINEAR, "linear"),
}
_KEEPING = CLIPPING | SCALING | JOINING | {"neg", "sub"}


def _constant(operation: Operation, depth: int = 8) -> bool:
    if operation.kind in CONSTANTS:
        return True
    before = list(operation.inputs()) if depth else []
    return bool(before) and operation.kind in PASSING and all(_constant(each, depth - 1) for each in before)


def read_ending(operation: Operation | None, values: Array, name: str) -> ClassScores | None:
    """Tell by the operation that ends a model what its outputs are; None where that does not show it.

    Args:
        operation: that one.
        values: `(n, K)` outputs of a few images: what contradicts the operation is not believed.
        name: of the last layer, for a sentence.
    """
    ending, low, high = ending_of(operation), float(values.min()), float(values.max())
    if ending == "softmax" and low >= 0:
        sums = values.sum(axis=1)
        if sums.min() > 0.9 and sums.max() < 1.1:
            return ClassScores("probability", LOGARITHM)
        ends = "…".join(dict.fromkeys(f"{each:.3g}" for each in (sums.min(), sums.max())))
        said = f"The outputs of {name!r} come from a softmax, and add up to {ends}: they are divided by that."
        return ClassScores("probability", f"{LOGARITHM} {said}", said)
    if ending == "sigmoid" and low >= 0 and high <= 1:
        return ClassScores("sigmoids", SIGMOID)
    if ending == "logsoftmax":
        return ClassScores("score", "The output is the logarithm of a probability: its outputs are the scores.")
    linear = (ending == "linear" or told_by(operation) == "logit") and _sum(values) is None
    return ClassScores("score", PLAIN) if linear else None


def judge_class_scores(values: Array, name: str, *, step: float = 0.0, dtype: str = "float32") -> ClassScores:
    """Tell by `(n, K)` outputs of images what they are, where the model does not show it, and say so.

    Probabilities are at least 0 and add up to the same for each image, be it 1, 100 or 255.

    Args:
        values: outputs, as they are.
        name: of the last layer.
        step: between the values that a quantized output can have.
        dtype: of the outputs.
    """
    values, classes = np.asarray(values, np.float64), values.shape[1]
    total = _sum(values, step, dtype)
    unseen = (
        f"What the {classes} outputs of {name!r} are cannot be seen in the model: of "
        f"{plural(len(values), 'image')} they"
    )
    if total is not None:
        said = f"{unseen} are at least 0 and add up to {total:.4g}, so they are taken as probabilities"
        said += "" if total == 1 else f", divided by {total:.4g}"
        if np.isin(values, (0, total)).all():
            said += "; they are all 0 or that, a decision without a confidence, so the loss means nothing"
        return ClassScores("probability", f"{LOGARITHM} {said}.", f"{said}.")
    if values.max() <= 0 and bool(np.abs(np.exp(values).sum(axis=1) - 1).max() <= 1e-3 + classes * step):
        said = f"{unseen} have exponentials that add up to 1, so they are taken as logarithms of probabilities."
        return ClassScores("score", said, said)
    said = (
        f"{unseen} lie in {values.min():.3g}…{values.max():.3g}, and are taken as scores. The largest wins; "
        "confidences and loss are those of their softmax, which may not be what was meant."
    )
    return ClassScores("score", f"The last layer, {name!r}, is not linear: scores are its outputs.", said)


def _sum(values: Array, step: float = 0.0, dtype: str = "float32") -> float | None:
    """What probabilities, in `(n, K)` outputs, add up to for every image; None if they are none."""
    sums = values.astype(np.float64).sum(axis=1)
    mean = float(sums.mean())
    near = max(1e-3, PRECISION.get(dtype, 0.0)) * abs(mean) + values.shape[1] * step  # each is rounded by half a step
    if values.min() < 0 or mean <= 2 * near or np.abs(sums - mean).max() > near:
        return None
    usual = next((float(each) for each in (1, 100, 255) if abs(mean - each) <= near), None)
    # The same row for every image adds up to the same, whatever it is.
    return usual or (mean if np.ptp(values, axis=0).max() > near else None)


def of_regression(loss: str) -> str:
    """Say what confidences are worth of K linear outputs that were trained with a loss of a regression."""
    return (
        f"The model was trained with {loss}: its outputs are no logits. The largest wins; confidences and loss are of "
        "their softmax."
    )


def refuse_class_index(model: Any, steps: Sequence[Step], head: Head, ending: Operation | None) -> None:
    """Refuse a model whose only output is the number of a class.

    Raises:
        WorkbenchError: if that output is a whole number, or comes from an argmax.
    """
    while ending is not None and ending.kind in PASSING:
        ending = next(ending.inputs(), None)
    numbered = head.logits.dtype.is_integer or (ending is not None and ending.kind in ("argmax", "argmin"))
    if not head.one_unit or not numbered:
        return
    before = next((each.received for each in steps if type(each.layer).__name__ in ("Argmax", "Argmin")), None)
    giver = next((each.name for each in steps if each.output is before), "")
    known = {layer.name for layer in getattr(model, "layers", ())}
    made = [type(each).__name__ for each in getattr(model, "operations", ())]
    place = next((n for n, kind in enumerate(made) if kind in ("Argmax", "Argmin")), None)
    way = f"get_layer({giver!r}).output" if giver in known else f"operations[{place}].input"
    cut = "export the model" if getattr(model, "inference_only", "") else "give a model"
    cut = f"{cut} without it" if place is None and giver not in known else f"`keras.Model(model.input, model.{way})`"
    raise WorkbenchError(
        f"The only output of the model, {model.name!r}, is the number of a class (from an argmax), and no score. The "
        f"scores of all classes are needed: {cut}."
    )
