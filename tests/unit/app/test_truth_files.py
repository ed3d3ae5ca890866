"""What the benchmarks found, as files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workbench.app.truth_files import claims_table, write_truth
from workbench.core.errors import Unavailable
from workbench.diagnosis.benchmark import Asked, Claim, Measured

CLAIMS = (Claim(said="it is so", right=9, of=10, wanted=0.8), Claim(said="it may be", right=1, of=4))
FOUND = Measured(
    tables={"Shares of <methods>": pd.DataFrame({"method": ["a|b", "c"], "share": [0.5, np.nan]})},
    claims=CLAIMS,
    notes=("Quoted from *nobody*.",),
    records={"kept.json": {"ranges": [{"low": 0.5}]}},
)


def test_a_claim_stands_with_its_interval():
    table = claims_table(CLAIMS)
    assert table["true"].tolist() == [0.9, 0.25]
    assert table["low"][0] == pytest.approx(0.5958, abs=1e-3) and table["high"][0] == pytest.approx(0.9821, abs=1e-3)
    assert table["wanted"].isna().tolist() == [False, True]


def test_tables_figure_and_records_are_written(tmp_path):
    write_truth(tmp_path / "new", {"Maps": FOUND, "Labels": Measured(tables={})}, Asked(seed=7))
    text = (tmp_path / "new" / "truth.md").read_text()
    assert "## Maps" in text and "## Labels" in text
    assert "### Shares of &lt;methods&gt;" in text and r"a\|b" in text and r"Quoted from \*nobody\*." in text
    assert pd.read_csv(tmp_path / "new" / "shares-of-methods.csv")["share"][0] == 0.5
    kept = json.loads((tmp_path / "new" / "kept.json").read_text())
    assert (kept["seed"], kept["ranges"]) == (7, [{"low": 0.5}])
    with Image.open(tmp_path / "new" / "believed.png") as figure:
        assert figure.width > 600 and np.asarray(figure.convert("L")).std() > 10


def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        write_truth(tmp_path / "file", {"Maps": FOUND}, Asked())
