"""Ports are forwarded by routers that speak the real protocols, byte for byte."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.transport import forward
from toolbox.lib.transport.forward import NatPmp, Pcp, forwarded, gateway
from toolbox.lib.transport.portmap import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

END = b"end"
PUBLIC = "198.51.100.7"


@dataclass
class Router:
    """A router on the loopback address that speaks some protocols as their RFCs have them."""

    wire: socket.socket
    pcp: bool = True
    pmp: bool = True
    result: int = 0
    lifetime: int | None = None
    other_port: int | None = None
    lost: int = 0
    strangers: bool = False
    mappings: dict[int, tuple[int, int]] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Its UDP port."""
        return int(self.wire.getsockname()[1])

    def run(self) -> None:
        """Answer until it is told to end."""
        while True:
            data, peer = self.wire.recvfrom(2000)
            if data == END:
                return
            self.asked.append(data)
            if len(self.asked) <= self.lost:
                continue
            if self.strangers:
                self.wire.sendto(b"\x02\x81" + b"\0" * 58, peer)
                self.wire.sendto(b"", peer)
            answer = self.answer(data)
            if answer:
                self.wire.sendto(answer, peer)

    def answer(self, data: bytes) -> bytes:
        """Return the answer to a datagram."""
        if data[0] == 2:
            if self.pcp:
                return self._pcp(data)
            # RFC 6886, section 9: a NAT-PMP router says that it does not know this version.
            return struct.pack("!BBHI", 0, 0x80, 1, 77) if self.pmp else b""
        if not self.pmp:
            return b""
        if data[1] == 0:
            head = struct.pack("!BBHI", 0, 0x80, self.result, 77)
            return head + ip_address(PUBLIC).packed
        inside, outside, lifetime = struct.unpack("!HHI", data[4:12])
        granted, port = self._granted(inside, outside, lifetime)
        return struct.pack("!BBHIHHI", 0, 0x82, self.result, 77, inside, port, granted)

    def _pcp(self, data: bytes) -> bytes:
        # RFC 6887, figures 2, 9 and 10; option PREFER_FAILURE behind them, figure 14.
        assert len(data) == 64
        assert data[1] == 1
        assert data[60:] == b"\x02\x00\x00\x00"
        lifetime = struct.unpack("!I", data[4:8])[0]
        assert data[8:24] == b"\0" * 10 + b"\xff\xff\x7f\0\0\x01"
        nonce, protocol = data[24:36], data[36]
        inside, outside = struct.unpack("!HH", data[40:44])
        granted, port = self._granted(inside, outside, lifetime)
        head = struct.pack("!BBBBII12x", 2, 0x81, 0, self.result, granted, 77)
        address = b"\0" * 10 + b"\xff\xff" + ip_address(PUBLIC).packed
        return head + nonce + struct.pack("!B3xHH", protocol, inside, port) + address

    def _granted(self, inside: int, outside: int, lifetime: int) -> tuple[int, int]:
        port = self.other_port or outside
        if lifetime == 0:
            self.mappings.pop(inside, None)
        elif not self.result:
            self.mappings[inside] = (port, lifetime)
        return (lifetime if self.lifetime is None else min(lifetime, self.lifetime)), port


@pytest.fixture
def router() -> Iterator[Callable[..., Router]]:
    """Return a function that starts a router."""
    started = []

    def start(**settings: Any) -> Router:
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind(("127.0.0.1", 0))
        made = Router(wire, **settings)
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        started.append((made, thread))
        return made

    yield start
    for made, thread in started:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.sendto(END, ("127.0.0.1", made.port))
        thread.join(5)
        made.wire.close()


def ways(router: Router) -> list[Any]:
    """Return the ways to ask a router, without the one that looks for others."""
    return [Pcp("127.0.0.1", router.port), NatPmp("127.0.0.1", router.port)]


def test_pcp(router: Callable[..., Router]) -> None:
    """A router that knows PCP forwards the port while the block lasts."""
    made = router()

    with forwarded(8443, 47443, 100, ways(made)) as found:
        assert (found.protocol, found.public) == ("PCP", PUBLIC)
        assert (found.outside, found.inside) == (47443, 8443)
        assert made.mappings == {8443: (47443, 160)}
    assert made.mappings == {}


def test_nat_pmp(router: Callable[..., Router]) -> None:
    """A router that knows NAT-PMP only says so at once, and is asked by that."""
    made, began = router(pcp=False), time.monotonic()

    with forwarded(8443, 47443, 100, ways(made)) as found:
        assert (found.protocol, found.public) == ("NAT-PMP", PUBLIC)
        assert made.mappings == {8443: (47443, 160)}
    assert made.mappings == {}
    assert time.monotonic() - began < 3


def test_r_2_5_port_forward_lifetime_is_asked_for(router: Callable[..., Router]) -> None:
    """The lifetime that is asked for is that of the block, by each protocol."""
    for pcp in (True, False):
        made = router(pcp=pcp)
        with forwarded(1, 2, 1000, ways(made)):
            assert made.mappings == {1: (2, 1060)}


def test_lost_datagrams(router: Callable[..., Router], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost is sent again, and the mapping is the same one."""
    monkeypatch.setattr(forward, "FIRST_SECONDS", 0.05)
    made = router(lost=2)

    with forwarded(1, 2, 100, ways(made)) as found:
        assert found.protocol == "PCP"
    assert len(set(made.asked[:3])) == 1


def test_strangers(router: Callable[..., Router]) -> None:
    """Datagrams that answer nothing of ours are passed over."""
    made = router(strangers=True)

    with forwarded(1, 2, 100, ways(made)) as found:
        assert (found.protocol, found.public) == ("PCP", PUBLIC)


def test_renewed(router: Callable[..., Router], monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that grants less time than is wanted is asked again in time."""
    monkeypatch.setattr(forward, "SHORTEST_SECONDS", 0.1)
    made = router(lifetime=0)

    with forwarded(1, 2, 100, ways(made)):
        end = time.monotonic() + 5
        while len(made.asked) < 3 and time.monotonic() < end:
            time.sleep(0.05)
    assert len(made.asked) >= 4
    assert made.mappings == {}


def test_refused(router: Callable[..., Router]) -> None:
    """A router that refuses is told with its reasons, by each protocol."""
    made = router(result=2)

    with (
        pytest.raises(HabitatError, match="PCP: it does not allow it") as caught,
        forwarded(1, 2, 100, ways(made)),
    ):
        pass
    assert "NAT-PMP: it does not allow it" in caught.value.message
    assert caught.value.exit_code == 3


def test_another_port(router: Callable[..., Router]) -> None:
    """A router that gives another port than the one machines know is no help, and gets it back."""
    made = router(other_port=9999)

    with (
        pytest.raises(HabitatError, match="it would forward its port 9999, not 2"),
        forwarded(1, 2, 100, ways(made)),
    ):
        pass
    assert made.mappings == {}


def test_silence(router: Callable[..., Router], monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that does not answer, or is none, is given up."""
    monkeypatch.setattr(forward, "FIRST_SECONDS", 0.02)
    made = router(pcp=False, pmp=False)
    with (
        pytest.raises(HabitatError, match="PCP: the router does not answer"),
        forwarded(1, 2, 100, ways(made)),
    ):
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unanswered, match="does not know it"):
        Pcp("127.0.0.1", port).map(1, 2, 3)


def test_gateway(tmp_path: Path) -> None:
    """The router is that of the default route."""
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\n"
        "eth0\t0000580A\t00000000\t0001\t0\n"
        "eth0\t00000000\t0100580A\t0003\t0\n"
    )
    assert gateway(table) == "10.88.0.1"
    table.write_text("Iface\tDestination\tGateway\tFlags\n")
    assert gateway(table) is None
