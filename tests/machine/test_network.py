"""Several machines in one simulation: they talk to each other by name.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1500)]

# Reason: perl is on every Debian; it says who answers, so that a wrong machine would be noticed.
SERVER = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /usr/local/bin/who
      mode: 0755
      contents:
        inline: |
          #!/usr/bin/perl
          use IO::Socket;
          $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
          while ($peer = $server->accept) {
              <$peer>;
              print $peer "HTTP/1.0 200 OK\\r\\n\\r\\nthis is {{ FQDN }}";
              close $peer;
          }
systemd:
  units:
    - name: who.service
      enabled: true
      contents: |
        [Service]
        ExecStart=/usr/local/bin/who
        [Install]
        WantedBy=multi-user.target
"""
OWN_HOSTS = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/hosts
      overwrite: true
      contents:
        inline: 192.0.2.7 elsewhere.example.org
"""
SIZE = "sim:\n  memory: 768MiB\n  cpus: 1\n  disk: 3GiB\n"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def pair(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A project with the hosts ``east`` and ``west``; ``west`` has a hosts file of its own."""
    files = {
        "project.yaml": "name: pair\nsim:\n  subnet: 192.168.77.0/24\n",
        "hosts/east.yaml": f"{SIZE}  forwards: [8080]\n",
        "hosts/west.yaml": SIZE,
        "hosts/east/who.bu": SERVER,
        "hosts/west/who.bu": SERVER,
        "hosts/west/hosts.bu": OWN_HOSTS,
    }
    pair = sandbox.beside("pair", files)
    yield pair
    pair.invoke("sim.clean")


@pytest.fixture(scope="module")
def first(pair: Sandbox) -> dict[str, Any]:
    """What the first `sim` reports of each machine."""
    return _sim(pair)


def _sim(pair: Sandbox) -> dict[str, Any]:
    answer = pair.invoke("sim", "--accel", "tcg", "--json")
    assert answer.code == 0, answer.err + answer.out
    return {item["host"]: item for item in answer.json["items"]}


def _on(pair: Sandbox, name: str, command: str) -> str:
    answer = pair.invoke("sim.ssh", name, "--", command)
    assert answer.code == 0, answer.err
    return answer.out.strip()


def _asked(pair: Sandbox, name: str, peer: str) -> str:
    return _on(pair, name, f"curl -sS --max-time 30 http://{peer}:8080/")


def _proven(items: dict[str, Any]) -> dict[str, str]:
    return {
        name: proof["outcome"]
        for name, item in items.items()
        for proof in item["proofs"]
        if proof["check"] == "peers"
    }


def test_peers_are_proven(first: dict[str, Any]) -> None:
    """Each machine is checked to reach the other one by name."""
    assert _proven(first) == {"east": "passed", "west": "passed"}


@pytest.mark.usefixtures("first")
def test_talk_by_name(pair: Sandbox) -> None:
    """Each gets the page of the other, by its full name and by its short one."""
    assert _asked(pair, "west", "east.pair.internal") == "this is east.pair.internal"
    assert _asked(pair, "east", "west") == "this is west.pair.internal"


def test_outside(pair: Sandbox, first: dict[str, Any]) -> None:
    """A forwarded port answers as before, and the way out is the other interface."""
    url = f"http://127.0.0.1:{first['east']['ports']['8080']}/"

    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"this is east.pair.internal"
    assert "enp0s16" not in _on(pair, "east", "ip route show default; ip -br address show enp1s0")


def test_own_names_stay(pair: Sandbox, first: dict[str, Any]) -> None:
    """A hosts file of the config stands before the names of the simulation."""
    address = first["east"]["address"]

    lines = _on(pair, "west", "cat /etc/hosts").splitlines()

    assert lines[0] == "192.0.2.7 elsewhere.example.org"
    assert f"{address} east.pair.internal east # infra-toolbox" in lines


def test_third_host(pair: Sandbox, first: dict[str, Any]) -> None:
    """The first two learn a new one's name in the boot they are in, and nothing of them moves."""
    (pair.root / "hosts/north.yaml").write_text(f"{SIZE}  address: 192.168.77.10\n")

    items = _sim(pair)

    for name in ("east", "west"):
        assert items[name]["action"] == "unchanged"
        for fact in ("boot_id", "address", "config"):
            assert items[name][fact] == first[name][fact]
    assert items["north"]["address"] == "192.168.77.10"
    assert _proven(items) == dict.fromkeys(("east", "north", "west"), "passed")
    assert _asked(pair, "north", "west") == "this is west.pair.internal"


def test_learned_while_asleep(pair: Sandbox, first: dict[str, Any]) -> None:
    """Saved machines wake up to another address of one of them, and still find it by name."""
    assert first
    assert pair.invoke("sim.stop").code == 0
    (pair.root / "hosts/north.yaml").write_text(f"{SIZE}  address: 192.168.77.11\n")

    items = _sim(pair)

    assert {item["action"] for item in items.values()} == {"started"}
    assert items["west"]["boot_id"] == first["west"]["boot_id"]
    assert _on(pair, "west", "getent hosts north").split()[0] == "192.168.77.11"
    assert _proven(items) == dict.fromkeys(("east", "north", "west"), "passed")


def test_broken_link_is_noticed(pair: Sandbox, first: dict[str, Any]) -> None:
    """A machine that is off the network fails the checks of all, with the names that are silent."""
    assert first
    _on(pair, "north", "sudo ip link set enp0s16 down")

    answer = pair.invoke("sim", "--accel", "tcg")

    assert answer.code == 1
    assert "east: The machine reaches every other by name" in answer.err
    assert "192.168.77.11 silent" in answer.err
