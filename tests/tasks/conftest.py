"""The program in a folder of the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """What a call of the program came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, habitat: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working folder."""
    del habitat
    path = tmp_path / "here"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def invoke(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that calls the program as the console scripts do."""
    del folder
    from toolbox.tasks.program import ToolboxProgram

    def call(*words: str) -> Ended:
        program = ToolboxProgram(
            name="infra-toolbox", version="1", binary="invoke", binary_names=["invoke", "inv"]
        )
        with pytest.raises(SystemExit) as ended:
            program.run(["invoke", *words])
        told = capsys.readouterr()
        return Ended(int(ended.value.code or 0), told.out, told.err)

    return call


@pytest.fixture
def tasks(folder: Path) -> Callable[[str], None]:
    """Return a function that writes the project's own tasks.py."""

    def write(text: str) -> None:
        (folder / "tasks.py").write_text(f"from invoke import task\n{text}")

    return write
