"""What reconfiguring a machine got wrong elsewhere, each defect by its place in the catalogue."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from tests.unit.reconfigure.model import Machine, file, read, storage
from toolbox.lib.reconfigure.desire.state import UNITS, Kind
from toolbox.lib.reconfigure.look.survey import Account, UnitFacts
from toolbox.lib.reconfigure.planning.plan import Change

RUNS = UnitFacts("loaded", "active", "enabled")


def _follow(*configs: dict[str, Any]) -> Machine:
    """Return a machine that was brought from one config to the next."""
    machine = Machine()
    for number, config in enumerate(configs):
        machine.apply(machine.plan(read(config, str(number))))
    return machine


def _verbs(one: dict[str, Any], other: dict[str, Any], **units: UnitFacts) -> list[str]:
    machine = _follow(one)
    machine.units = {name.replace("__", "@").replace("_", "."): it for name, it in units.items()}
    return [f"{action.verb} {action.unit}" for action in machine.plan(read(other, "x")).units]


def test_r_4_1_binary_contents_arrive_and_follow() -> None:
    """Bytes that are no text arrive as they are, and follow when they change."""
    one, other = os.urandom(500) + b"\xff\0", os.urandom(500) + b"\0\xff"
    machine = _follow(storage(file("/srv/x", one)), storage(file("/srv/x", other)))
    assert machine.tree["/srv/x"].data == other


def test_r_4_1_verification_does_not_crash() -> None:
    """A hash of contents is checked, and is no reason to fail."""
    item = file("/srv/x", "x")
    item["contents"]["verification"] = {"hash": f"sha512-{hashlib.sha512(b'x').hexdigest()}"}
    assert _follow(storage(item)).tree["/srv/x"].data == b"x"


def test_r_4_1_append_is_not_dropped() -> None:
    """A file that is only appended to keeps what it has."""
    item = {"path": "/etc/own", "append": [file("", "more\n")["contents"]]}
    assert _follow(storage(item)).tree["/etc/own"].data == b"of the image\nmore\n"


def test_r_4_1_unmasking() -> None:
    """Masked is undone by ``mask: false``, and by saying nothing."""
    masked = {"systemd": {"units": [{"name": "x.service", "mask": True}]}}
    bare = {"systemd": {"units": [{"name": "x.service", "mask": False}]}}
    for after in (bare, {}):
        assert f"{UNITS}/x.service" not in _follow(masked, after).tree


def test_c_4_1_a_masked_unit_gets_contents() -> None:
    """Contents of a unit that was masked are a file, and do not go through the link."""
    masked = {"systemd": {"units": [{"name": "x.service", "mask": True}]}}
    own = {"systemd": {"units": [{"name": "x.service", "contents": "[Service]\n"}]}}
    entry = _follow(masked, own).tree[f"{UNITS}/x.service"]
    assert (entry.kind, entry.data) == (Kind.FILE, b"[Service]\n")


def test_d_4_1_hard_links_are_hard() -> None:
    """A hard link is one, and no symbolic link."""
    machine = _follow(
        storage(file("/srv/a", "x"), links=[{"path": "/srv/b", "target": "/srv/a", "hard": True}])
    )
    assert machine.tree["/srv/a"].inode == machine.tree["/srv/b"].inode


def test_c_4_1_keys_are_revoked() -> None:
    """A key of a user is rotated and revoked on a machine that runs."""
    machine = Machine(accounts={"core": Account("core", 1000, 1000, "", "/home/core", "/bin/sh")})
    for keys in (["a"], ["b"]):
        user = {"name": "core", "sshAuthorizedKeys": keys}
        machine.apply(machine.plan(read({"passwd": {"users": [user]}})))
        assert machine.accounts["core"].keys == tuple(keys)


def test_c_4_1_trust_is_updated() -> None:
    """An authority that is trusted is known to the machine's programs."""
    plan = Machine().plan(read(storage(file("/etc/pki/ca-trust/source/anchors/x.crt", "x"))))
    assert plan.commands == (("update-ca-trust",),)


def test_r_4_1_removed_entries_go() -> None:
    """What a config names no more is gone."""
    one = storage(file("/srv/a/b", "x"), links=[{"path": "/srv/l", "target": "a"}])
    machine = _follow(one, {})
    assert not {"/srv/a", "/srv/a/b", "/srv/l"} & machine.tree.keys()


@pytest.mark.parametrize("text", ["{{.ID}} ${#var}\n", "{% raw %}\n", "a\r\nb\r\n", "no end"])
def test_r_4_1_texts_are_no_templates(text: str) -> None:
    """A text arrives as it is, whatever it looks like."""
    assert _follow(storage(file("/srv/x", text))).tree["/srv/x"].data == text.encode()


def test_r_4_2_instances_restart() -> None:
    """An instance of a template is restarted when a file of its project changes."""
    unit = {"name": "compose@hello.service", "enabled": True}
    one, other = (
        {"systemd": {"units": [unit]}, **storage(file("/etc/compose/build/hello/compose.yml", n))}
        for n in ("1", "2")
    )
    assert _verbs(one, other, compose__hello_service=RUNS) == ["restart compose@hello.service"]


def test_c_4_2_timers_restart_themselves() -> None:
    """A timer that changes is restarted, and not the service of its name."""
    one, other = (
        {"systemd": {"units": [{"name": "x.timer", "contents": f"[Timer]\nOnBootSec={n}\n"}]}}
        for n in (1, 2)
    )
    assert _verbs(one, other, x_timer=RUNS, x_service=RUNS) == ["restart x.timer"]


@pytest.mark.parametrize(
    "path", ["/etc/systemd/nspawn/x.nspawn", "/etc/credstore/x", "/etc/tls/x.crt"]
)
def test_c_4_2_nspawn_credentials_certificates(path: str) -> None:
    """Containers of nspawn, credentials and certificates reach what uses them."""
    text = "[Service]\nLoadCredential=x\nExecStart=/bin/x /etc/tls/x.crt\n"
    units = [{"name": "systemd-nspawn@x.service", "contents": text}]
    one, other = ({"systemd": {"units": units}, **storage(file(path, n))} for n in ("1", "2"))
    facts = {"systemd-nspawn__x_service": RUNS}
    assert _verbs(one, other, **facts) == ["restart systemd-nspawn@x.service"]


def test_c_4_2_enabling_starts_and_disabling_stops() -> None:
    """A unit that is switched on runs, one that is switched off does not."""
    on, off = (
        {"systemd": {"units": [{"name": "cron.service", "enabled": state}]}}
        for state in (True, False)
    )
    idle = UnitFacts("loaded", "inactive", "disabled")
    assert _verbs(off, on, cron_service=idle) == ["enable cron.service", "start cron.service"]
    assert _verbs(on, off, cron_service=RUNS) == ["stop cron.service", "disable cron.service"]


def test_c_4_2_a_unit_that_is_not_there_stops_nothing() -> None:
    """A unit that the machine does not have keeps no other from its restart."""
    units = [
        {"name": "a.service", "enabled": True},
        {"name": "b.service", "contents": "[Service]\nEnvironmentFile=/etc/b.env\n"},
    ]
    one, other = (
        {"systemd": {"units": units}, **storage(file("/etc/b.env", n))} for n in ("1", "2")
    )
    assert "restart b.service" in _verbs(one, other, b_service=RUNS)


def test_c_4_1_order() -> None:
    """Folders come before what is in them, and what goes does so from the inside."""
    one = storage(file("/srv/b/c/d", "x"), file("/srv/a", "x"))
    plan = Machine().plan(read(one))
    assert [change.path for change in plan.nodes] == ["/srv/b", "/srv/a", "/srv/b/c", "/srv/b/c/d"]
    gone = _follow(one).plan(read({}))
    assert [change.path for change in gone.nodes] == ["/srv/b/c/d", "/srv/b/c", "/srv/a", "/srv/b"]
    assert {change.change for change in gone.nodes} == {Change.REMOVED}
