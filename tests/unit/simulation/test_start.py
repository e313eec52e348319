"""Machines are started all at once, but for those that would only take each other's time."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from toolbox.lib.simulation import boot, start
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


REFUSED = "Host key verification failed."
RESET = "kex_exchange_identification: read: Connection reset by peer"


@pytest.mark.parametrize(
    ("said", "code", "complaint", "off", "does"),
    [
        pytest.param("running", 0, "", False, ["True"], id="up"),
        pytest.param("degraded", 1, "", False, ["True"], id="up, with a failed unit"),
        pytest.param("starting", 1, "", False, ["until up", "True"], id="ssh is up early"),
        pytest.param("stopping", 1, "", True, ["down", "False"], id="goes off"),
        pytest.param("stopping", 1, "", False, ["down", "until up", "True"], id="reboots"),
        pytest.param("", 255, RESET, True, ["down silent", "False"], id="is nearly off"),
        pytest.param("", 255, RESET, False, ["down silent", "until up", "True"], id="boots"),
        pytest.param("", 255, REFUSED, False, ["True"], id="somebody else, which is told later"),
    ],
)
def test_machine_that_runs(
    monkeypatch: pytest.MonkeyPatch, said: str, code: int, complaint: str, *, off: bool, does: Any
) -> None:
    """One that is on its way up or down is waited for; of one that is off the caller is told."""
    done: list[str] = []

    def goes_off(*_: Any, silent: bool) -> bool:
        done.append("down silent" if silent else "down")
        return off

    monkeypatch.setattr(boot, "goes_off", goes_off)
    up = SimpleNamespace(wait=lambda: done.append("until up"))
    monkeypatch.setattr(Starter, "_watched", lambda *_: up)
    answer = SimpleNamespace(text=f"{said}\n", exit_code=code, tail=lambda _stream: complaint)
    nothing: Any = SimpleNamespace(name="web")
    ssh: Any = SimpleNamespace(run=lambda *_words, **_: answer)
    starter = Starter(nothing, nothing, ssh, nothing, nothing, 1.0)

    done.append(str(starter._stands(nothing, nothing)))

    assert done == does
