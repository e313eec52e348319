"""Machines of one simulation hear each other; nobody else does, and nothing leaves the habitat.

QEMU itself is the judge: each end is one without a machine, whose hub joins the link to a socket of
the test.
"""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.run import spawn
from toolbox.lib.core.wait import until
from toolbox.lib.inventory.subnet import UPLINK
from toolbox.lib.machine import libvirt
from toolbox.lib.machine.link import FIRST_PORT, GROUPS, LAST_PORT, LOOPBACK, derive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.machine.link import Link

LABEL = "example-12345678"
FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"hello".ljust(60, b"\0")
SILENCE = 0.5
IP_MULTICAST_ALL = 49
"""Whether a socket hears groups that others joined (ip(7)); Python has no name for it."""


@contextmanager
def _end(link: Link) -> Iterator[socket.socket]:
    """Start a QEMU on the link and yield a socket that sends and hears its frames."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        inside, outside = Path(folder) / "inside", Path(folder) / "outside"
        tap = f"dgram,id=tap,local.type=unix,local.path={inside}"
        tap += f",remote.type=unix,remote.path={outside}"
        plug = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        plug.bind(str(outside))
        hub = [("-netdev", f"hubport,id=h{name},hubid=0,netdev={name}") for name in ("tap", "lan")]
        lan = link.backend().replace('"simulation"', '"lan"')
        command = [
            *("qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"),
            *("-netdev", tap, "-netdev", lan, *hub[0], *hub[1]),
        ]
        opened.enter_context(spawn(command))
        until(lambda _last: inside.exists() or None, deadline=20, interval=0.05, what="QEMU")
        plug.connect(str(inside))
        plug.settimeout(SILENCE)
        yield plug


def _hears(plug: socket.socket) -> bool:
    try:
        return plug.recv(2000).startswith(FRAME)
    except TimeoutError:
        return False


def _until_heard(sender: socket.socket, *listeners: socket.socket) -> None:
    """Send until all have heard it: QEMU needs a moment after its socket is there."""

    def heard(_last: bool) -> bool | None:
        sender.send(FRAME)
        return all(_hears(listener) for listener in listeners) or None

    until(heard, deadline=20, interval=0.1, what="the frame to arrive")


@pytest.mark.needs("qemu-system-x86_64")
def test_one_simulation_hears_itself_and_no_other_does() -> None:
    """A frame reaches every machine of the simulation, and none of another one."""
    with ExitStack() as ends:
        web, db, mx = (ends.enter_context(_end(derive(LABEL, name))) for name in ("w", "d", "m"))
        stranger, peer = (ends.enter_context(_end(derive("other", name))) for name in ("w", "d"))
        _until_heard(web, db, mx)
        assert not _hears(stranger)
        # Reason: the stranger is there, and would have heard it.
        _until_heard(peer, stranger)


@pytest.mark.needs("qemu-system-x86_64")
def test_nothing_leaves_by_another_device() -> None:
    """Who has joined the group on the device to the outside hears nothing of it."""
    link = derive(LABEL, "web")
    with _end(link) as web, _end(derive(LABEL, "db")) as db, _outside(link) as (listener, address):
        _until_heard(web, db)
        assert not _hears(listener)
        # Reason: the same group on that device is heard, so the silence above says something.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            interface = socket.inet_aton(address)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
            sender.sendto(FRAME, (link.group, link.port))
        assert _hears(listener)


@contextmanager
def _outside(link: Link) -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Reason: nothing is sent; the kernel only chooses the device to the outside.
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            pytest.skip(f"needs a network device beside the loopback one: {error}")
        address = probe.getsockname()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
        listener.bind((link.group, link.port))
        member = socket.inet_aton(link.group) + socket.inet_aton(address)
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        listener.settimeout(SILENCE)
        yield listener, address


def test_derived_from_label_and_host() -> None:
    """Machines of a simulation share group and port, and each has a MAC address of its own."""
    web, db, other = derive(LABEL, "web"), derive(LABEL, "db"), derive("other", "web")

    assert web == derive(LABEL, "web")
    assert (web.group, web.port) == (db.group, db.port)
    assert (web.group, web.port) != (other.group, other.port)
    assert len({web.mac, db.mac, other.mac}) == 3


@pytest.mark.parametrize("label", ["a", "b", "ü", "x" * 80])
def test_ranges(label: str) -> None:
    """Groups are for private use, ports below the clients', MAC addresses locally administered."""
    link = derive(label, "web")

    assert any(link.group == str(group) for group in GROUPS.hosts())
    assert FIRST_PORT <= link.port < LAST_PORT
    first = int(link.mac.split(":")[0], 16)
    assert (first & 0b10, first & 0b01) == (0b10, 0)


def test_joined_on_the_loopback_device() -> None:
    """QEMU is told to join the group on the loopback device only."""
    assert f'"host": "{LOOPBACK}"' in derive(LABEL, "web").backend()


def test_uplink_is_the_one_of_passt() -> None:
    """The subnet that a project cannot take is the one that passt gives."""
    gateway, address = str(UPLINK[2]), str(UPLINK[15])

    assert f"--address {address} --netmask {UPLINK.prefixlen} --gateway {gateway}" in libvirt.PASST
