"""What is shown of an advice: the methods that still fit, and the sentence that says where they are from."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from workbench.core.errors import WorkbenchError
from workbench.core.params import describe, make
from workbench.core.provenance import versions
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.diagnosis.advice.record import Advice
    from workbench.models.probe import Probe

LOG = logging.getLogger("workbench.diagnosis.advice")
OWN = "classifier-workbench"
"""What the workbench's own version is called among those of an advice."""


def fitting(advice: Advice, probe: Probe | None = None) -> dict[str, dict[str, Any]]:
    """Return the advised methods that there are, the best first, with their parameters.

    One whose parameters it does not take any more, or that does not apply, is left out; a warning says so.

    Args:
        advice: from a file that another version, or somebody else, may have written.
        probe: the model; whether methods apply to it, and whether it has their layers, is not asked without one.
    """
    from workbench.attribution.methods import explainer

    found: dict[str, dict[str, Any]] = {}
    for each in advice.advised:
        try:
            kind = explainer(each.name)
            make(kind, each.settings)
            reason = None if probe is None else kind.missing(probe)
            for parameter in describe(kind) if probe is not None and reason is None else ():
                layer = each.settings.get(parameter.name) if parameter.choose_from == "layers" else None
                if layer is not None and probe is not None and layer not in probe.spatial_layers:
                    reason = f"The model has no layer {layer!r}."
        except WorkbenchError as error:
            reason = str(error)
        if reason is None:
            found[each.name] = dict(each.settings)
        else:
            LOG.warning("%s was advised on %s, and is left out: %s", each.title, advice.created[:10], reason)
    return found


def origin(advice: Advice, data: str, names: Collection[str]) -> str:
    """Say of maps that were advised where they are from, and on which images they were measured.

    Args:
        advice: which names them.
        data: fingerprint of the images beside which it is said.
        names: of the methods that are shown.
    """
    whys = " ".join(
        f"{each.title}: better than random maps by {each.control.share} of the measures."
        for each in advice.advised
        if each.name in names
    )
    said = (
        f"what `workbench advise` named for this model on {advice.created[:10]}, measured on maps of the predicted "
        f"class of {plural(advice.images, 'image')} of {advice.dataset} that had no part in the choice."
    )
    if any(each.tuning.kept for each in advice.advised if each.name in names):
        said = f"{said} That tuned parameters are kept was decided on them."
    if data != advice.data:
        said = f"{said} It was measured on other images ({advice.dataset}) than these."
    if advice.versions.get(OWN) != versions().get(OWN):
        said = f"{said} It was made by another version of the workbench, {advice.versions.get(OWN, 'not known')}."
    return f"{said} {whys}".rstrip()
