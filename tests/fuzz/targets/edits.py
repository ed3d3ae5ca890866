"""A list of edits, or a note of a changed image: what can be read can be done to any image, and read again."""

import numpy as np

from workbench.data.edits import as_json, edited, read_edits
from workbench.workspace.edit_note import EditNote

KEY = "0123456789abcdef" * 2
GREY, COLOUR = np.arange(35, dtype=np.uint8).reshape(5, 7, 1), np.arange(72, dtype=np.uint8).reshape(6, 4, 3)


def seeds() -> list[bytes]:
    return [
        b'[{"op":"erase","stroke":[[1,1],[4,2]],"width":3},{"op":"rotate","degrees":12.5}]',
        b'[{"op":"paint","box":[0,0,3,2],"value":200},{"op":"move","right":-2,"down":1}]',
        b'[{"op":"blur","box":[1,1,9,9],"sigma":1.5},{"op":"hide","stroke":[[2,2]]},{"op":"light","contrast":2}]',
        b'[{"op":"swap","box":[1,1,2,2],"source":"0123456789abcdef0123456789abcdef"},{"op":"light","brightness":-0.5}]',
        b'{"note":"the strap","size":[5,7],"edits":[{"op":"erase","box":[1,2,3,4]}]}',
    ]


def attack(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if text.lstrip()[:1] == "{":
        note = EditNote.read(text)
        assert EditNote.read(note.text()).slot == note.slot
        edits = note.edits
    else:
        edits = read_edits(text)
        assert as_json(read_edits(as_json(edits))) == as_json(edits)
    for image in (GREY, COLOUR):
        made = edited(image, edits, {KEY: image[::-1]})
        assert made.shape == image.shape and made.dtype == np.uint8
