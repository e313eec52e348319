"""Machines are changed at once, and what a simulation remembers of them is never a lie."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import sha256
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import standin
from toolbox.lib.reconfigure.change import Prospect
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.engines.contract import ChangeReport, Done
from toolbox.lib.reconfigure.history.record import Record as Remembered
from toolbox.lib.reconfigure.look.survey import Survey
from toolbox.lib.reconfigure.planning.plan import Plan
from toolbox.lib.simulation import layout, reach, reconfigure
from toolbox.lib.simulation.reach import Target
from toolbox.lib.simulation.record import Record, load
from toolbox.lib.transport.ssh import Endpoint

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project

WEB = Record("u", "tcg", {22: 20022}, "sha256-1", "debian", "sha256-2", 8, 2048, 2, ignited=True)


def config(text: str = "a") -> Any:
    """Return a config with one file."""
    file = {"path": "/etc/motd", "contents": {"source": f"data:,{text}"}}
    whole = json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": [file]}})
    return SimpleNamespace(json=Secret(whole), sha256=sha256(whole.encode()))


class Shell:
    """Answers commands with exit codes."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.ran: list[str] = []

    def run(self, _name: str, command: str, **_options: Any) -> Any:
        """Remember a command."""
        self.ran.append(command)
        tail = lambda _stream="stderr": ""  # noqa: E731
        return SimpleNamespace(ok=self.code == 0, exit_code=self.code, tail=tail)


def machine(project: Project, *, simulated: bool = True, code: int = 0) -> reach.Reached:
    """Return a machine whose connections lead nowhere."""
    web = project.hosts[1]
    endpoint = Endpoint("web", "127.0.0.1", 20022, "k")
    target = Target(web, endpoint, standin.identity(["web"]), (), simulated=simulated)
    vault: Any = SimpleNamespace(keep=lambda _keepsakes: None)
    session: Any = SimpleNamespace(name="web")
    return reach.Reached(target, session, Shell(code), vault)  # type: ignore[arg-type]


def prospect(text: str = "a", **fields: Any) -> Prospect:
    """Return what has to be done to a machine."""
    return Prospect("web", derive(config(text)), Survey(), Plan(**fields))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[ChangeReport | Exception]:
    """Return what the engine will report, in order; what it sees is printed."""
    reports: list[ChangeReport | Exception] = []

    def apply(plan: Plan) -> ChangeReport:
        print("applied", plan.base)
        report = reports.pop(0)
        if isinstance(report, Exception):
            raise report
        return report

    def engine_of(_name: str, _session: Any, _seen: Any, again: Any, _states: Any) -> Any:
        print("with a way back" if again else "with none")
        return SimpleNamespace(name="fake", apply=apply)

    monkeypatch.setattr(reconfigure.change, "engine_of", engine_of)
    return reports


def test_carry_out(project: Project, engine: list[Any]) -> None:
    """A machine that was changed has the new config from then on."""
    where = layout.of(project)
    WEB.save(where.record("web"))
    report = ChangeReport("fake", (Done("/etc/motd", "changed"),), 1)
    engine.append(report)

    assert reconfigure.apply(project, [(machine(project), prospect())], "direct") == (report,)
    assert load(where.record("web")) == replace(WEB, config=config().sha256)


@pytest.mark.parametrize("new", [True, False])
def test_way_back(
    project: Project, engine: list[Any], capsys: pytest.CaptureFixture[str], *, new: bool
) -> None:
    """A change that would lock us out is taken back, but on a machine that was nothing before."""
    engine.append(ChangeReport("fake"))
    web = replace(machine(project, simulated=False), new=new)

    reconfigure.apply(project, [(web, prospect())], "direct")

    assert ("with none" if new else "with a way back") in capsys.readouterr().out


def test_what_fails_is_neither(project: Project, engine: list[Any]) -> None:
    """A machine on which a change did not end well has neither config, so it is changed again."""
    where = layout.of(project)
    WEB.save(where.record("web"))
    engine.append(KeyError("cut off"))

    with pytest.raises(KeyError):
        reconfigure.apply(project, [(machine(project), prospect())], "direct")

    assert load(where.record("web")) == replace(WEB, config="")


def test_real_machines(project: Project, engine: list[Any]) -> None:
    """What is done to a real machine does not touch what is known of a simulated one."""
    where = layout.of(project)
    WEB.save(where.record("web"))
    engine.append(ChangeReport("fake"))

    reconfigure.apply(project, [(machine(project, simulated=False), prospect())], "direct")

    assert load(where.record("web")) == WEB
    assert not (where.folder / "lock").exists()


def test_check(project: Project, engine: list[Any]) -> None:
    """A check that succeeds is all."""
    engine.append(ChangeReport("fake", generation=2))
    web = machine(project, simulated=False)

    (report,) = reconfigure.apply(project, [(web, prospect(base=1))], "direct", "true")

    assert report.generation == 2
    assert web.client.ran == ["true"]  # type: ignore[attr-defined]


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Be on a machine that remembers what it was; return which generations were asked for."""
    asked: list[int] = []

    def state(_session: Any, number: int, _vault: Any) -> Any:
        asked.append(number)
        return derive(config("before"))

    def again(_session: Any, desired: Any, *, engine: str) -> Prospect:
        del engine
        return replace(prospect(base=2, record=Remembered(3, "sha256-x")), desired=desired)

    monkeypatch.setattr(reconfigure.generations, "state", state)
    monkeypatch.setattr(reconfigure.change, "prospect", again)
    return asked


def test_check_that_fails(project: Project, engine: list[Any], before: list[int]) -> None:
    """A machine that is not well goes back to what it was, and its config is that one's."""
    where = layout.of(project)
    WEB.save(where.record("web"))
    engine += [ChangeReport("fake", generation=2), ChangeReport("fake", generation=3)]
    web = machine(project, code=7)

    with pytest.raises(ToolboxError, match="exit code 7\nall was taken back, as generation 3"):
        reconfigure.apply(project, [(web, prospect(base=1))], "direct", "false")

    assert before == [1]
    assert load(where.record("web")) == replace(WEB, config=config("before").sha256)


def test_check_with_nothing_before(project: Project, engine: list[Any]) -> None:
    """A machine that was nothing before has no way back, which is said."""
    engine.append(ChangeReport("fake", generation=1))
    web = machine(project, simulated=False, code=1)

    with pytest.raises(ToolboxError, match="the check failed") as caught:
        reconfigure.apply(project, [(web, prospect())], "direct", "false")
    assert caught.value.hint == "there is no generation to go back to"


def test_roll_back(project: Project, engine: list[Any], before: list[int]) -> None:
    """What a machine was is applied to it."""
    engine.append(ChangeReport("fake", generation=3))

    back = reconfigure.roll_back(project, machine(project, simulated=False), 0, "direct")

    assert (back.report.generation, before) == (3, [0])
