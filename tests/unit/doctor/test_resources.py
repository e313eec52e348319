"""Disk, memory, network and agent are judged by what a simulation needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.doctor import resources
from toolbox.lib.doctor.resources import GB, Network, agent, disk, disks, memory, network
from toolbox.lib.doctor.row import State

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path("/var/lib/infra-toolbox")
ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100580A	0003	0	0	100	00000000	0	0	0
eth0	0000580A	00000000	0001	0	0	0	0000FFFF	0	0	0
"""
ZERO = "0" * 32
SIX = f"{ZERO} 00 {ZERO} 00 {ZERO} 00000400 00000001 00000000 00000003 wlan0\n"
LOOPBACK = SIX.replace("wlan0", "lo")


@pytest.mark.parametrize(("free", "state"), [(6, State.OK), (5.9, State.LOST), (0, State.LOST)])
def test_disk(terms: Callable[..., Any], free: float, state: State) -> None:
    """Six gigabytes are enough."""
    row = disk("state", FOLDER, int(free * GB), terms(), writable=True)

    assert row.state is state
    assert f"{free:.1f} GB" in row.found
    assert bool(row.mend) is (state is State.LOST)


@pytest.mark.parametrize(
    ("kind", "mend"),
    [
        ("container", "podman run --volume FOLDER:/state --env INFRA_STATE=/state …"),
        ("launcher", "on the host: podman image prune"),
        ("native", "export INFRA_STATE=FOLDER with a folder on a larger disk"),
    ],
)
def test_full_disk(terms: Callable[..., Any], kind: str, mend: str) -> None:
    """How one gets room depends on the place."""
    assert disk("state", FOLDER, 0, terms(kind), writable=True).mend == mend


@pytest.mark.parametrize(
    ("kind", "mend"),
    [
        ("container", "podman run --env HOME=/var/tmp/home …"),
        ("native", "export HOME=FOLDER with a folder of your own"),
    ],
)
def test_closed_disk(terms: Callable[..., Any], kind: str, mend: str) -> None:
    """A folder that cannot be written to is lost, however much room there is."""
    row = disk("state", FOLDER, 100 * GB, terms(kind), writable=False)

    assert row.state is State.LOST
    assert "user 1000 cannot write to /var/lib/infra-toolbox" in row.found
    assert row.mend == mend


def test_disks(terms: Callable[..., Any], habitat: Path) -> None:
    """State and cache on one file system are one row; folders that are not made yet count."""
    (habitat / "state").rmdir()

    (row,) = disks(terms())

    assert "GB are free for state and cache in" in row.found
    assert str(habitat / "state") in row.found


def test_disks_apart(
    terms: Callable[..., Any], habitat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that cannot be written to is told beside the state."""
    real = resources.os.access
    monkeypatch.setattr(
        resources.os, "access", lambda path, mode: path != habitat / "cache" and real(path, mode)
    )

    _, cache = disks(terms())

    assert cache.state is State.LOST
    assert "cache cannot be kept" in cache.found


def test_no_home(terms: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home loses the disk, and gets the flag that gives one."""
    for name in ("INFRA_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def none() -> Path:
        message = "Could not determine home directory."
        raise RuntimeError(message)

    monkeypatch.setattr(Path, "home", none)

    (row,) = disks(terms("container"))

    assert row.state is State.LOST
    assert "has no home folder" in row.found
    assert "--env HOME=" in row.mend


@pytest.mark.parametrize(
    ("free", "state"), [(2048, State.OK), (2047, State.NOTE), (1024, State.NOTE), (900, State.LOST)]
)
def test_memory(free: int, state: State) -> None:
    """A machine's memory should be free; half of it must be."""
    row = memory(free)

    assert row.state is state
    assert row.found.startswith(f"{free} MiB")
    assert bool(row.mend) is (state is not State.OK)


def _root(folder: Path, **files: str) -> Path:
    places = {
        "route": "proc/net/route",
        "six": "proc/net/ipv6_route",
        "resolver": "etc/resolv.conf",
    }
    for name, text in files.items():
        path = folder / places[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"route": ROUTES, "resolver": "nameserver 1.2.3.4\n"}, Network("eth0", ("1.2.3.4",))),
        ({"six": SIX, "resolver": "# none\n\n"}, Network("wlan0", ())),
        ({"six": LOOPBACK, "route": ROUTES.splitlines()[0]}, Network("", ())),
        ({"route": ROUTES.replace("0003", "0002")}, Network("", ())),
        ({}, Network("", ())),
    ],
    ids=["four", "six", "loopback", "down", "nothing"],
)
def test_read_network(tmp_path: Path, files: dict[str, str], expected: Network) -> None:
    """A default route of either kind counts if it is up and leads out."""
    assert resources.read_network(_root(tmp_path, **files)) == expected


@pytest.mark.parametrize(
    ("facts", "kind", "state", "mend"),
    [
        (Network("eth0", ("1.2.3.4",)), "native", State.OK, ""),
        (Network("", ()), "container", State.NOTE, "leave --network none out"),
        (Network("", ()), "native", State.NOTE, ""),
        (Network("eth0", ()), "container", State.NOTE, "podman run --dns ADDRESS …"),
    ],
)
def test_network(
    terms: Callable[..., Any], facts: Network, kind: str, state: State, mend: str
) -> None:
    """A missing network is information and never a loss."""
    row = network(facts, terms(kind))

    assert (row.state, row.mend) == (state, mend)


@pytest.mark.parametrize(
    ("socket", "code", "keys", "kind", "found", "mend"),
    [
        ("/agent", 0, 2, "native", "with 2 keys", ""),
        ("/agent", 0, 1, "native", "with 1 key", ""),
        ("/agent", 1, 0, "native", "has no key", "ssh-add"),
        ("/agent", 2, 0, "native", "none answers at /agent", 'eval "$(ssh-agent)"; ssh-add'),
        ("/agent", 2, 0, "launcher", "none answers at /agent", "./infra stop"),
        ("/agent", None, 0, "native", "ssh-add is not installed", ""),
        ("", None, 0, "github", "none is given", ""),
        ("", None, 0, "native", "none is given", 'eval "$(ssh-agent)"; ssh-add'),
    ],
)
def test_agent(
    terms: Callable[..., Any],
    socket: str,
    code: int | None,
    keys: int,
    kind: str,
    found: str,
    mend: str,
) -> None:
    """An agent of a person is told as it is, and is never a loss."""
    row = agent(socket, code, keys, terms(kind))

    assert row.found.split(";")[0].endswith(found)
    assert row.mend == mend
    assert row.state is (State.OK if keys else State.NOTE)


def test_agent_is_asked(
    terms: Callable[..., Any],
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent's keys are counted; nothing of them is shown."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    fake("ssh-add", 'echo "256 SHA256:secretish me@home (ED25519) $SSH_AUTH_SOCK"')

    row = resources.look_at_agent(terms())

    assert row.found == "answers at /agent, with 1 key"
