"""Users, groups and keys come, change and go; only what was made goes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.reconfigure.model import Machine, read
from toolbox.lib.reconfigure.look.survey import Account
from toolbox.lib.reconfigure.planning.plan import Change

CORE = Account("core", 1000, 1000, "CoreOS Admin", "/var/home/core", "/bin/bash", ("wheel",))


def _passwd(*users: dict[str, Any], groups: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"passwd": {"users": list(users), "groups": list(groups)}}


def _user(name: str = "core", **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def _machine(**more: Any) -> Machine:
    return Machine(accounts={"core": replace(CORE, **more)}, groups={"wheel": 10, "core": 1000})


def test_added() -> None:
    """A user and a group that are not there are added, and are there then."""
    machine = _machine()
    wanted = read(_passwd(_user("me", shell="/bin/sh"), groups=({"name": "staff"},)))
    plan = machine.plan(wanted)
    assert [(it.user.name, it.change) for it in plan.users] == [("me", Change.ADDED)]
    assert [(it.group.name, it.change) for it in plan.groups] == [("staff", Change.ADDED)]
    machine.apply(plan)
    assert machine.plan(wanted).nothing


DIFFERENT = {
    "uid": (_user(uid=5), ("uid",)),
    "gecos": (_user(gecos="Somebody"), ("gecos",)),
    "home": (_user(homeDir="/srv"), ("home",)),
    "shell": (_user(shell="/bin/sh"), ("shell",)),
    "primary group": (_user(primaryGroup="wheel"), ("primary_group",)),
    "groups": (_user(groups=["wheel", "staff"]), ("groups",)),
    "fewer groups": (_user(groups=["staff"]), ("groups",)),
    "the same groups": (_user(groups=["wheel"]), ()),
    "the same": (_user(shell="/bin/bash", uid=1000), ()),
    "nothing": (_user(), ()),
    "keys": (_user(sshAuthorizedKeys=["a"]), ("keys",)),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_fields(case: str) -> None:
    """A field that differs is told; one of which nothing is said is left alone."""
    said, reasons = DIFFERENT[case]
    plan = _machine().plan(read(_passwd(said)))
    assert [it.reasons for it in plan.users] == ([reasons] if reasons else [])


def test_passwords() -> None:
    """A password is compared by its hash; an empty one locks."""
    known = hashlib.sha256(b"$y$a").hexdigest()
    locked = hashlib.sha256(b"*").hexdigest()
    same, empty = read(_passwd(_user(passwordHash="$y$a"))), read(_passwd(_user(passwordHash="")))
    assert _machine(password=known).plan(same).nothing
    assert _machine(password=locked).plan(empty).nothing
    assert _machine(password=known).plan(empty).users[0].reasons == ("password",)
    assert "$y$a" not in repr(_machine(password=locked).plan(same))


def test_a_password_that_cannot_be_read() -> None:
    """Where the machine's is not known, what was said before decides."""
    wanted = read(_passwd(_user(passwordHash="$y$a")))
    machine = _machine()
    machine.apply(machine.plan(wanted))
    assert machine.plan(wanted).nothing
    assert machine.plan(read(_passwd(_user(passwordHash="$y$b")))).users


def test_keys_are_revoked() -> None:
    """A key that no config names any more goes, also with the last word about its user."""
    machine = _machine()
    machine.apply(machine.plan(read(_passwd(_user(sshAuthorizedKeys=["a", "b"])))))
    assert machine.accounts["core"].keys == ("a", "b")
    fewer = machine.plan(read(_passwd(_user(sshAuthorizedKeys=["b"]))))
    assert fewer.users[0].user.keys == ("b",)
    silent = machine.plan(read(_passwd(_user())))
    assert silent.users[0].user.keys == ()
    gone = machine.plan(read({}))
    assert (gone.users[0].change, gone.users[0].user.keys) == (Change.CHANGED, ())


def test_keys_of_others() -> None:
    """Keys of a user of whom no config ever spoke are nobody's business."""
    assert _machine(keys=("a",)).plan(read({})).nothing


def test_removed() -> None:
    """A user and a group that were made go; what was there before stays."""
    machine = _machine()
    said = _passwd(
        _user("me"), _user(shell="/bin/sh"), groups=({"name": "staff"}, {"name": "wheel"})
    )
    machine.apply(machine.plan(read(said)))
    plan = machine.plan(read({}))
    assert [(it.user.name, it.change) for it in plan.users] == [("me", Change.REMOVED)]
    assert [(it.group.name, it.change) for it in plan.groups] == [("staff", Change.REMOVED)]


def test_should_not_exist() -> None:
    """Who shall not exist is removed, if there is one."""
    plan = _machine().plan(read(_passwd(_user(shouldExist=False), _user("you", shouldExist=False))))
    assert [(it.user.name, it.change) for it in plan.users] == [("core", Change.REMOVED)]
    assert "user core goes" in plan.risky


def test_risk() -> None:
    """What changes how somebody logs in is risky; what does not is not."""
    machine = _machine(keys=("a",))
    assert machine.plan(read(_passwd(_user(sshAuthorizedKeys=["b"])))).risky
    assert not machine.plan(read(_passwd(_user(gecos="x")))).risky
    assert not machine.plan(read(_passwd(_user("me", sshAuthorizedKeys=["b"])))).risky


def test_groups() -> None:
    """A group with another number is changed."""
    plan = _machine().plan(read(_passwd(groups=({"name": "wheel", "gid": 11},))))
    assert [it.reasons for it in plan.groups] == [("gid",)]
