"""UPnP's forwarding by a router that is found by SSDP and speaks SOAP, as real ones do."""

from __future__ import annotations

import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.transport.forward import forwarded
from toolbox.lib.transport.portmap import Unanswered
from toolbox.lib.transport.upnp import Upnp

if TYPE_CHECKING:
    from collections.abc import Iterator

END = b"end"
PUBLIC = "198.51.100.7"
SSDP = ("239.255.255.250", 1900)
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor>
</specVersion><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType>
<controlURL>/common</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service>
</serviceList><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>{SERVICE}</serviceType><controlURL>/control</controlURL>
<eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList></device></deviceList>
</device></deviceList></device></root>
"""


class Igd(BaseHTTPRequestHandler):
    """A router's control point of UPnP."""

    mappings: dict[int, tuple[str, int, int]]
    refuses = False
    permanent = False

    def do_GET(self) -> None:
        """Describe it."""
        self._send(200, DESCRIPTION)

    def do_POST(self) -> None:
        """Do what is asked."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers["SOAPAction"].strip('"').partition("#")[2]
        held = dict(re.findall(r"<(New\w+)>([^<]*)</", asked))
        if action == "GetStatusInfo":
            self._say(action, "<NewConnectionStatus>Connected</NewConnectionStatus>")
        elif action == "GetExternalIPAddress":
            self._say(action, f"<NewExternalIPAddress>{PUBLIC}</NewExternalIPAddress>")
        elif action == "AddPortMapping" and not self.refuses:
            port, seconds = int(held["NewExternalPort"]), int(held["NewLeaseDuration"])
            if self.permanent and seconds:
                self._send(500, _fault("725", "OnlyPermanentLeasesSupported"))
                return
            assert held["NewProtocol"] == "TCP"
            self.mappings[port] = (
                held["NewInternalClient"],
                int(held["NewInternalPort"]),
                seconds,
            )
            self._say(action, "")
        elif action == "DeletePortMapping":
            self.mappings.pop(int(held["NewExternalPort"]), None)
            self._say(action, "")
        else:
            self._send(500, _fault("718", "ConflictInMappingEntry"))

    def _say(self, action: str, inner: str) -> None:
        self._send(
            200, _envelope(f'<u:{action}Response xmlns:u="{SERVICE}">{inner}</u:{action}Response>')
        )

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


def _envelope(inner: str) -> str:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    )


def _fault(code: str, words: str) -> str:
    return _envelope(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f"<UPnPError><errorCode>{code}</errorCode><errorDescription>{words}</errorDescription>"
        "</UPnPError></detail></s:Fault>"
    )


def _announce(wire: socket.socket, location: str) -> None:
    """Answer searches for a router, as SSDP has it."""
    while True:
        data, peer = wire.recvfrom(2000)
        if data == END:
            return
        target = re.search(rb"ST: *(\S+)", data)
        assert target
        answer = (
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\n"
            f"ST: {target[1].decode()}\r\nUSN: uuid:1::{target[1].decode()}\r\n"
            f"EXT:\r\nSERVER: test UPnP/1.1\r\nLOCATION: {location}\r\n\r\n"
        )
        wire.sendto(answer.encode(), peer)


@pytest.fixture
def igd() -> Iterator[type[Igd]]:
    """Start a router that is found by multicast on the loopback device and speaks SOAP."""

    class Mine(Igd):
        mappings: dict[int, tuple[str, int, int]] = {}  # noqa: RUF012 - of this router

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wire.bind(SSDP)
    group = socket.inet_aton(SSDP[0]) + socket.inet_aton("127.0.0.1")
    wire.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    location = f"http://127.0.0.1:{server.server_port}/root.xml"
    announcing = threading.Thread(target=_announce, args=(wire, location), daemon=True)
    announcing.start()
    yield Mine
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        end.sendto(END, SSDP)
    announcing.join(5)
    wire.close()
    server.shutdown()
    server.server_close()
    serving.join(5)


def test_upnp(igd: type[Igd]) -> None:
    """A router that is found by UPnP forwards the port while the block lasts."""
    with forwarded(8443, 47443, 100, [Upnp("127.0.0.1")]) as found:
        assert (found.protocol, found.public, found.outside) == ("UPnP", PUBLIC, 47443)
        assert igd.mappings == {47443: ("127.0.0.1", 8443, 160)}
    assert igd.mappings == {}


def test_upnp_refuses(igd: type[Igd]) -> None:
    """A router that refuses is told with its own words."""
    igd.refuses = True
    with (
        pytest.raises(HabitatError, match="UPnP: it says ConflictInMappingEntry"),
        forwarded(8443, 47443, 100, [Upnp("127.0.0.1")]),
    ):
        pass


def test_permanent_leases(igd: type[Igd]) -> None:
    """A router that forwards for ever only is asked for that, and to end it all the same."""
    igd.permanent = True
    with forwarded(8443, 47443, 100, [Upnp("127.0.0.1")]):
        assert igd.mappings == {47443: ("127.0.0.1", 8443, 0)}
    assert igd.mappings == {}


def test_no_upnp() -> None:
    """Where nothing answers, that is said."""
    with pytest.raises(Unanswered, match="no router answers"):
        Upnp("127.0.0.1").map(1, 2, 3)
