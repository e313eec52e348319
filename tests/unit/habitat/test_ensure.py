"""Programs are asked for their versions, and a wrong answer is told as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.habitat.ensure import ABSENT, Program, look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_version(fake: Callable[[str, str], Path]) -> None:
    """The first thing that looks like a version is it."""
    fake("butter", "echo butter version v1.2.3-rc1, built by nobody")

    assert look(("butter", "--version")) == Program("butter", version="1.2.3-rc1")


def test_only_looked_for(fake: Callable[[str, str], Path]) -> None:
    """A program without arguments is not run."""
    fake("butter", "exit 1")

    assert look(("butter",)) == Program("butter")


def test_absent() -> None:
    """A program that is not there is told as that."""
    assert look(("no-such-program", "--version")).problem == ABSENT


def test_hangs(fake: Callable[[str, str], Path]) -> None:
    """A program that does not end is not waited for."""
    fake("butter", "sleep 60")

    assert "has not ended" in look(("butter", "--version"), seconds=0.2).problem
