"""What somebody changed by hand is told, and what is as it was put there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.reconfigure.model import Entry, Machine, file, read, storage
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.look import drift
from toolbox.lib.reconfigure.look.survey import UnitFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolbox.lib.reconfigure.look.drift import Drift

CONFIG = {
    **storage(
        file("/etc/a", "x", user={"id": 7}),
        {"path": "/etc/own", "append": [file("", "ours\n")["contents"]]},
        directories=[{"path": "/srv/d", "mode": 0o700}],
        links=[
            {"path": "/srv/l", "target": "d"},
            {"path": "/srv/h", "target": "/etc/a", "hard": True},
        ],
    ),
    "systemd": {"units": [{"name": "a.service", "enabled": True}]},
}


def _drift(machine: Machine) -> tuple[Drift, ...]:
    return drift.of(machine.survey(read(CONFIG)))


def test_nothing() -> None:
    """A machine that Ignition has just made has no drift, nor has one without a record."""
    assert _drift(Machine().ignite(read(CONFIG))) == ()
    assert _drift(Machine()) == ()


def test_hard_link_to_a_file_of_the_image() -> None:
    """It is as it was put there also for who asks with a config that does not name it."""
    links = [{"path": "/srv/h", "target": "/etc/own", "hard": True}]
    machine = Machine().ignite(read(storage(links=links)))
    assert drift.of(machine.survey(read({}))) == ()
    machine.tree["/etc/own"] = Entry(Kind.FILE, 0o600, data=b"of the image\n")
    told = drift.of(machine.survey(read({})))
    assert [(it.what, it.reasons) for it in told] == [("/srv/h", ("target",))]


def _moved(machine: Machine) -> None:
    machine.tree["/srv/l"].target = "e"


def _replaced(machine: Machine) -> None:
    machine.tree["/srv/l"] = Entry(Kind.FILE)


def _rewritten(machine: Machine) -> None:
    machine.tree["/etc/a"] = Entry(Kind.FILE, 0o600, data=b"y")


def _cut(machine: Machine) -> None:
    machine.tree["/etc/own"].data = b"of the image\n"


def _grown(machine: Machine) -> None:
    machine.tree["/etc/own"].data += b"theirs\n"


def _disabled(machine: Machine) -> None:
    machine.units["a.service"] = UnitFacts("loaded", "inactive", "disabled")


def _removed(machine: Machine) -> None:
    machine.remove("/srv/d")


CASES = {
    _moved: {"/srv/l": ("target",)},
    _replaced: {"/srv/l": ("kind",)},
    _rewritten: {"/etc/a": ("contents", "mode", "owner"), "/srv/h": ("target",)},
    _cut: {"/etc/own": ("contents",)},
    _grown: {},
    _disabled: {"unit a.service": ("enabled",)},
    _removed: {"/srv/d": ("gone",)},
}


@pytest.mark.parametrize("change", CASES)
def test_changed_by_hand(change: Callable[[Machine], None]) -> None:
    """Each kind of change is told with what differs."""
    machine = Machine().ignite(read(CONFIG))
    change(machine)
    assert {item.what: item.reasons for item in _drift(machine)} == CASES[change]


def test_accounts() -> None:
    """A user and a group that are gone are told."""
    config = {"passwd": {"users": [{"name": "me"}], "groups": [{"name": "staff"}]}}
    machine = Machine().ignite(read(config))
    found = drift.of(machine.survey(read(config)))
    assert [item.what for item in found] == ["user me", "group staff"]
