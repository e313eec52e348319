"""Files of a machine as the checks see them, and programs that crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.contents import Content
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def file() -> Callable[..., Content]:
    """Return what makes a file of the machine, written in a file of the same name."""

    def make(path: str, text: str | bytes = "") -> Content:
        data = text.encode() if isinstance(text, str) else text
        return Content(path, data, Place(path), ((1, lambda *at: Place(path, *at)),))

    return make


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Return a private folder that is empty."""
    folder = tmp_path / "room"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what puts a script in front of a program."""

    def put(name: str, script: str) -> None:
        program = tmp_path / "instead" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return put
