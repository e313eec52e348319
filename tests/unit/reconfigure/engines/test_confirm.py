"""A risky change stays only when a new connection confirms it."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.desire.state import User
from toolbox.lib.reconfigure.engines import confirm
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.plan import Change, Plan, UserChange
from toolbox.lib.reconfigure.session.lock import BusyError
from toolbox.lib.reconfigure.session.shell import SessionCut
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Site

    from toolbox.lib.reconfigure.engines.contract import ChangeReport
    from toolbox.lib.reconfigure.session.shell import Session

BEFORE: dict[str, Any] = {
    "storage": {
        "files": [
            {"path": "/etc/x", "mode": 0o640, "contents": {"source": "data:,before"}},
            {"path": "/etc/goes/deep", "contents": {"source": "data:,goes"}},
            {"path": "/etc/kind/in", "contents": {"source": "data:,inside"}},
        ],
        "links": [
            {"path": "/etc/link", "target": "x"},
            {"path": "/etc/parts", "target": "/etc/x", "hard": True},
            {"path": "/etc/stays", "target": "/etc/x", "hard": True},
        ],
    }
}
AFTER: dict[str, Any] = {
    "storage": {
        "files": [
            {"path": "/etc/x", "mode": 0o600, "contents": {"source": "data:,after"}},
            {"path": "/etc/comes/deep", "contents": {"source": "data:,comes"}},
            {"path": "/etc/kind", "overwrite": True, "contents": {"source": "data:,file"}},
            {"path": "/etc/parts", "mode": 0o640, "contents": {"source": "data:,before"}},
        ],
        "links": [
            {"path": "/etc/link", "target": "elsewhere"},
            {"path": "/etc/stays", "target": "/etc/x", "hard": True},
        ],
    }
}


def _risky(site: Site, session: Session) -> tuple[Plan, Direct]:
    desired = site.state(AFTER)
    survey = question.survey(session, desired)
    plan = replace(site.plan(session, desired), risky=("it is a test",))
    return plan, Direct(session, before=survey.record, limit=2)


def _ends(site: Site) -> None:
    """Wait until nobody watches the change any more."""
    end = time.monotonic() + 60
    while (site.root / "var/lib/infra-toolbox/undo").exists() and time.monotonic() < end:
        time.sleep(0.1)


def _apply(site: Site, connect: confirm.Connect) -> ChangeReport:
    with site.session() as session:
        plan, engine = _risky(site, session)
        return replace(engine, connect=connect).apply(plan)


@contextmanager
def _fails() -> Iterator[Session]:
    message = "no route to host"
    raise ToolboxError(message)
    yield  # type: ignore[unreachable]


def test_confirmed(site: Site) -> None:
    """What a new connection confirms stays, and nothing waits for it any more."""
    site.bring(BEFORE)

    report = _apply(site, site.session)

    assert report.ok
    assert report.generation == 2
    assert (site.root / "etc/x").read_text() == "after"
    assert not site.left()
    assert site.bring(AFTER) is None


def test_unconfirmed(site: Site) -> None:
    """Without a new connection everything is as before, and the machine remembers that."""
    site.bring(BEFORE)
    before = site.tree()
    record = (site.root / "var/lib/infra-toolbox/record.json").read_text()

    report = _apply(site, _fails)

    assert not report.ok
    assert "no route to host" in report.undone
    assert report.generation == 1
    assert site.tree() == before
    assert not site.left()
    assert (site.root / "var/lib/infra-toolbox/record.json").read_text() == record
    assert site.bring(BEFORE) is None


def test_unconfirmed_after_one_that_was_cut_off(site: Site, tmp_path: Path) -> None:
    """What is taken back leaves known what the one before it had begun, wherever that ended."""
    other: dict[str, Any] = {
        "storage": {
            "files": [
                {"path": "/srv/other", "contents": {"source": "data:,other"}},
                {"path": "/etc/x", "contents": {"source": "data:,other"}},
            ],
            "links": [{"path": "/srv/joins", "target": "/etc/x", "hard": True}],
        }
    }
    site.bring(BEFORE)
    before, pristine, told = site.tree(), tmp_path / "pristine", tmp_path / "points"
    shutil.copytree(site.root, pristine, symlinks=True)
    site.bring(other, INFRA_FAULT="list", INFRA_FAULT_LIST=str(told))
    points = [line.removeprefix("# ") for line in told.read_text().splitlines()]
    for point in points[::8]:
        shutil.rmtree(site.root)
        shutil.copytree(pristine, site.root, symlinks=True)
        with suppress(ToolboxError):
            site.bring(other, INFRA_FAULT=f"{point}:power")

        assert _apply(site, _fails).undone, point
        site.bring(BEFORE)

        assert site.tree() == before, point
        assert not site.left(), point


def test_nobody_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken back in time also when the operator is gone, and nobody builds on it before."""
    site.bring(BEFORE)
    before = site.tree()

    def gone(*_arguments: Any, **_options: Any) -> str:
        message = "the operator's machine is off"
        raise SessionCut(message)

    monkeypatch.setattr(confirm, "settle", gone)
    with site.session() as session:
        plan, engine = _risky(site, session)
        with pytest.raises(SessionCut):
            replace(engine, connect=site.session).apply(plan)
        with pytest.raises(BusyError, match="to be confirmed is changing"):
            question.survey(session, site.state(BEFORE), patience=0)
        question.survey(session, site.state(BEFORE), patience=60)

    _ends(site)
    assert site.tree() == before
    assert not site.left()


def test_killed_change_is_taken_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was killed before its end is taken back at once: nobody could confirm it any more."""
    site.bring(BEFORE)
    before = site.tree()
    carry_out = jobs.carry_out

    def killed(session: Session, plan: Plan, job: jobs.Job, **options: Any) -> jobs.Outcome:
        job.lines.insert(len(job.lines) // 2, "kill -9 $$")
        return carry_out(session, plan, job, **options)

    monkeypatch.setattr(jobs, "carry_out", killed)
    with pytest.raises(ToolboxError, match="ended there before it was done"):
        _apply(site, site.session)

    _ends(site)
    assert site.tree() == before
    assert not site.left()


def test_cut_connection_is_tried_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that cuts the connection over which it is made is confirmed over a new one."""
    site.bring(BEFORE)
    carry_out = jobs.carry_out

    def cut(*arguments: Any, **options: Any) -> jobs.Outcome:
        carry_out(*arguments, **options)
        message = "the connection ended"
        raise SessionCut(message)

    monkeypatch.setattr(jobs, "carry_out", cut)
    report = _apply(site, site.session)

    assert report.ok
    assert [item.action for item in report.done] == ["reconnect"]
    assert (site.root / "etc/x").read_text() == "after"


def test_failure_is_taken_back(site: Site) -> None:
    """A risky change of which a part fails does not stay."""
    site.bring(BEFORE)
    before = site.tree()
    with site.session() as session:
        plan, engine = _risky(site, session)
        broken = replace(plan.nodes[-1], path="/etc/x/impossible", change=Change.ADDED, was=None)
        plan = replace(plan, nodes=(*plan.nodes, broken))

        report = replace(engine, connect=site.session).apply(plan)

    assert not report.ok
    assert report.undone == "a part of it failed"
    assert site.tree() == before
    assert not site.left()


def test_units_are_turned_back() -> None:
    """What was started stops before its file goes; what was stopped starts after it is back."""
    verbs = [Verb.STOP, Verb.DISABLE, Verb.ENABLE, Verb.START, Verb.RELOAD, Verb.RESTART]
    actions = tuple(UnitAction(f"{verb}.service", verb) for verb in verbs)
    job = jobs.Job()

    confirm.arm(job, Plan(units=actions, reload=True), machine=True)

    assert [" ".join(line.split()[:2] + line.split()[3:]) for line in job.undo] == [
        "units stop start.service",
        "units disable enable.service",
        "try 0 daemon-reload",
        "units enable disable.service",
        "units start stop.service",
        "units reload reload.service",
        "units restart restart.service",
    ]
    assert job.limit == confirm.LIMIT_SECONDS


def test_accounts_are_turned_back() -> None:
    """Who came goes, the files of accounts come back, and so do keys and homes."""
    users = (
        UserChange(User("new"), Change.ADDED),
        UserChange(User("old", exists=False), Change.REMOVED),
        UserChange(User("core", keys=("k",)), Change.CHANGED, ("keys",)),
    )
    job = jobs.Job()

    confirm.arm(job, Plan(users=users), machine=True)

    calls = [line.split(" ", 2)[2] for line in job.undo]
    assert calls[0] == "user_gone new"
    assert "restore_path shadow /etc/shadow flat" in calls
    assert calls[-2:] == ["home_back old", "restore_keys k2 core"]
    assert "save_keys k2 core || return" in job.saved
