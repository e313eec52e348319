"""Whatever ends a task, the next one goes on by itself, and cleaning leaves nothing.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Answer, Inventory, Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1800)]

PHASE = re.compile(r"^\s*• (?P<step>.+)$|^\s+hello: (?P<phase>.+?)(?: after [0-9.]+ s)?$")
IDLE_SECONDS = 150
"""A little more than a held ssh connection of a killed task stays."""
SMALL = Path("/dev/shm")
BLOCK = 4096
MARGIN = 4096


def _phases(text: str) -> list[str]:
    """Return what a task says that it is doing, in order."""
    found = (PHASE.match(line) for line in text.splitlines())
    said = [match["step"] or match["phase"] for match in found if match]
    return list(dict.fromkeys(said))


def _kill(sandbox: Sandbox, phase: str, *words: str) -> str:
    """Start a task and kill it as soon as it says that it is in a phase; return what it said."""
    process = sandbox.start(*words)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        match = PHASE.match(line.rstrip("\n"))
        if match and (match["step"] or match["phase"]) == phase:
            process.kill()
            break
    # Reason: what the killed one has started may hold the pipe open for a while.
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGKILL, f"{phase} never came:\n{''.join(seen)}"
    return "".join(seen)


def _recovered(answer: Answer) -> None:
    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert {proof["outcome"] for proof in item["proofs"]} == {"passed"}


@pytest.fixture(scope="module")
def phases(sandbox: Sandbox, inventory: Inventory) -> list[str]:
    """The phases of a whole sim of a new machine, in order; it is removed again."""
    assert inventory.left() == []
    answer = sandbox.invoke("sim", "--accel", "tcg")
    assert answer.code == 0, answer.err
    cleaned = sandbox.invoke("sim.clean")
    assert cleaned.code == 0, cleaned.err
    return _phases(answer.err)


def test_clean_twice(sandbox: Sandbox, inventory: Inventory, phases: list[str]) -> None:
    """After a sim and a clean all is as before; a second clean says that there is nothing."""
    assert len(phases) >= 9
    assert inventory.left() == []

    again = sandbox.invoke("sim.clean")

    assert (again.code, "there was nothing to remove" in again.err) == (0, True)
    assert inventory.left() == []


def test_killed_in_every_phase(sandbox: Sandbox, inventory: Inventory, phases: list[str]) -> None:
    """A sim that is killed goes on with the next one, which is killed in its next phase, and so on.

    So each of them has to cope with what the one before has left; the last is whole.
    """
    killed = []
    for phase in phases:
        if phase.startswith("Keep "):
            continue  # Reason: only a new machine is kept; see below.
        if phase == "first boot, new" and killed:
            phase = "Boot"  # noqa: PLW2901 - by now it is not new any more
        said = _kill(sandbox, phase, "sim", "--accel", "tcg")
        assert "error" not in said, said
        killed.append(phase)

    _recovered(sandbox.invoke("sim", "--json"))

    assert len(killed) >= 8, killed
    assert inventory.secrets() == []
    assert sandbox.processes("pulumi", "ssh-agent") == []
    assert sandbox.invoke("sim.clean").code == 0
    assert inventory.left(IDLE_SECONDS) == []


def test_killed_while_it_is_kept(sandbox: Sandbox, inventory: Inventory) -> None:
    """A machine whose saving is cut off is there for the next sim, whatever became of it."""
    _kill(sandbox, "Keep hello for a warm start", "sim", "--accel", "tcg")

    _recovered(sandbox.invoke("sim", "--json"))

    assert inventory.secrets() == []


@pytest.mark.parametrize("task", ["sim.down", "sim.stop"])
def test_killed_while_it_stops(sandbox: Sandbox, task: str) -> None:
    """A machine whose shutdown or saving was cut off comes up again."""
    phase = {"sim.down": "Shut hello down", "sim.stop": "Save hello"}[task]
    _kill(sandbox, phase, task)

    _recovered(sandbox.invoke("sim", "--json"))


def test_killed_daemon(sandbox: Sandbox, inventory: Inventory) -> None:
    """A libvirt daemon that dies in the middle of a boot is told; the next sim has another one."""
    assert sandbox.invoke("sim.clean").code == 0
    process = sandbox.start("sim", "--accel", "tcg", "--cold")
    assert process.stdout is not None
    for line in process.stdout:
        if "user space after" in line:
            for comm in Path("/proc").glob("[0-9]*/comm"):
                if comm.read_text().strip() == "libvirtd":
                    os.kill(int(comm.parent.name), signal.SIGKILL)
            break
    said = process.communicate(timeout=300)[0]

    assert process.returncode in {0, 1}, said
    assert "mistake in infra-toolbox" not in said
    _recovered(sandbox.invoke("sim", "--json"))
    for phase in ("Destroy the stack sim-machines", "Destroy the stack sim-identity"):
        _kill(sandbox, phase, "sim.clean")
    assert sandbox.invoke("sim.clean").code == 0
    assert inventory.left(IDLE_SECONDS) == []


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The same project with its state on a small file system."""
    state = SMALL / "state"
    yield replace(sandbox, state=state)
    replace(sandbox, state=state).invoke("sim.clean")
    shutil.rmtree(state, ignore_errors=True)


@contextmanager
def _full(spare: int = 0) -> Iterator[None]:
    """Fill the small file system for a block, but for some bytes."""
    fill = SMALL / "fill"
    free = shutil.disk_usage(SMALL).free
    try:
        # Reason: a machine that writes beside us may be faster, and the disk is full as well.
        with suppress(OSError), fill.open("wb", buffering=0) as file:
            for size in [BLOCK] * (max(free - spare, 0) // BLOCK):
                file.write(b"\1" * size)
        yield
    finally:
        fill.unlink()


def test_full_from_the_beginning(small: Sandbox, inventory: Inventory) -> None:
    """Where nothing can be written, that is what is said, and nothing half done stays."""
    with _full(MARGIN):
        answer = small.invoke("sim", "--accel", "tcg")

    assert answer.code == 1
    assert "no space left on device" in answer.err.lower(), answer.err
    assert "hint: " in answer.err
    assert "mistake in infra-toolbox" not in answer.err
    assert small.domains() == {}
    assert small.invoke("sim.clean").code == 0
    shutil.rmtree(small.state)
    assert inventory.left(IDLE_SECONDS) == []


def test_full_in_the_middle(small: Sandbox) -> None:
    """A machine whose disk finds no room stands still; that is said, and the next sim goes on."""
    process = small.start("sim", "--accel", "tcg")
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "first boot" in line:
            break
    with _full():
        said += process.communicate(timeout=600)[0]
        assert process.returncode == 1, said
        assert "no room left for its vda" in said, said

    # Reason: memory of a machine does not fit there, so nothing is kept, and that is said only.
    answer = small.invoke("sim", "--json")
    _recovered(answer)
    assert "cannot be kept and runs on" in answer.err
    (where,) = small.state.glob("simulations/*")
    assert not list(where.glob("snapshots/*/*/memory"))


def test_nothing_is_left(inventory: Inventory) -> None:
    """After all of this, all is as before."""
    assert inventory.left(IDLE_SECONDS) == []
    assert inventory.secrets() == []
