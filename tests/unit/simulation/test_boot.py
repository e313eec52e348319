"""Boots that QEMU itself ended are tried once more; those that a machine failed are not."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import Interrupted, ToolboxError
from toolbox.lib.machine.domain import Domain
from toolbox.lib.machine.libvirt import Hypervisor
from toolbox.lib.simulation import boot
from toolbox.lib.simulation.boot import QemuCrashed, patiently
from toolbox.lib.transport.ssh import Client, Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = "qemu-system-x86_64: Assertion failed."


@pytest.fixture
def watched(tmp_path: Path, fake: Callable[[str, str], Path]) -> boot.Boot:
    """A boot of a machine that does not run."""
    fake("virsh", "echo shut off")
    domain = Domain(
        "web", "1", 1, 1, "tcg", tmp_path / "disk", tmp_path / "log", "02::", (), {"host": "web"}
    )
    endpoint = Endpoint("web", "127.0.0.1", 1, "ssh-ed25519 AAAA")
    client, nobody = Client(tmp_path / "config"), Event()
    return boot.Boot(Hypervisor("test:///default"), domain, endpoint, client, 0, 5.0, nobody)


@pytest.mark.parametrize(("crash", "kind"), [(WORDS, QemuCrashed), ("", ToolboxError)])
def test_machine_that_ended(
    watched: boot.Boot, monkeypatch: pytest.MonkeyPatch, crash: str, kind: type[ToolboxError]
) -> None:
    """A crash of QEMU is told from a machine that ended, with QEMU's own words."""
    monkeypatch.setattr(Hypervisor, "crash", lambda _self, _name: crash)
    watched.domain.console.write_text("[    1.0] the last line\n")

    with pytest.raises(ToolboxError, match=crash or "the machine is shut off") as caught:
        watched.wait()
    assert type(caught.value) is kind
    assert "the last line" in caught.value.message


def test_nobody_waits(watched: boot.Boot) -> None:
    """An interrupt ends the wait before anything is looked at."""
    watched.interrupted.set()

    with pytest.raises(Interrupted):
        watched.wait()


@pytest.mark.parametrize(("crashes", "tries"), [(0, 1), (1, 2), (2, 2)])
def test_once_more(capsys: pytest.CaptureFixture[str], crashes: int, tries: int) -> None:
    """One crash is told and forgotten, two are an error."""
    tried = []

    def attempt() -> str:
        tried.append(1)
        if len(tried) <= crashes:
            raise QemuCrashed(WORDS)
        return "booted"

    if crashes == 2:
        with pytest.raises(QemuCrashed):
            patiently("web", attempt)
    else:
        assert patiently("web", attempt) == "booted"
    assert len(tried) == tries
    assert (WORDS in capsys.readouterr().err) is (crashes > 0)


def test_machine_that_failed_is_not_booted_again() -> None:
    """What the machine did it would do again."""
    tried = []

    def attempt() -> None:
        tried.append(1)
        message = "Ignition failed"
        raise ToolboxError(message)

    with pytest.raises(ToolboxError):
        patiently("web", attempt)
    assert len(tried) == 1
