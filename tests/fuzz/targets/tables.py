"""A table of files and labels, and a table of predictions: .csv files."""

import atexit
import tempfile
from pathlib import Path

import numpy as np

from workbench.data.folder.label_file import lay_out_labels
from workbench.data.saved_predictions.files import read_predictions

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
FILES = ("a.png", "b.png", "c/d.png")


def seeds() -> list[bytes]:
    for name in FILES:
        path = Path(FOLDER.name) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return [
        b"\0file,label\na.png,cat\nb.png,dog\nc/d.png,cat\n",
        b"\0path;class;split\na.png;0;train\nb.png;1;test\nd;1;test\n",
        b"\0filename,cat,dog\na.png,1,0\nb.png,0,1\nc/d.png,0,1\n",
        b"\1label,p_cat,p_dog\ncat,0.9,0.1\ndog,0.2,0.8\n",
        b"\1name,label,logit_0,logit_1,logit_2\na.png,0,1.5,-2,0\nb.png,2,0,0,1e3\n",
        b"\1y_true,y_pred,score\n1,1,0.9\n0,1,0.6\n",
    ]


def attack(data: bytes) -> None:
    kind, rest = data[:1].ljust(1, b"\0")[0] % 2, data[1:]
    path = Path(FOLDER.name) / "table.csv"
    path.write_bytes(rest)
    if kind:
        saved = read_predictions(path)
        assert not np.isnan(saved.logits).any()
    else:
        layout = lay_out_labels(path)
        assert len(layout.files) == len(layout.classes) and max(layout.classes) < len(layout.class_names)
