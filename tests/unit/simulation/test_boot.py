"""Boots that QEMU itself ended are tried once more; those that a machine failed are not."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import DeadlineError, Interrupted, ToolboxError
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
    with pytest.raises(Interrupted):
        watched.until_own("")


ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("said", "state", "crash", "error", "words"),
    [
        (f"infra-toolbox: {ID} done\n", "running", "", None, ""),
        (f"sh: no\ninfra-toolbox: {ID} failed\n", "running", "", ToolboxError, "(?s)its own.*no"),
        ("nothing yet\n", "shut off", WORDS, QemuCrashed, "Assertion"),
        ("nothing yet\n", "running", "", DeadlineError, "(?s)within.*nothing yet"),
    ],
    ids=["done", "failed", "crashed", "silent"],
)
def test_until_own(
    watched: boot.Boot,
    fake: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    state: str,
    crash: str,
    error: type[ToolboxError] | None,
    words: str,
) -> None:
    """The machine's own words count, from this start on; a crash of QEMU is told at once."""
    asked = tmp_path / "asked"
    fake("virsh", f'echo "$4" >>{asked}; [ "$4" = domstate ] && echo {state}')
    monkeypatch.setattr(Hypervisor, "crash", lambda _self, _name: crash)
    before = f"infra-toolbox: {ID} failed\n"
    watched.domain.console.write_text(before + said)
    begun = replace(watched, console_start=len(before), deadline=0.3)

    if error is None:
        begun.until_own(ID)
    else:
        with pytest.raises(error, match=words) as caught:
            begun.until_own(ID)
        assert type(caught.value) is error
    if error is DeadlineError:
        # Reason: each question starts a program, and the deadline is shorter than between two.
        assert asked.read_text().split().count("domstate") == 1


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


@pytest.mark.parametrize(
    ("silent", "greets", "seen", "off", "calls"),
    [
        pytest.param(True, "", "running", None, 5, id="silent for too long"),
        pytest.param(True, "y", "running", False, 1, id="was booting"),
        pytest.param(True, "", "shut off", True, 0, id="off"),
        pytest.param(False, "yyn", "shut off", True, 3, id="off after a while"),
        pytest.param(False, "ynny", "running", False, 4, id="rebooted"),
        pytest.param(False, "y", "running", True, 5, id="power cut"),
        pytest.param(False, "yn", "running", None, 5, id="ends, and then nothing"),
    ],
)
def test_goes_off(
    monkeypatch: pytest.MonkeyPatch,
    *,
    silent: bool,
    greets: str,
    seen: str,
    off: bool | None,
    calls: int,
) -> None:
    """A machine is off or up again, or silent, which is told; one that never ends is cut."""
    asked: list[bool] = []
    cut: list[str] = []

    def answers(*_: object) -> bool:
        asked.append(True)
        return greets[: len(asked)].endswith("y") if greets else False

    def check(tried: Callable[[bool], bool | None], **_: object) -> bool | None:
        said = (tried(last) for last in (False, False, False, False, True))
        return next((found for found in said if found is not None), None)

    def state(_self: Hypervisor, _name: str) -> str:
        return seen if len(asked) >= len(greets) else "running"

    monkeypatch.setattr(boot, "answers", answers)
    monkeypatch.setattr(boot, "until", check)
    monkeypatch.setattr(Hypervisor, "state", state)
    monkeypatch.setattr(Hypervisor, "virsh", lambda _self, *words: cut.append(" ".join(words)))
    endpoint = Endpoint("web", "127.0.0.1", 1, "ssh-ed25519 AAAA")

    hypervisor = Hypervisor("test:///default")

    if off is None:
        with pytest.raises(ToolboxError, match="web runs, but its ssh server") as caught:
            boot.goes_off(hypervisor, "web", endpoint, silent=silent)
        assert "invoke sim.console web" in str(caught.value.hint)
    else:
        assert boot.goes_off(hypervisor, "web", endpoint, silent=silent) is off
    assert len(asked) == calls
    assert cut == (["destroy web"] if off and seen == "running" else [])


def test_cut_power(tmp_path: Path, fake: Callable[[str, str], Path]) -> None:
    """A machine that is off, and one of which nothing was saved, are as they shall be."""
    fake("virsh", f'echo "$4 $5" >>{tmp_path}/calls; exit 1')

    boot.cut_power(Hypervisor("test:///default"), "web")

    called = (tmp_path / "calls").read_text().splitlines()
    assert called == ["destroy web", "managedsave-remove web"]


@pytest.mark.parametrize(("state", "verb"), [("shut off", "start"), ("paused", "resume")])
def test_start(
    watched: boot.Boot, tmp_path: Path, fake: Callable[[str, str], Path], state: str, verb: str
) -> None:
    """A machine that stood still goes on, another one starts."""
    fake("virsh", f'[ "$4" = domstate ] && echo {state}; echo "$4" >>{tmp_path}/calls')

    boot.start(watched.hypervisor, watched.domain, tmp_path / "web.ign")

    assert (tmp_path / "calls").read_text().split()[-1] == verb
    assert (tmp_path / "web.ign").read_bytes() == boot.EMPTY


def test_forget(tmp_path: Path) -> None:
    """What a killed task has left for QEMU is emptied, its other files go."""
    for name in ("web.ign", "web.xml", ".web.ign.abc", "other"):
        (tmp_path / name).write_text("PRIVATE KEY")

    boot.forget(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"web.ign", "other"}
    assert (tmp_path / "web.ign").read_bytes() == boot.EMPTY


@pytest.mark.parametrize(
    ("state", "errors", "disk"),
    [("paused", "vda: no space", "vda"), ("paused", "", ""), ("running", "vda: no space", "")],
)
def test_no_room(
    watched: boot.Boot, fake: Callable[[str, str], Path], state: str, errors: str, disk: str
) -> None:
    """A machine that stands still for want of room is told from one that is paused."""
    fake("virsh", f'case "$4" in domstate) echo {state} ;; domblkerror) echo "{errors}" ;; esac')

    assert watched.hypervisor.starved("web") == disk
    if disk:
        with pytest.raises(ToolboxError, match="no room left for its vda") as caught:
            watched.wait()
        assert "doctor" in str(caught.value.hint)
