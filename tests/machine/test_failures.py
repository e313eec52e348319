"""Wrong input and bad luck: a clear error with place, hint and code, and nothing left behind."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]

BUTANE = "hosts/hello/hello.bu"
SETTINGS = "hosts/hello.yaml"


@pytest.fixture
def spoiled(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox whose files may be spoiled; they are put right again."""
    kept = {name: (sandbox.root / name).read_text() for name in (BUTANE, SETTINGS)}
    yield sandbox
    for name, text in kept.items():
        (sandbox.root / name).write_text(text)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _nothing_runs(sandbox: Sandbox) -> None:
    running = [name for name, state in sandbox.domains().items() if state == "running"]
    assert running == []
    assert sandbox.processes("pulumi", "ssh-agent") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "words"),
    [
        (BUTANE, "mode: 0755", "mood: 0755", 1, ["hosts/hello/hello.bu:7", "mood"]),
        (
            BUTANE,
            "greeting +",
            "greetin +",
            1,
            ["hosts/hello/hello.bu:12", "did you mean greeting"],
        ),
        (
            BUTANE,
            "local: hello.container",
            "local: nowhere",
            1,
            ["hosts/hello/hello.bu:16", "nowhere"],
        ),
        (SETTINGS, "memory:", "memry:", 2, ["hosts/hello.yaml:3", "did you mean memory"]),
    ],
    ids=["butane", "undefined-name", "missing-file", "unknown-key"],
)
def test_wrong_input(
    spoiled: Sandbox, file: str, old: str, new: str, code: int, words: list[str]
) -> None:
    """A mistake in a file is told with its line, and nothing is started."""
    _edit(spoiled.root / file, old, new)

    answer = spoiled.invoke("sim", "--accel", "tcg")

    assert answer.code == code
    for word in words:
        assert word in answer.err
    _nothing_runs(spoiled)


def test_taken_port(spoiled: Sandbox) -> None:
    """A port that someone listens on is told before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _edit(
            spoiled.root / SETTINGS, "    - guest: 8080", f"    - guest: 8080\n      host: {port}"
        )

        answer = spoiled.invoke("sim", "--accel", "tcg")

    assert answer.code == 3
    assert f"port {port}" in answer.err
    assert "hint: " in answer.err
    _nothing_runs(spoiled)


def test_kvm_is_proven_or_refused(spoiled: Sandbox) -> None:
    """KVM is used when it boots a guest, and otherwise refused with the reason."""
    answer = spoiled.invoke("sim", "--accel", "kvm")

    if answer.code == 0:
        (machine,) = spoiled.invoke("sim.list", "--json").json["items"]
        assert machine["accelerator"] == "kvm"
        assert spoiled.invoke("sim.clean").code == 0
    else:
        assert answer.code == 3
        assert "KVM does not work here: " in answer.err
    _nothing_runs(spoiled)


def test_emergency_shell(spoiled: Sandbox) -> None:
    """A config that Ignition cannot apply ends the wait at once, with the console's last lines."""
    _edit(spoiled.root / BUTANE, "- path: /srv/hello/index.html", "- path: /etc/passwd")
    began = time.monotonic()

    answer = spoiled.invoke("sim", "--accel", "tcg")

    assert answer.code == 1
    assert "Ignition" in answer.err
    assert "/etc/passwd" in answer.err
    assert "invoke sim.logs hello" in answer.err
    assert time.monotonic() - began < 180
    spoiled.invoke("sim.clean")
    _nothing_runs(spoiled)


@pytest.mark.parametrize(
    "phase",
    [
        "Connect to libvirt",
        "Bring the identity up",
        "Bring disks and domains up",
        "first boot",
        "user space after",
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_interrupt(spoiled: Sandbox, phase: str, number: signal.Signals) -> None:
    """An interrupt in any phase ends with 130, nothing running, and a clean next start."""
    process = spoiled.start("sim", "--accel", "tcg")
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if phase in line and not line.lstrip().startswith("✓"):
            process.send_signal(number)
            break
    seen.append(process.communicate(timeout=120)[0])

    assert process.returncode == 130, "".join(seen)
    _nothing_runs(spoiled)
    assert spoiled.invoke("sim.clean").code == 0
    assert spoiled.domains() == {}


def test_interrupt_while_a_snapshot_is_made(spoiled: Sandbox) -> None:
    """A machine whose saving is interrupted is there for the next task, whatever became of it."""
    process = spoiled.start("sim", "--accel", "tcg")
    assert process.stdout is not None
    for line in process.stdout:
        if "Keep hello" in line:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=120)

    assert process.returncode == 130
    assert spoiled.processes("pulumi", "ssh-agent") == []
    again = spoiled.invoke("sim", "--json")
    assert again.code == 0, again.err
    assert again.json["items"][0]["action"] in {"started", "unchanged"}
    assert spoiled.invoke("sim.clean").code == 0
    assert spoiled.domains() == {}
