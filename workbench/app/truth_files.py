"""What the benchmarks found, as files: tables, and the figure of what is believed and how often it is right."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.app.drawn_figure import drawn
from workbench.app.markdown import markdown, markdown_table
from workbench.core.errors import Unavailable
from workbench.core.files import write_file
from workbench.core.provenance import versions
from workbench.core.spreadsheet import as_csv
from workbench.diagnosis.believed_figure import QUESTION, draw_claims

if TYPE_CHECKING:
    import pandas as pd

    from workbench.diagnosis.benchmark import Asked, Claim, Measured

FIGURE = "believed.png"


def claims_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return one row a claim."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "said": each.said,
                "true": each.share.value,
                "low": each.share.low,
                "high": each.share.high,
                "right": each.right,
                "of": each.of,
                "wanted": each.wanted,
            }
            for each in claims
        ]
    )


def write_truth(out: Path, found: Mapping[str, Measured], asked: Asked) -> None:
    """Write `truth.md`, a `.csv` for each table, the figure, and what the benchmarks keep for others.

    Args:
        out: folder to write to; made if it is not there.
        found: by the titles of the benchmarks.
        asked: how they were run.

    Raises:
        Unavailable: if the folder takes no file.
    """
    params = {"quick": asked.quick, "seed": asked.seed, "draws": asked.draws}
    figure = draw_claims({title: each.claims for title, each in found.items()}, {}, params)
    lines = [f"# {QUESTION}", "", f"![{QUESTION}]({FIGURE})", ""]
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / FIGURE, drawn(figure).png)
        for title, each in found.items():
            lines += [f"## {markdown(title)}", ""]
            if each.claims:
                lines += [markdown_table(claims_table(each.claims)), ""]
            for name, table in each.tables.items():
                write_file(out / f"{_slug(name)}.csv", as_csv(table))
                lines += [f"### {markdown(name)}", "", markdown_table(table), ""]
            lines += [*(f"{markdown(note)}\n" for note in each.notes)]
            for name, record in each.records.items():
                text = json.dumps({**params, "versions": versions(), **dict(record)}, indent=1, allow_nan=False)
                write_file(out / name, f"{text}\n")
        write_file(out / "truth.md", "\n".join(lines))
    except OSError as error:
        raise Unavailable(f"{out} cannot be written: {error.strerror or error}.") from None


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")
