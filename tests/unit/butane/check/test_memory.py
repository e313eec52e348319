"""What was found sound is remembered, until anything that was asked changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import memory
from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import cache_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_remember() -> None:
    """Only what is remembered is sound, and nothing but its hash is kept."""
    key = memory.key("a secret")
    assert not memory.is_sound(key)

    memory.remember(key)

    assert memory.is_sound(key)
    (kept,) = (cache_home() / memory.FOLDER).iterdir()
    assert (kept.name, kept.read_bytes(), len(key)) == (key, b"", 64)


@pytest.mark.parametrize(
    "change",
    [
        lambda _instead, _monkeypatch: memory.key("a", "c"),
        lambda _instead, _monkeypatch: memory.key("ab"),
        lambda instead, _monkeypatch: instead("shellcheck", "true") or memory.key("a", "b"),
        lambda _instead, monkeypatch: (
            monkeypatch.setattr(memory.toolbox, "__version__", "9") or memory.key("a", "b")
        ),
    ],
    ids=["config", "parts", "program", "version"],
)
def test_key(
    change: Callable[[Any, Any], str], instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another config, another program and another toolbox make another key."""
    key = memory.key("a", "b")

    assert key == memory.key("a", "b")
    assert change(instead, monkeypatch) != key


def test_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many those are kept that were asked for last."""
    monkeypatch.setattr(memory, "KEPT", 2)
    folder = cache_home() / memory.FOLDER
    for number, name in enumerate("ab"):
        memory.remember(name)
        os.utime(folder / name, (number, number))
    memory.is_sound("a")

    memory.remember("c")

    assert sorted(path.name for path in folder.iterdir()) == ["a", "c"]


def test_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be kept, nothing is remembered, and that is all."""
    monkeypatch.setenv("INFRA_CACHE", "/proc/nowhere")

    memory.remember("a")

    assert not memory.is_sound("a")


def test_nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no home folder has nothing remembered."""
    monkeypatch.setattr(memory, "cache_home", _nobody)

    memory.remember("a")

    assert not memory.is_sound("a")


def _nobody() -> Path:
    message = "nobody has no home folder here"
    raise HabitatError(message)
