"""Salt states of our own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.reconfigure.engines.salt import infra

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAA one"


@pytest.fixture(autouse=True)
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Let states change something; return what says so."""
    said = {"test": False}
    monkeypatch.setattr(infra, "__opts__", said)
    return said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a user of ours."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "home/web").mkdir(parents=True)
    line = f"web:x:{os.getuid()}:{os.getgid()}:Web:/home/web:/bin/sh\nshort\n"
    (tmp_path / "etc/passwd").write_text(line)
    return tmp_path


def test_keys_are_exactly_those(root: Path) -> None:
    """The whole file is ours: keys that nobody names are gone, and it is its owner's alone."""
    file = root / "home/web" / infra.FILE
    assert infra.keys("web", [KEY, "b\n"], str(root))["changes"] == {"keys": 2}
    assert infra.keys("web", [KEY], str(root))["result"] is True
    assert file.read_text() == f"{KEY}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in file.parent.iterdir()) == ["ignition"]


def test_keys_that_are_there_change_nothing(root: Path) -> None:
    """A second time there is nothing to do."""
    infra.keys("web", [KEY], str(root))
    assert infra.keys("web", [KEY], str(root)) == {
        "name": "web",
        "result": True,
        "comment": "",
        "changes": {},
    }


def test_no_keys_leave_nothing(root: Path) -> None:
    """The last key takes with it what was made for it, and nothing else."""
    infra.keys("web", [KEY], str(root))
    infra.keys("web", [], str(root))
    assert not (root / "home/web/.ssh").exists()
    infra.keys("web", [KEY], str(root))
    (root / "home/web/.ssh/config").touch()
    infra.keys("web", [], str(root))
    assert [path.name for path in (root / "home/web/.ssh").iterdir()] == ["config"]


def test_keys_of_nobody_are_a_failure(root: Path, options: dict[str, bool]) -> None:
    """Without the user there is no home; where nothing is done, the user may come before."""
    assert infra.keys("nobody-of-ours", [KEY], str(root))["result"] is False
    assert "nobody-of-ours" in infra.keys("nobody-of-ours", [KEY])["comment"]
    options["test"] = True
    assert infra.keys("nobody-of-ours", [KEY], str(root))["result"] is None


def test_a_preview_writes_nothing(root: Path, options: dict[str, bool]) -> None:
    """Where nothing is done, what would be is told."""
    options["test"] = True
    assert infra.keys("web", [KEY], str(root))["result"] is None
    assert not (root / "home/web/.ssh").exists()


def test_an_empty_folder_goes(tmp_path: Path, options: dict[str, bool]) -> None:
    """A folder in which nothing is left is removed, once."""
    folder = tmp_path / "a"
    folder.mkdir()
    options["test"] = True
    assert infra.pruned(str(folder))["result"] is None
    assert folder.is_dir()
    options["test"] = False
    assert infra.pruned(str(folder))["changes"] == {"removed": 1}
    assert infra.pruned(str(folder)) == {"name": str(folder), "result": True} | {
        "comment": "",
        "changes": {},
    }


def test_a_folder_with_something_in_it_stays(tmp_path: Path) -> None:
    """What others have put there is theirs, which is no failure."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/theirs").touch()
    told = infra.pruned(str(tmp_path / "a"))
    assert told["result"] is True
    assert "stays" in told["comment"]
    assert (tmp_path / "a/theirs").exists()


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    """Where a link has taken the place of the folder, neither it nor what it leads to goes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    assert infra.pruned(str(tmp_path / "b"))["changes"] == {}
    assert (tmp_path / "b").is_dir()
