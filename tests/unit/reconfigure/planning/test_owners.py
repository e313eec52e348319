"""Owners are known by number where there is one, those that a config makes included."""

from __future__ import annotations

from toolbox.lib.reconfigure.desire.state import DesiredState, Group, User
from toolbox.lib.reconfigure.look.survey import Account, Survey
from toolbox.lib.reconfigure.planning.owners import owners

CORE = Account("core", 1000, 1000, "", "/home/core", "/bin/sh")
THERE = Survey(accounts={"core": CORE}, groups={"core": 1000, "wheel": 10})


def test_those_that_are_there() -> None:
    """A machine's own users and groups have their numbers; root is always there."""
    known = owners(DesiredState("sha256-x"), THERE)
    assert (known.user("core"), known.group("wheel"), known.user(7)) == (1000, 10, 7)
    assert (known.user("root"), known.group("root")) == (0, 0)
    assert known.lacks("core", "wheel") == ""


def test_those_that_come() -> None:
    """A new user brings a group; a number that the machine chooses is not known."""
    users = (User("ana"), User("bob", uid=7, own_group=False))
    known = owners(DesiredState("sha256-x", users=users, groups=(Group("team", 70),)), THERE)
    assert (known.user("ana"), known.user("bob"), known.group("team")) == (None, 7, 70)
    assert known.lacks("ana", "ana") == ""
    assert known.lacks("bob", "bob") == "group bob"


def test_those_that_lack() -> None:
    """Who is nowhere is told by name."""
    known = owners(DesiredState("sha256-x", users=(User("eve", exists=False),)), THERE)
    assert known.lacks("eve", "core") == "user eve"
    assert known.lacks("core", "nobodies") == "group nobodies"
