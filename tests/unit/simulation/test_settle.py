"""Machines of a simulation whose config changed are changed, the others are left alone."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.pki import standin
from toolbox.lib.reconfigure.change import Prospect
from toolbox.lib.reconfigure.desire.state import DesiredState, Kind
from toolbox.lib.reconfigure.engines.contract import ChangeReport
from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.look.survey import Survey
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange, Plan
from toolbox.lib.simulation import layout, settle
from toolbox.lib.simulation.start import Running
from toolbox.lib.transport.ssh import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.inventory.project import Project

MOTD = NodeChange("/etc/motd", Change.CHANGED, Kind.FILE, mode=0o644, reasons=("contents",))


def _running(project: Project, action: str) -> list[Running]:
    return [
        Running(host, Endpoint(host.name, "x", 1, "k"), "sha256-old", action, "", "boot", {}, ())
        for host in project.hosts
    ]


def _plans(project: Project, *changed: str) -> list[Any]:
    return [
        SimpleNamespace(
            host=host,
            changed=host.name in changed,
            config=SimpleNamespace(sha256="sha256-new" if host.name in changed else "sha256-old"),
            record=SimpleNamespace(accelerator="tcg"),
        )
        for host in project.hosts
    ]


@pytest.fixture
def starter(project: Project, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what brought the machines up; sessions lead nowhere."""

    @contextmanager
    def remote(_client: Any, name: str) -> Iterator[Any]:
        yield SimpleNamespace(name=name)

    monkeypatch.setattr(settle, "remote", remote)
    told = SimpleNamespace(files=lambda _name: ())
    identity = standin.identity(["db", "web"])
    return SimpleNamespace(where=layout.of(project), ssh=None, told=told, identity=identity)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what was applied; each machine shall have another file, or what a test says."""
    applied: list[Any] = []

    def prospects(machines: Any, configs: Any, _engine: str) -> tuple[Prospect, ...]:
        assert set(configs) == {machine.name for machine in machines}
        assert all(machine.target.emulated for machine in machines)
        plan = Plan((MOTD,), base=0, record=Record(1, "sha256-new"))
        return tuple(
            Prospect(machine.name, DesiredState("sha256-new"), Survey(), plan)
            for machine in machines
        )

    def carry_out(_where: Any, pairs: Any, engine: str) -> tuple[ChangeReport, ...]:
        applied.extend((machine.name, engine, machine.new) for machine, _ in pairs)
        return tuple(ChangeReport(engine) for _ in pairs)

    monkeypatch.setattr(settle.reconfigure, "prospects", prospects)
    monkeypatch.setattr(settle.reconfigure, "carry_out", carry_out)
    return applied


def test_changed(
    project: Project, starter: Any, planned: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What changes is said while it does, and told of the machine afterwards."""
    machines = settle.settle(starter, _plans(project, "web"), _running(project, "unchanged"))

    db, web = machines
    assert planned == [("web", "direct", False)]
    assert (db.action, db.config, db.changes) == ("unchanged", "sha256-old", ())
    assert (web.action, web.config) == ("changed", "sha256-new")
    assert web.changes == ("~ /etc/motd  file 0644 (contents)",)
    assert "  web: ~ /etc/motd  file 0644 (contents)\n" in capsys.readouterr().err


def test_nothing(project: Project, starter: Any, planned: list[Any]) -> None:
    """Where no config changed nobody is asked."""
    machines = _running(project, "unchanged")

    assert settle.settle(starter, _plans(project), machines) == tuple(machines)
    assert planned == []


def test_nothing_differs(
    project: Project,
    starter: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A config that says the same in other words is remembered, and that is said."""
    plan = Plan(base=0, record=Record(1, "sha256-new"))
    seen = Prospect("web", DesiredState("sha256-new"), Survey(), plan)
    monkeypatch.setattr(settle.reconfigure, "prospects", lambda *_: (seen,))
    monkeypatch.setattr(settle.reconfigure, "carry_out", lambda *_: ())

    _, web = settle.settle(starter, _plans(project, "web"), _running(project, "unchanged"))

    assert (web.action, web.changes) == ("changed", ())
    assert "web: nothing on it differs" in capsys.readouterr().err


def test_warm(project: Project, starter: Any, planned: list[Any]) -> None:
    """A machine that came from the generic guest stays one that did, and needs no way back."""
    machines = settle.settle(starter, _plans(project, "db", "web"), _running(project, "warm"))

    assert [machine.action for machine in machines] == ["warm", "warm"]
    assert planned == [("db", "direct", True), ("web", "direct", True)]


@pytest.mark.usefixtures("planned")
def test_failure(project: Project, starter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot have a machine changed is told of a new one."""

    def fail(*_: Any) -> None:
        message = "/usr cannot be written"
        raise ToolboxError(message)

    monkeypatch.setattr(settle.reconfigure, "carry_out", fail)

    with pytest.raises(ToolboxError) as caught:
        settle.settle(starter, _plans(project, "web"), _running(project, "unchanged"))
    assert caught.value.hint == "a new machine: invoke sim --fresh"
