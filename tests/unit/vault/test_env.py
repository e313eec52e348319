"""The file .env is read where it is, and never needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.vault import env

if TYPE_CHECKING:
    from pathlib import Path


def test_none(tmp_path: Path) -> None:
    """Where there is no file nothing is missing."""
    assert env.read(tmp_path) == {}
    assert env.apply(tmp_path) == ()


def test_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set already stays; the rest comes from the file, and prints as no secret does."""
    monkeypatch.setenv("INFRA_A", "mine")
    monkeypatch.delenv("INFRA_B", raising=False)
    (tmp_path / ".env").write_text(
        "# settings\nINFRA_A=theirs\nexport INFRA_B='two words'  # why\nEMPTY\n"
    )

    assert env.apply(tmp_path) == ("INFRA_B",)
    assert os.environ["INFRA_A"] == "mine"
    assert os.environ["INFRA_B"] == "two words"
    assert "two words" not in repr(env.read(tmp_path))
    monkeypatch.delenv("INFRA_B")


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "GIT_DIR", "BASH_ENV"])
def test_refused(tmp_path: Path, name: str) -> None:
    """A file in a folder does not decide which programs run."""
    (tmp_path / ".env").write_text(f"{name}=/tmp/evil\n")

    with pytest.raises(UsageError) as caught:
        env.read(tmp_path)
    assert caught.value.findings[0].message == f"{name} must not be set here"


def test_no_text(tmp_path: Path) -> None:
    """What is no text is refused."""
    (tmp_path / ".env").write_bytes(b"A=\xff\n")

    with pytest.raises(UsageError, match="cannot be read"):
        env.read(tmp_path)
