"""Saves are seen, whole and all of them, and what editors leave beside a file is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.simulation import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project's folder."""
    (tmp_path / "hosts/web").mkdir(parents=True)
    (tmp_path / "project.yaml").write_text("name: x\n")
    (tmp_path / "hosts/web/main.bu").write_text("a\n")
    return tmp_path


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what decides what happens during each pause, in place of time."""

    def choose(*steps: Callable[[], object]) -> None:
        left = list(steps)

        def pause(_seconds: float) -> None:
            if left:
                left.pop(0)()

        monkeypatch.setattr(watch.time, "sleep", pause)

    return choose


def _write(path: Path, text: str) -> Callable[[], object]:
    return lambda: path.write_text(text)


def test_saves(root: Path, script: Callable[..., None]) -> None:
    """A save is told once, with the files that it was of."""
    main, more = root / "hosts/web/main.bu", root / "hosts/web/more.bu"
    script(_write(main, "b\nb\n"), lambda: None, _write(more, "c"), lambda: None)
    saves = watch.saves(root)

    assert next(saves) == ("hosts/web/main.bu",)
    assert next(saves) == ("hosts/web/more.bu",)


def test_save_in_steps(root: Path, script: Callable[..., None]) -> None:
    """What changes again at once is one save."""
    main, other = root / "hosts/web/main.bu", root / "project.yaml"
    script(_write(main, "bb"), _write(main, "bbb"), _write(other, "name: yy\n"), lambda: None)

    assert next(watch.saves(root)) == ("hosts/web/main.bu", "project.yaml")


def test_a_save_while_the_caller_works(root: Path, script: Callable[..., None]) -> None:
    """What was saved since the last answer is told next."""
    main = root / "hosts/web/main.bu"
    script(_write(main, "bb"), lambda: None)
    saves = watch.saves(root)
    next(saves)
    main.unlink()

    assert next(saves) == ("hosts/web/main.bu",)


def test_undone(root: Path, script: Callable[..., None]) -> None:
    """What comes and goes within a moment was no save."""
    passing, main = root / "hosts/web/4913", root / "hosts/web/main.bu"
    script(_write(passing, ""), passing.unlink, lambda: None, _write(main, "bb"), lambda: None)

    assert next(watch.saves(root)) == ("hosts/web/main.bu",)


def test_before(root: Path) -> None:
    """What was saved since a snapshot is told at once."""
    known = watch.snapshot(root)
    os.utime(root / "project.yaml", (1, 1))

    assert next(watch.saves(root, known)) == ("project.yaml",)


def test_snapshot(root: Path) -> None:
    """Sources count, linked ones as well; files beside them, of editors, and circles do not."""
    (root / "README.md").write_text("")
    (root / "hosts/web/.main.bu.swp").write_text("")
    (root / "hosts/web/main.bu~").write_text("")
    (root / "hosts/web/again").symlink_to("..")
    (root / "shared").mkdir()
    (root / "shared/unit.bu").write_text("")
    (root / "hosts/db").symlink_to("../shared")
    (root / "hosts/web/nowhere").symlink_to("none")
    (root / "hosts/web/linked").symlink_to("main.bu")

    names = [path.removeprefix(f"{root}/") for path in watch.snapshot(root)]

    assert names == [
        "project.yaml",
        "hosts/db/unit.bu",
        "hosts/web/linked",
        "hosts/web/main.bu",
    ]


def test_nothing(tmp_path: Path) -> None:
    """A folder without sources has none."""
    assert watch.snapshot(tmp_path) == {}
