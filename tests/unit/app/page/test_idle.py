import gc
import threading
import time
import weakref

import numpy as np

from tests.patience import PATIENCE
from workbench.app.page import idle
from workbench.app.page.lane import Lane


class Circle:
    def __init__(self):
        self.itself, self.images = self, np.zeros(8)


def test_after_the_last_work_what_nobody_refers_to_is_collected_once(monkeypatch):
    collected = threading.Event()
    count = [0]

    def tidy():
        count[0] += 1
        give_back()
        collected.set()

    give_back = idle.give_back
    monkeypatch.setattr(idle, "give_back", tidy)
    gc.disable()
    try:
        for pause in (0.2, 1.0, 5.0):  # on a busy machine more may pass between two pieces of work
            monkeypatch.setattr(idle, "PAUSE", pause)
            collected.clear()
            count[0] = 0
            seen = weakref.ref(Circle())
            lane = Lane("tested", 2)
            for _ in range(5):
                lane.submit("", lambda: None)
            assert collected.wait(PATIENCE)
            time.sleep(pause)
            assert seen() is None
            lane.close()
            if count == [1]:
                break
        assert count == [1]
    finally:
        gc.enable()
