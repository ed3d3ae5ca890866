from workbench.core import memory
from workbench.core.memory import free_memory


def test_the_smaller_of_what_the_machine_and_the_container_have(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "KERNEL", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal:  9000 kB\nMemAvailable:   5000 kB\n")
    assert free_memory() == 5000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("900000\n")
    assert free_memory() == 5000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    assert free_memory() == 100_000
    (tmp_path / "meminfo").write_text("nothing\n")
    (tmp_path / "memory.max").unlink()
    assert free_memory() > 2**20  # of the whole machine, where only that is known


def test_here_there_is_some():
    assert 2**20 < free_memory() < 2**50
