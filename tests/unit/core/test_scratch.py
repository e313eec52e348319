"""Folders end with their task; those of a killed one end with the next."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import toolbox
from toolbox.lib.core import scratch as module
from toolbox.lib.core.scratch import scratch, sweep

HOLD = """
import sys, time
from pathlib import Path
from toolbox.lib.core.scratch import scratch
with scratch(Path(sys.argv[1]), "work") as folder:
    (folder / "secret").write_text("key")
    print(folder, flush=True)
    time.sleep(300)
"""


def _task(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a task that works in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, parent],
        env={"PYTHONPATH": str(Path(toolbox.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_folder(tmp_path: Path) -> None:
    """It is private, and gone after the block, also after an error in it."""

    def work() -> None:
        with scratch(tmp_path / "new", "work") as folder:
            (folder / "file").touch()
            assert folder.stat().st_mode & 0o777 == 0o700
            raise ValueError("within")  # noqa: EM101 - the shortest error

    with pytest.raises(ValueError, match="within"):
        work()
    assert list((tmp_path / "new").iterdir()) == []


def test_killed_task(tmp_path: Path) -> None:
    """What a killed task has left goes with the next; what a living one has, stays."""
    dead, left = _task(tmp_path)
    living, used = _task(tmp_path)
    dead.kill()
    dead.communicate()
    other = tmp_path / "other-12345678"
    other.mkdir()

    with scratch(tmp_path, "work") as folder:
        assert not left.exists()
        assert (used / "secret").exists()
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, used.name, other.name}

    living.kill()
    living.communicate()
    sweep(tmp_path, "work")
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


def test_nobody_takes_it_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was swept before it was locked is made once more."""
    lock, taken = module._held, []

    def swept(path: Path) -> int | None:
        if not taken:
            taken.append(path)
            path.rmdir()
        return lock(path)

    monkeypatch.setattr(module, "_held", swept)

    with scratch(tmp_path, "work") as folder:
        assert folder.is_dir()
        assert folder not in taken


def test_many_at_once(tmp_path: Path) -> None:
    """Each has one of its own for as long as it wants."""

    def work(number: int) -> bool:
        with scratch(tmp_path, "work") as folder:
            (folder / "number").write_text(str(number))
            return (folder / "number").read_text() == str(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert list(tmp_path.iterdir()) == []


def test_ending(tmp_path: Path) -> None:
    """What works in a folder is ended before it goes, whoever has left it, and also on an error."""
    ended: list[tuple[str, bool]] = []

    def end(folder: Path) -> None:
        ended.append((folder.name, folder.is_dir()))
        raise ValueError(folder.name)

    (tmp_path / "work-dead").mkdir()
    with pytest.raises(ValueError, match="work-dead"):
        sweep(tmp_path, "work", end)
    with pytest.raises(ValueError, match="work-"), scratch(tmp_path, "work", end):
        pass

    assert [there for _name, there in ended] == [True, True]
    assert list(tmp_path.iterdir()) == []
