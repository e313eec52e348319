"""The generic warm guest: machines that start from one memory and are each their own.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]

SIZE = "sim:\n  memory: 768MiB\n  cpus: 1\n  disk: 3GiB\n"
# Reason: everything by which two machines are told apart or trusted, one line each.
IDENTITY = """
cat /etc/machine-id
busctl call {} {} org.freedesktop.DBus.Peer GetMachineId
cat /etc/ssh/ssh_host_ed25519_key.pub
cat /proc/sys/kernel/hostname
cat /sys/class/net/enp1s0/address
cat /sys/class/net/enp0s16/address
ls /var/log/journal
sudo cat /etc/ssh/ssh_host_ed25519_key | sha256sum
head -c 32 /dev/urandom | sha256sum
""".format("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
NAMES = ("id", "systemd", "host key", "name", "mac", "link", "journal", "private key", "random")


@pytest.fixture(scope="module")
def pair(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A project with the hosts ``east`` and ``west``, of one shape."""
    files = {
        "project.yaml": "name: twins\n",
        "hosts/east.yaml": SIZE,
        "hosts/west.yaml": SIZE,
    }
    pair = sandbox.beside("twins", files)
    yield pair
    pair.invoke("sim.clean")


@pytest.fixture(scope="module")
def twins(pair: Sandbox) -> dict[str, dict[str, Any]]:
    """What is reported of the machines, and how they are."""
    answer = pair.invoke("sim.up", "--warm", "--json")
    assert answer.code == 0, answer.err
    assert answer.err.count("Boot a generic guest") == 2, "one for both: begun once, ended once"
    found = {item["host"]: item for item in answer.json["items"]}
    for name, item in found.items():
        asked = pair.invoke("sim.ssh", name, "--", IDENTITY)
        assert asked.code == 0, asked.err
        item["facts"] = dict(zip(NAMES, asked.out.splitlines(), strict=True))
    return found


def test_started_warm(twins: dict[str, dict[str, Any]]) -> None:
    """Both came from the generic guest, and were changed to their configs."""
    for item in twins.values():
        assert (item["action"], item["reason"]) == ("warm", "new")
        assert item["config"].startswith("sha256-")
        assert item["changes"]


def test_has_its_config(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """What its config says is there, and it knows which one it has."""
    for name, item in twins.items():
        hash_file, owner = "/etc/infra-toolbox/config.sha256", "stat -c %a:%U"
        command = f"cat {hash_file}; cat /etc/hostname; {owner} /etc/infra-toolbox/ca.crt"
        assert pair.invoke("sim.ssh", name, "--", command).out.splitlines() == [
            item["config"],
            name,
            "644:root",
        ]
        listed = pair.invoke("host.history", name, "--json").json["items"]
        assert [(one["generation"], one["current"]) for one in listed] == [(1, True)]


def test_identity_is_fresh(twins: dict[str, dict[str, Any]]) -> None:
    """Nothing by which they are told apart is the same on both, and each is what it says."""
    east, west = (twins[name]["facts"] for name in ("east", "west"))

    assert [name for name in NAMES if east[name] == west[name]] == []
    for name, facts in (("east", east), ("west", west)):
        assert facts["name"] == name
        assert facts["systemd"] == f's "{facts["id"]}"'
        assert facts["journal"] == facts["id"]


def test_random_numbers_are_fresh(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """The kernel was told that it is another machine now, and has seeded its numbers anew."""
    assert twins
    for name in ("east", "west"):
        said = pair.invoke("sim.ssh", name, "--", "sudo dmesg").out
        assert "crng reseeded due to virtual machine fork" in said


def test_they_know_each_other(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """They are well, have the time, and reach each other by name on the network they share."""
    assert twins
    for name, other in (("east", "west"), ("west", "east")):
        look = f"timeout 30 bash -c 'exec 3<>/dev/tcp/{other}/22; head -c 4 <&3'"
        command = f"systemctl is-system-running; date +%s; {look}"
        state, seconds, greeting = pair.invoke("sim.ssh", name, "--", command).out.split()
        assert (state, greeting) == ("running", "SSH-")
        assert abs(int(seconds) - time.time()) < 30


def test_nothing_of_its_start_is_left(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """No second copy of the memory stays, no config, and no key of the generic guest."""
    assert twins
    assert list(pair.state.glob("simulations/*/snapshots/*/*/memory*")) == []
    (facts,) = pair.state.glob("generic/*/snapshot.json")
    kept = {path.name for path in facts.parent.iterdir()}
    assert kept == {"console.log", "disk.qcow2", "memory", "snapshot.json"}
    assert facts.parent.stat().st_mode & 0o777 == 0o700
    for name in ("east", "west"):
        look = "systemctl list-units --all --plain --no-legend 'infra-toolbox-instance*'"
        assert pair.invoke("sim.ssh", name, "--", look).out == ""


def test_stays(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """Once more changes nothing."""
    answer = pair.invoke("sim.up", "--warm", "--json")

    assert {item["action"] for item in answer.json["items"]} == {"unchanged"}
    assert {item["boot_id"] for item in answer.json["items"]} == {
        item["boot_id"] for item in twins.values()
    }


def test_survives_a_shutdown(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """It boots from its own disk, as who it had become."""
    before = twins["east"]["facts"]

    assert pair.invoke("sim.down").code == 0
    answer = pair.invoke("sim.up", "--warm", "--hosts", "east", "--json")
    assert [item["action"] for item in answer.json["items"]] == ["started"], answer.err
    asked = pair.invoke("sim.ssh", "east", "--", IDENTITY)

    after = dict(zip(NAMES, asked.out.splitlines(), strict=True))
    assert {name for name in NAMES if after[name] != before[name]} == {"random"}


def test_is_checked_as_any_other(pair: Sandbox, twins: dict[str, dict[str, Any]]) -> None:
    """A machine that came from the generic guest passes all checks, without another boot."""
    assert twins
    answer = pair.invoke("sim", "--hosts", "east", "--json")

    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert item["action"] == "unchanged"
    assert {proof["outcome"] for proof in item["proofs"]} <= {"passed", "skipped"}


def test_clean(pair: Sandbox) -> None:
    """Cleaning takes the machines; the generic guest, which is no project's, goes when asked."""
    assert pair.invoke("sim.clean").code == 0
    assert pair.domains() == {}
    assert len(list(pair.state.glob("generic/*"))) == 1

    assert pair.invoke("sim.clean", "--warm").code == 0
    assert list(pair.state.glob("generic")) == []
