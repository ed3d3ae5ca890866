"""The registry as a web page; the only place that knows gradio.

Gradio reads its settings when it is imported, so they are made here, before any module of this package can
import it: nothing is reported to anyone, and nothing is asked for outside this machine.
"""

from __future__ import annotations

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
