"""`workbench truth --quick`: no claim is contradicted by the few worlds that it draws."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from workbench.app.cli import main
from workbench.diagnosis.truth import benchmarks


@pytest.mark.parametrize("name", benchmarks())
def test_what_is_said_is_as_often_true_as_it_should_be(name, tmp_path):
    done = CliRunner().invoke(main, ["truth", "--quick", "--only", name, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(done.stdout).values()
    assert measured["tables"] and all(measured["tables"].values())
    claims = [claim for claim in measured["claims"] if claim["wanted"] is not None]
    assert claims
    assert [claim for claim in claims if claim["high"] < claim["wanted"]] == []
    assert {"truth.md", "believed.png"} < {each.name for each in tmp_path.iterdir()}
