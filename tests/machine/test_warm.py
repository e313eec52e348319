"""Warm starts: what was checked once is resumed when the same content is wanted again.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]

PAGE = "/srv/hello/index.html"


def _sim(machine: Sandbox) -> dict[str, Any]:
    """Run the main job and return what it reports of its one machine, which passed every check."""
    answer = machine.invoke("sim", "--json")
    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert {proof["outcome"] for proof in item["proofs"]} == {"passed"}
    return dict(item)


def _lose(machine: Sandbox) -> None:
    """Take the machine away, as a lost container does."""
    (name,) = machine.domains()
    subprocess.run(["virsh", "destroy", name], check=True)
    subprocess.run(["virsh", "undefine", name], check=True)


def _snapshots(machine: Sandbox) -> list[Path]:
    return sorted(machine.state.glob("simulations/*/snapshots/hello/*/snapshot.json"))


@pytest.fixture(scope="module")
def first(sandbox: Sandbox) -> dict[str, Any]:
    """What is reported of a machine that was made."""
    return _sim(sandbox)


def test_checked_machine_is_kept(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """The first sim makes a snapshot, and the machine has not noticed more than a pause."""
    assert first["action"] == "made"
    assert len(_snapshots(sandbox)) == 1
    assert sandbox.ssh("cat /proc/sys/kernel/random/boot_id").strip() == first["boot_id"]
    assert abs(int(sandbox.ssh("date +%s")) - time.time()) < 30
    assert _sim(sandbox)["action"] == "unchanged"
    assert len(_snapshots(sandbox)) == 1


def test_lost_machine_is_resumed(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """The same content once more is the machine as it was when it had been checked."""
    sandbox.ssh(f"echo changed | sudo tee {PAGE}")
    _lose(sandbox)

    again = _sim(sandbox)

    assert (again["action"], again["reason"]) == ("resumed", "its domain is gone")
    assert again["boot_id"] == first["boot_id"]
    assert sandbox.ssh(f"cat {PAGE}") != "changed\n"
    assert abs(int(sandbox.ssh("date +%s")) - time.time()) < 30


def test_resumed_machine_survives_a_shutdown(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """Its disk is a whole one: it boots by its boot loader, and what was written stays."""
    sandbox.ssh(f"echo changed | sudo tee {PAGE}")

    assert sandbox.invoke("sim.down").code == 0
    assert sandbox.invoke("sim.up").code == 0

    assert sandbox.ssh("cat /proc/sys/kernel/random/boot_id").strip() != first["boot_id"]
    assert sandbox.ssh(f"cat {PAGE}") == "changed\n"


def test_change_that_is_taken_back(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """Another config changes the machine, the old one changes it back; both keep its snapshot."""
    settings = sandbox.root / "hosts/hello.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("Hello from", "Greetings from"))
    other = _sim(sandbox)
    settings.write_text(text)

    again = _sim(sandbox)

    assert (other["action"], other["reason"]) == ("changed", "its config changed")
    assert (again["action"], again["reason"]) == ("changed", "its config changed")
    assert again["config"] == first["config"] != other["config"]
    assert len(_snapshots(sandbox)) == 1


def test_broken_snapshot_is_only_a_loss_of_time(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """A snapshot that cannot be resumed is dropped, and the machine boots."""
    assert first
    _lose(sandbox)
    for facts in _snapshots(sandbox):
        with facts.with_name("memory").open("r+b") as memory:
            memory.truncate(100_000)

    again = _sim(sandbox)

    assert again["action"] == "made"
    assert sandbox.invoke("sim.clean").code == 0
    assert list((sandbox.state / "simulations").iterdir()) == []
