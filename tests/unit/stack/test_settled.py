"""A stack that is what is wanted is known to be, until anything that decides it is another."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack import settled
from toolbox.lib.stack.workspace import SAME, Changes, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TYPES = ("pulumi:pulumi:Stack", "pulumi:providers:libvirt", "libvirt:index/pool:Pool")


def declare(*_arguments: object) -> None:
    """Stand for a program; nothing here runs it."""


def other(*_arguments: object) -> None:
    """Stand for another program."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state as the engine writes it."""
    path = tmp_path / "sim.json"
    held = [{"type": kind, "urn": f"urn:pulumi:sim::x::{kind}::name"} for kind in TYPES]
    path.write_text(json.dumps({"checkpoint": {"latest": {"resources": held}}}))
    return path


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Return an engine."""
    path = tmp_path / "pulumi"
    path.write_text("engine")
    return path


def test_same(tmp_path: Path, state: Path, tool: Path) -> None:
    """The same program, state and engine have one digest, which is remembered."""
    memory = tmp_path / "memory"
    found = settled.digest(partial(declare, "web", 1), state, [tool])
    settled.remember(memory, found, partial(declare, "web", 1))

    assert settled.holds(memory, settled.digest(partial(declare, "web", 1), state, [tool]))


def test_declares(tmp_path: Path) -> None:
    """The program of the last update is known again, however old that is; another one is not."""
    memory = tmp_path / "memory"
    assert not settled.declares(memory, partial(declare, "web"))
    settled.remember(memory, "digest", partial(declare, "web"))

    assert settled.declares(memory, partial(declare, "web"))
    assert not settled.declares(memory, partial(declare, "db"))
    assert not settled.declares(memory, partial(other, "web"))

    settled.remember(memory, "digest", declare)
    assert not settled.declares(memory, declare)
    memory.write_text('{"digest": "x", "time": 0}')
    assert not settled.declares(memory, partial(declare, "web"))


@pytest.mark.parametrize("what", ["arguments", "program", "state", "engine", "library"])
def test_another(
    what: str, state: Path, tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an update depends on makes another digest."""
    before = settled.digest(partial(declare, "web", 1), state, [tool])
    program = partial(declare, "web", 1)
    if what == "arguments":
        program = partial(declare, "web", 2)
    elif what == "program":
        program = partial(other, "web", 1)
    elif what == "state":
        state.write_text(state.read_text() + "\n")
    elif what == "engine":
        os.utime(tool, (1, 1))
    else:
        (tmp_path / "stack").mkdir()
        (tmp_path / "stack" / "machines.py").touch()
        monkeypatch.setattr(settled, "LIBRARY", tmp_path)

    assert settled.digest(program, state, [tool]) != before


def test_untold(tmp_path: Path, state: Path, tool: Path) -> None:
    """Of a program whose arguments cannot be seen, and a stack that is not there, nothing holds."""
    memory = tmp_path / "memory"
    for found in (
        settled.digest(declare, state, [tool]),
        settled.digest(partial(declare), tmp_path / "none.json", [tool]),
    ):
        settled.remember(memory, found, declare)

        assert not memory.exists()
        assert not settled.holds(memory, found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"digest": "x"}',
        '{"digest": "x", "time": 0}',
        '{"digest": "x", "time": null}',
    ],
)
def test_bad_memory(tmp_path: Path, text: str) -> None:
    """A memory that is broken, cut off or old is none."""
    memory = tmp_path / "memory"
    memory.write_text(text)

    assert not settled.holds(memory, "x")


def test_resources(state: Path) -> None:
    """The stack itself is not counted."""
    assert settled.resources(state) == 2


def test_no_resources(state: Path) -> None:
    """A stack may hold nothing."""
    state.write_text('{"checkpoint": {"latest": {"resources": null}}}')

    assert settled.resources(state) == 0


def test_the_engine_runs_once(
    habitat: Path, state: Path, fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second update of the same does not start the engine, one of another program does."""
    fake("pulumi", "exit 1")
    workspace = Workspace("example", habitat / "pulumi", Secret("hidden"))
    ran: list[str] = []

    def engine(_workspace: Workspace, stack: str, *_arguments: Any) -> Changes:
        ran.append(stack)
        target = workspace._state(stack)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(state.read_text())
        return Changes({"create": 2}, (("pool", "create"), ("libvirt", "create")))

    monkeypatch.setattr(Workspace, "_engine", engine)

    assert not workspace.up("sim", partial(declare, "web")).nothing
    assert workspace.up("sim", partial(declare, "web")) == Changes({SAME: 2}, ())
    assert ran == ["sim"]
    assert not workspace.up("sim", partial(declare, "db")).nothing
    assert not workspace.up("sim", partial(declare, "db"), replace=["urn:pool"]).nothing
    assert ran == ["sim", "sim", "sim"]


def test_an_update_that_is_cut_off(
    habitat: Path, fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a stack holds is known without the engine, and not after an update that failed."""
    fake("pulumi", "exit 1")
    workspace = Workspace("example", habitat / "pulumi", Secret("hidden"))
    stacks: list[dict[str, Any]] = [{"type": TYPES[0], "outputs": {"ca": "PEM"}}]
    failures: list[BaseException] = []

    def engine(_workspace: Workspace, stack: str, *_arguments: Any) -> Changes:
        target = workspace._state(stack)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"checkpoint": {"latest": {"resources": stacks}}}))
        if failures:
            raise failures[0]
        return Changes({}, ())

    monkeypatch.setattr(Workspace, "_engine", engine)
    assert workspace.known("sim", partial(declare, "web")) is None
    workspace.up("sim", partial(declare, "web"))
    assert workspace.known("sim", partial(declare, "web")) == {"ca": "PEM"}
    assert workspace.known("sim", partial(declare, "db")) is None

    failures.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        workspace.up("sim", partial(declare, "db"))
    assert workspace.known("sim", partial(declare, "web")) is None
