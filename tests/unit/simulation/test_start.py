"""Machines are started all at once, but for those that would only take each other's time."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from toolbox.lib.simulation import start
from toolbox.lib.simulation.start import Starter


class Crowd:
    """Counts who is there at once."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.there = self.most = 0

    def come(self, *_: Any) -> str:
        """Stay for a moment."""
        self.there += 1
        self.most = max(self.most, self.there)
        time.sleep(0.05)
        self.there -= 1
        return "up"


@pytest.mark.parametrize(
    ("warm", "accelerator", "most"),
    [
        pytest.param(True, "tcg", 2, id="emulated"),
        pytest.param(True, "kvm", 4, id="accelerated"),
        pytest.param(False, "tcg", 4, id="a boot that may wait for another machine"),
    ],
)
def test_at_once(
    monkeypatch: pytest.MonkeyPatch, *, warm: bool, accelerator: str, most: int
) -> None:
    """Emulated ones become themselves on a processor each; a first boot waits for no turn."""
    monkeypatch.setattr(start.cores, "here", lambda: 2)
    crowd = Crowd()
    monkeypatch.setattr(Starter, "_one", crowd.come)
    nothing: Any = None
    starter = Starter(nothing, nothing, nothing, nothing, nothing, 1.0)
    plans: list[Any] = [
        SimpleNamespace(warm=warm, record=SimpleNamespace(accelerator=accelerator))
    ] * 4

    assert starter.all(plans, [nothing] * 4) == ("up",) * 4
    assert crowd.most == most
