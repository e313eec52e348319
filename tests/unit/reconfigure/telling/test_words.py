"""A plan is told in words and as JSON, and no secret is in either."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.reconfigure.model import Entry, Machine, file, read, storage
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.look.survey import UnitFacts
from toolbox.lib.reconfigure.telling import words

ONE: dict[str, Any] = storage(
    file("/etc/a", "one\ntwo\n"),
    file("/etc/gone", "x\n"),
    file("/etc/key", "old-canary", mode=0o600),
    file("/srv/x", "x"),
    disks=[{"device": "/dev/vda"}],
)
OTHER: dict[str, Any] = {
    **storage(
        file("/etc/a", "one\nthree\n", mode=0o640),
        file("/etc/key", "new-canary", mode=0o600),
        file("/etc/binary", b"\0\xff"),
        file("/etc/ssh/sshd_config.d/x.conf", "\x1b[31mred\n"),
        links=[{"path": "/srv/x", "target": "y"}],
        disks=[{"device": "/dev/vdb"}],
    ),
    "passwd": {"users": [{"name": "me", "passwordHash": "$y$canary"}], "groups": [{"name": "g"}]},
}
LINES = r"""
+ group g
+ user me
+ /etc/ssh  directory 0755
~ /etc/a  file 0640 (contents, mode)
    --- /etc/a
    +++ /etc/a
    @@ -1,2 +1,2 @@
     one
    -two
    +three
~ /etc/key  file 0600 (contents) (secret, not shown)
+ /etc/binary  file 0644 (binary, 2 bytes)
~ /srv/x  file becomes link to y
+ /etc/ssh/sshd_config.d  directory 0755
+ /etc/ssh/sshd_config.d/x.conf  file 0644
    --- /dev/null
    +++ /etc/ssh/sshd_config.d/x.conf
    @@ -0,0 +1 @@
    +\x1b[31mred
- /etc/gone  file
    --- /etc/gone
    +++ /dev/null
    @@ -1 +0,0 @@
    -x
! reload sshd.service  (/etc/ssh/sshd_config.d/x.conf)
? storage.disks differs, and takes effect at a first boot only: needs re-provisioning
? taken back unless a new connection confirms it: /etc/ssh/sshd_config.d/x.conf: who logs in by ssh may be refused
"""  # noqa: E501 - as it is told


def _machine() -> Machine:
    machine = Machine().ignite(read(ONE))
    machine.units = {"sshd.service": UnitFacts("loaded", "active", "enabled", can_reload=True)}
    return machine


def test_lines() -> None:
    """Each change has a line, texts their difference, and a terminal is left in peace."""
    assert words.lines(_machine().plan(read(OTHER, "b"))) == LINES.strip("\n").split("\n")


def test_without_diffs() -> None:
    """Differences can be left out."""
    lines = words.lines(_machine().plan(read(OTHER, "b")), diffs=False)
    assert not [line for line in lines if line.startswith(" ")]


def test_nothing() -> None:
    """A plan that does nothing has no lines."""
    assert words.lines(_machine().plan(read(ONE))) == []


def test_json() -> None:
    """The same as data, and no secret in it."""
    data = words.as_json(_machine().plan(read(OTHER, "b")))
    text = json.dumps(data)
    assert "canary" not in text
    by_path = {node["path"]: node for node in data["nodes"]}
    assert by_path["/etc/a"]["mode"] == "0640"
    assert by_path["/etc/key"]["sha256"] is None
    assert by_path["/srv/x"]["reasons"] == ["kind"]
    assert data["users"] == [{"name": "me", "change": "added", "reasons": []}]
    assert data["provisioning"] == ["storage.disks"]


def test_secrets_in_no_plan() -> None:
    """Whatever is printed of a plan, no secret is in it, also not of what somebody left there."""
    machine = _machine()
    machine.tree["/etc/key"] = Entry(Kind.FILE, 0o644, data=b"left-canary")
    for config in (OTHER, {}):
        plan = machine.plan(read(config, "b"))
        assert "canary" not in repr(plan)
        assert "canary" not in "\n".join(words.lines(plan))


def test_a_file_that_becomes_secret() -> None:
    """What was for all to read and is so no more is not shown, nor the other way round."""
    public, closed = (storage(file("/etc/a", f"{m}-canary\n", mode=m)) for m in (0o644, 0o600))
    for one, other in ((public, closed), (closed, public)):
        plan = Machine().ignite(read(one)).plan(read(other))
        assert plan.nodes
        assert "canary" not in "\n".join(words.lines(plan))
