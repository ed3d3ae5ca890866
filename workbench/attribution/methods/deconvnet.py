"""DeconvNet."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.attribution.methods.guided_backprop import GuidedBackprop


class DeconvNet(GuidedBackprop):
    """The class projected back onto the pixels: a gradient whose ReLUs act in the backward pass instead.

    Which units were active in the forward pass plays no role but for pooling. Channels are summed.
    Source: Zeiler and Fergus 2013, arXiv:1311.2901, section 2.1; as a gradient: arXiv:1412.6806, figure 1.
    """

    title: ClassVar[str] = "DeconvNet"
    paper: ClassVar[str] = "arXiv:1311.2901, sec. 2.1"
    use: ClassVar[str] = (
        "Good for the patterns that filters detect; not for evidence: without pooling it ignores the image."
    )

    rule: ClassVar[Literal["guided", "deconvolved"]] = "deconvolved"
