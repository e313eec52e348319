"""One machine: looked at, decided, changed; what fails is told with what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.reconfigure import change
from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.engines.contract import DIRECT, ChangeReport, Done
from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.look.survey import Survey
from toolbox.lib.reconfigure.planning.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.reconfigure.desire.state import DesiredState


def _desired(text: str) -> DesiredState:
    file = {"path": "/etc/motd", "overwrite": True, "contents": {"source": f"data:,{text}"}}
    config = {"ignition": {"version": "3.4.0"}, "storage": {"files": [file]}}
    return ignition.read(json.dumps(config), f"sha256-{text}")


class Engine:
    """Does nothing and reports what it is told to."""

    name = "fake"

    def __init__(self, report: ChangeReport) -> None:
        self.report = report
        self.plans: list[Plan] = []

    def apply(self, plan: Plan) -> ChangeReport:
        """Remember the plan."""
        self.plans.append(plan)
        return self.report


def _prospect(**fields: Any) -> change.Prospect:
    return change.Prospect("web", _desired("a"), Survey(), Plan(**fields))


@pytest.mark.usefixtures("habitat")
def test_into(tmp_path: Path) -> None:
    """A folder becomes what is desired, and a second time there is nothing to do."""
    root = tmp_path / "machine"

    first, done = change.into(root, _desired("a"), DIRECT)
    assert (root / "etc/motd").read_text() == "a"
    assert (done.ok, done.generation, first.nothing) == (True, 1, False)

    again, nothing = change.into(root, _desired("a"), DIRECT)
    assert (again.nothing, nothing.done, nothing.generation) == (True, (), 1)

    _, other = change.into(root, _desired("b"), DIRECT)
    assert (root / "etc/motd").read_text() == "b"
    assert other.generation == 2


@pytest.mark.needs("root")
@pytest.mark.usefixtures("habitat")
def test_into_nothing_with_people(tmp_path: Path) -> None:
    """In an empty folder, too, there is a place for users; what stands there is kept."""
    passwd = {"users": [{"name": "ana", "uid": 4711}], "groups": [{"name": "people"}]}
    config = {"ignition": {"version": "3.4.0"}, "passwd": passwd}
    wanted = ignition.read(json.dumps(config), "sha256-people")
    root = tmp_path / "machine"

    change.into(root, wanted, DIRECT)

    users = (root / "etc/passwd").read_text().splitlines()
    assert [line.split(":")[0] for line in users] == ["root", "ana"]
    assert (root / "etc/shadow").stat().st_mode & 0o777 == 0o600

    other = tmp_path / "other"
    (other / "etc").mkdir(parents=True)
    (other / "etc/passwd").write_text("someone:x:7:7::/:/bin/sh\n")
    change.into(other, ignition.read(json.dumps(config), "sha256-people"), DIRECT)
    assert (other / "etc/passwd").read_text().startswith("someone:")


def test_nothing() -> None:
    """A machine that is as it shall be but remembers another config is not done with."""
    assert _prospect().nothing
    assert not _prospect(record=Record(1, "sha256-a")).nothing


def test_carry_out() -> None:
    """What an engine did is returned."""
    report = ChangeReport("fake", (Done("/etc/motd", "changed"),), 1)
    engine = Engine(report)
    seen = _prospect(base=0)

    assert change.carry_out(seen, engine) == report
    assert engine.plans == [seen.plan]


def test_refused() -> None:
    """A plan with errors is not carried out; a warning is no error."""
    error = Finding(None, None, None, Severity.ERROR, "read-only", "/usr cannot be written")
    warning = Finding(None, None, None, Severity.WARNING, "odd", "odd")
    engine = Engine(ChangeReport("fake"))

    with pytest.raises(ToolboxError, match="web cannot be changed") as caught:
        change.carry_out(_prospect(findings=(error, warning)), engine)
    assert caught.value.findings == (error,)
    assert engine.plans == []
    change.carry_out(_prospect(findings=(warning,)), engine)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (ChangeReport("fake", undone="no new connection"), "all was taken back: no new connection"),
        (ChangeReport("fake", (Done("x.service", "restart", ok=False, message="no"),)), "x.serv"),
    ],
)
def test_what_went_wrong(report: ChangeReport, words: str) -> None:
    """What was taken back or failed is an error that names it."""
    with pytest.raises(ToolboxError, match=words) as caught:
        change.carry_out(_prospect(), Engine(report))
    assert caught.value.hint


def test_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes machines is told, also where the user has no name."""
    assert "@" in change.who()

    def nobody() -> str:
        message = "uid not found"
        raise KeyError(message)

    monkeypatch.setattr(change.getpass, "getuser", nobody)
    assert change.who().startswith("somebody@")
