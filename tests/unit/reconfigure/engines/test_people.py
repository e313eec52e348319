"""Users, groups and keys change by the programs for them, and no password is an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure import change
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Group, Kind, User
from toolbox.lib.reconfigure.engines import confirm, direct
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.planning.plan import Change, GroupChange, NodeChange, Plan, UserChange

if TYPE_CHECKING:
    from conftest import Site


def test_accounts() -> None:
    """Accounts change before files, those that go first; no password is an argument."""
    people = (
        UserChange(
            User("web", uid=7, groups=("a", "b"), password=Secret("$6$hash"), keys=("k1", "k2")),
            Change.ADDED,
        ),
        UserChange(User("core", shell="/bin/sh", gecos="Core"), Change.CHANGED, ("shell",)),
        UserChange(User("old", exists=False), Change.REMOVED),
        UserChange(User("core", keys=()), Change.CHANGED, ("keys",)),
    )
    groups = (
        GroupChange(Group("a", gid=5), Change.ADDED),
        GroupChange(Group("b", exists=False), Change.REMOVED),
    )
    node = NodeChange("/etc/x", Change.ADDED, Kind.FILE, contents=Blob(b""))

    job = direct.write(Plan(nodes=(node,), users=people, groups=groups), machine=True)

    calls = [line.split(" ", 2)[2] for line in job.lines if not line.startswith("try")]
    assert calls == [
        "user_gone old",
        "group_gone b first",
        "group a 2 --gid 5 --gid 5",
        "user web 7 --uid 7 --groups a,b --create-home --password '*' --uid 7 --groups a,b",
        "password chpasswd 0 12",
        "keys web 12 6",
        "user core 7 --comment Core --shell /bin/sh --create-home --password '*' --shell /bin/sh",
        "keys_gone core",
        "group_gone b last",
        "file /etc/x 644 0:0 - 18 0",
    ]
    assert bytes(job.bundle.data[:18]) == b"web:$6$hash\nk1\nk2\n"
    assert "hash" not in "".join(job.lines)


PEOPLE = {
    "passwd": {
        "groups": [{"name": "team", "gid": 4000}],
        "users": [
            {"name": "core", "sshAuthorizedKeys": ["one", "two"]},
            {
                "name": "new",
                "uid": 4001,
                "groups": ["team"],
                "gecos": "N. N.",
                "shell": "/bin/sh",
                "passwordHash": "$6$new",
                "sshAuthorizedKeys": ["three"],
            },
            {"name": "daemon2", "system": True, "noCreateHome": True},
        ],
    }
}


@pytest.mark.needs("useradd", "root")
def test_people(site: Site) -> None:
    """Users, groups, passwords and keys come by the programs that manage them, and go again."""
    etc, home = site.root / "etc", site.root / "home"
    etc.mkdir()
    (home / "core").mkdir(parents=True)
    site.root.chmod(0o755)
    for name, text in (
        ("passwd", "root:x:0:0::/root:/bin/sh\ncore:x:1000:1000::/home/core:/bin/sh\n"),
        ("group", "root:x:0:\ncore:x:1000:\n"),
        ("shadow", "root:*:1::::::\ncore:*:1::::::\n"),
        ("gshadow", "root:*::\ncore:!::\n"),
    ):
        (etc / name).write_text(text)
    before = {name: (etc / name).read_text() for name in ("passwd", "group", "shadow")}

    report = site.bring(PEOPLE)

    assert report is not None
    assert report.ok, report.done
    assert site.bring(PEOPLE) is None
    lines = (etc / "passwd").read_text().splitlines()
    (new,) = (line.split(":") for line in lines if line.startswith("new:"))
    assert (new[2], new[4:]) == ("4001", ["N. N.", "/home/new", "/bin/sh"])
    assert "team:x:4000:new\n" in (etc / "group").read_text()
    shadow = dict(line.split(":")[:2] for line in (etc / "shadow").read_text().splitlines())
    assert (shadow["new"], shadow["daemon2"], shadow["core"]) == ("$6$new", "*", "*")
    keys = home / "core/.ssh/authorized_keys.d/ignition"
    assert keys.read_text() == "one\ntwo\n"
    assert (keys.stat().st_uid, keys.stat().st_mode & 0o777) == (1000, 0o600)
    assert not (home / "daemon2").exists()

    site.bring({})

    assert {name: (etc / name).read_text() for name in before} == before
    assert not (home / "new").exists()
    assert not (home / "core/.ssh").exists()


@pytest.mark.needs("useradd", "root")
def test_home_that_was_lost(site: Site) -> None:
    """A user without a home, as a power cut may leave one, gets it with what a home begins with."""
    etc = site.root / "etc"
    (etc / "skel").mkdir(parents=True)
    (etc / "skel/.profile").write_text("hello\n")
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\nana:x:1000:\n")
    site.root.chmod(0o755)

    report = site.bring({"passwd": {"users": [{"name": "ana", "sshAuthorizedKeys": ["one"]}]}})

    assert report is not None
    assert report.ok, report.done
    home = site.root / "home/ana"
    assert (home / ".profile").read_text() == "hello\n"
    assert (home / ".ssh/authorized_keys.d/ignition").read_text() == "one\n"
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (1000, 0o700)
    assert [path.name for path in home.parent.iterdir()] == ["ana"]


@pytest.mark.needs("useradd", "root")
def test_home_of_who_was_not_confirmed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the change that added a user is taken back, the home goes for good, as nobody asks."""
    etc = site.root / "etc"
    etc.mkdir()
    for name, text in change.ACCOUNTS.items():
        (etc / name).write_text(text[1])
    site.root.chmod(0o755)
    site.bring({})
    monkeypatch.setattr(confirm, "_confirmed", lambda *_: "nobody was there")
    with site.session() as session:
        desired = site.state({"passwd": {"users": [{"name": "ana", "uid": 4001}]}})
        plan = replace(site.plan(session, desired), risky=("it is a test",))
        engine = Direct(session, before=None, limit=2, connect=site.session)

        report = engine.apply(plan)

    assert report.undone == "nobody was there"
    assert [path.name for path in (site.root / "home").iterdir()] == []
    assert (etc / "passwd").read_text() == change.ACCOUNTS["passwd"][1]
