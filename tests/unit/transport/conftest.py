"""An authority of the test's own, servers that run beside it, and clients of all kinds."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.identity import Identity
from toolbox.lib.pki.serving import Root, root
from toolbox.lib.transport.credentials import Credentials
from toolbox.lib.transport.serve import Report, listen, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from toolbox.lib.transport.offer import Offer

ADDRESS = "127.0.0.1"
HASH = {"Verification-Hash": "sha256-00"}


@dataclass
class Running:
    """A server in a thread of its own."""

    port: int
    authority: str
    thread: threading.Thread
    reports: list[Report | BaseException] = field(default_factory=list)

    def report(self) -> Report:
        """Wait for its end and return what it did."""
        self.thread.join(60)
        assert not self.thread.is_alive()
        (report,) = self.reports
        if isinstance(report, BaseException):
            raise report
        return report

    def ask(
        self,
        path: str = "/web",
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        client: Credentials | None = None,
        authority: str | None = None,
        source: str = ADDRESS,
    ) -> tuple[int, bytes]:
        """Ask as a client that checks the server; return status and body."""
        made = ssl.create_default_context(cadata=authority or self.authority)
        if client is not None:
            _load(made, client)
        wire = HTTPSConnection(
            ADDRESS, self.port, context=made, timeout=20, source_address=(source, 0)
        )
        try:
            wire.request(method, path, body=body, headers=HASH if headers is None else headers)
            answer = wire.getresponse()
            return answer.status, answer.read()
        finally:
            wire.close()

    def connect(self) -> socket.socket:
        """Connect and do nothing."""
        return socket.create_connection((ADDRESS, self.port), timeout=20)


def _load(made: ssl.SSLContext, client: Credentials) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w") as file:
        file.write(client.certificate + client.key.reveal())
        file.flush()
        made.load_cert_chain(file.name)


class Clients:
    """An authority of clients."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        made = self._signed("clients", self.key, (constraints, True))
        self.certificate = made.public_bytes(Encoding.PEM).decode()

    def of(self, name: str) -> Credentials:
        """Return the certificate of a client, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = self._signed("client", key, (usage, False), (names, False))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Credentials(made.public_bytes(Encoding.PEM).decode(), Secret(pem.decode()))

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        *extensions: tuple[x509.ExtensionType, bool],
    ) -> x509.Certificate:
        now, names = (
            datetime.now(UTC),
            [
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
                for text in ("clients", name)
            ],
        )
        day = timedelta(days=1)
        builder = x509.CertificateBuilder(
            *names, key.public_key(), x509.random_serial_number(), now - day, now + day
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, SHA256())


@pytest.fixture(scope="session")
def clients() -> tuple[Clients, Clients]:
    """Return two authorities of clients, ours and another."""
    return Clients(), Clients()


@pytest.fixture(scope="session")
def authority() -> Root:
    """Return the root of all that the tests serve."""
    return root(Identity("", Secret("a key"), "", {}))


@pytest.fixture
def server(authority: Root) -> Iterator[Callable[..., Running]]:
    """Return a function that starts a server."""
    started: list[Running] = []

    def start(
        *offers: Offer, deadline: float = 30, certificate: Any = None, client: str = ""
    ) -> Running:
        chain, key = certificate or authority.certificate(ADDRESS)
        listener = listen(ADDRESS, 0)
        running = Running(
            listener.getsockname()[1], authority.authority(ADDRESS), threading.Thread()
        )

        def run() -> None:
            try:
                shown = Credentials(chain, key, client)
                running.reports.append(serve(listener, offers, shown, deadline=deadline))
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                running.reports.append(error)

        running.thread = threading.Thread(target=run, daemon=True)
        running.thread.start()
        started.append(running)
        return running

    yield start
    for running in started:
        running.thread.join(60)
