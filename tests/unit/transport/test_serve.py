"""The one-shot server: the right one gets it once, all others nothing, and nobody is waited for."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import DeadlineError, HabitatError, UsageError, VerificationError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.identity import Identity
from toolbox.lib.pki.serving import root
from toolbox.lib.transport import serve as server_module
from toolbox.lib.transport.credentials import Credentials
from toolbox.lib.transport.offer import Offer
from toolbox.lib.transport.serve import listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clients, Running

    from toolbox.lib.pki.serving import Root

BYTES = bytes(range(256)) * 5000
HASH = {"Verification-Hash": "sha256-00"}


def offer(name: str = "web", **more: Any) -> Offer:
    """Return an offer at a path of its own name."""
    held = {"headers": HASH, "payload": json.dumps(name).encode()} | more
    return Offer(name, f"/{name}", **held)


def identity(key: str) -> Identity:
    """Return an identity that is derived from, and has nothing else."""
    return Identity("", Secret(key), "", {})


def test_served(server: Callable[..., Running]) -> None:
    """Who asks as one must gets the payload, and the server ends."""
    running = server(offer())

    assert running.ask() == (200, b'"web"')
    report = running.report()
    assert [(item.name, item.source) for item in report.deliveries] == [("web", "127.0.0.1")]
    assert report.missing == ()
    assert report.problem() is None


def test_nothing_to_serve(server: Callable[..., Running]) -> None:
    """Without offers it ends at once."""
    assert server().report().problem() is None


def test_r_2_5_serve_once_bytes(server: Callable[..., Running]) -> None:
    """A payload that is no text, and larger than any buffer, arrives as it is."""
    running = server(offer(payload=BYTES))

    assert running.ask() == (200, BYTES)
    assert running.report().problem() is None


def test_c_2_3_serve_prepare_many_hosts(server: Callable[..., Running]) -> None:
    """Several hosts are served by one server, each its own, at once."""
    names = [f"web{number}" for number in range(20)]
    running = server(*(offer(name) for name in names))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda name: running.ask(f"/{name}"), names))

    assert answers == [(200, f'"{name}"'.encode()) for name in names]
    assert sorted(item.name for item in running.report().deliveries) == sorted(names)


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"path": "/"}, 404, "its path is none of ours"),
        ({"path": "/web/"}, 404, "its path is none of ours"),
        ({"path": "/web?x"}, 404, "its path is none of ours"),
        ({"method": "POST"}, 405, "its method is POST"),
        ({"method": "HEAD"}, 405, "its method is HEAD"),
        ({"headers": {}}, 412, "it has the header Verification-Hash not at all"),
        (
            {"headers": {"Verification-Hash": "sha256-01"}},
            412,
            "its header Verification-Hash has another value",
        ),
        ({"source": "127.0.0.9"}, 403, "it may not come from this address"),
        ({"body": b"x"}, 413, "its body is too large"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_refused(
    server: Callable[..., Running], asked: dict[str, Any], status: int, reason: str
) -> None:
    """Whatever does not match is refused with a reason, gets nothing, and takes nothing away."""
    running = server(
        offer(sources=(ip_network("127.0.0.1"),)), offer("db", sources=(ip_network("127.0.0.9"),))
    )

    assert running.ask(**asked) == (status, b"")
    assert running.ask()[0] == 200
    assert running.ask("/db", source="127.0.0.9")[0] == 200
    report = running.report()
    assert [item.reason for item in report.refusals] == [reason]
    problem = report.problem()
    assert bool(problem) is report.refusals[0].matters is bool(report.refusals[0].offer)
    if problem:
        assert isinstance(problem, VerificationError)
        assert problem.exit_code == 4
        assert f"web: {reason} (from " in problem.message


def test_r_2_5_serve_once_head_has_no_body(server: Callable[..., Running]) -> None:
    """HEAD is refused, and not one byte follows the head of the answer."""
    running = server(offer(), deadline=3)
    made = ssl.create_default_context(cadata=running.authority)
    with made.wrap_socket(running.connect(), server_hostname="127.0.0.1") as wire:
        wire.sendall(b"HEAD /web HTTP/1.1\r\nHost: x\r\nVerification-Hash: sha256-00\r\n\r\n")
        said = b"".join(iter(lambda: wire.recv(4096), b""))

    assert said.startswith(b"HTTP/1.1 405 ")
    assert said.endswith(b"\r\n\r\n")


def test_replay(server: Callable[..., Running]) -> None:
    """A second request for a payload gets nothing, also when all in it is right, and matters."""
    running = server(offer(), offer("db"))

    assert running.ask()[0] == 200
    assert running.ask() == (410, b"")
    assert running.ask("/db")[0] == 200
    problem = running.report().problem()
    assert isinstance(problem, VerificationError)
    assert "web: it was served already, and something asks once more" in problem.message


def test_at_once(server: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """While one client is served, a second one for the same payload is told to try again."""
    monkeypatch.setattr(server_module, "CLOSE_SECONDS", 2.0)
    running = server(offer(), offer("db"))
    made = ssl.create_default_context(cadata=running.authority)
    with made.wrap_socket(running.connect(), server_hostname="127.0.0.1") as wire:
        wire.sendall(b"GET /web HTTP/1.1\r\nHost: x\r\nVerification-Hash: sha256-00\r\n\r\n")
        assert wire.recv(12) == b"HTTP/1.1 200"
        assert running.ask() == (503, b"")
    assert running.ask("/db")[0] == 200

    report = running.report()
    assert sorted(item.name for item in report.deliveries) == ["db", "web"]
    assert report.problem() is None


def test_a_transfer_that_breaks_off(server: Callable[..., Running]) -> None:
    """A payload whose transfer broke off is not given, and is offered again."""
    running = server(offer(payload=os.urandom(8_000_000)))
    made = ssl.create_default_context(cadata=running.authority)
    wire = made.wrap_socket(running.connect(), server_hostname="127.0.0.1")
    wire.sendall(b"GET /web HTTP/1.1\r\nHost: x\r\nVerification-Hash: sha256-00\r\n\r\n")
    wire.recv(100)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.close()

    status, payload = running.ask()
    assert (status, len(payload)) == (200, 8_000_000)
    report = running.report()
    assert [item.reason for item in report.refusals] == [
        "the transfer broke off, and is offered again"
    ]
    assert report.problem() is None


def test_body(server: Callable[..., Running]) -> None:
    """Where a body is wanted, it is handed on; a larger one than that is refused."""
    running = server(offer(method="POST", largest_body=3))

    assert running.ask(method="POST", body=b"1234")[0] == 413
    assert running.ask(method="POST", body=b"123")[0] == 200
    assert [item.body for item in running.report().deliveries] == [b"123"]


def test_r_2_5_serve_once_unlimited_body(server: Callable[..., Running]) -> None:
    """A body without an end is refused as soon as it is too long."""
    running = server(offer(largest_body=1000), deadline=5)
    made = ssl.create_default_context(cadata=running.authority)
    with made.wrap_socket(running.connect(), server_hostname="127.0.0.1") as wire:
        wire.sendall(b"GET /web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            for _ in range(1000):
                wire.sendall(b"64\r\n" + b"x" * 100 + b"\r\n")
                time.sleep(0.001)

    assert [item.reason for item in running.report().refusals] == ["its body is too large"]


def test_deadline(server: Callable[..., Running]) -> None:
    """What nobody asks for is told when the time is over."""
    running = server(offer(), offer("db"), deadline=1)

    assert running.ask()[0] == 200
    problem = running.report().problem()
    assert isinstance(problem, DeadlineError)
    assert "not served: db" in problem.message


def test_mismatch_weighs_more_than_time(server: Callable[..., Running]) -> None:
    """A machine that asked with another hash is told as that, with who was not served."""
    running = server(offer(), deadline=1)

    assert running.ask(headers={"Verification-Hash": "sha256-01"})[0] == 412
    problem = running.report().problem()
    assert isinstance(problem, VerificationError)
    assert "not served: web" in problem.message


def test_r_2_5_serve_once_silent_client(server: Callable[..., Running]) -> None:
    """A client that connects and says nothing delays nobody, and does not hold the server."""
    running = server(offer(), deadline=10)
    with running.connect():
        began = time.monotonic()
        assert running.ask()[0] == 200
        assert running.report().problem() is None
        assert time.monotonic() - began < 5


def test_r_2_5_serve_once_silent_client_at_the_deadline(server: Callable[..., Running]) -> None:
    """The time is over when it is over, with a silent client, too."""
    began = time.monotonic()
    running = server(offer(), deadline=1)
    with running.connect():
        assert running.report().missing == ("web",)
        assert time.monotonic() - began < 3


def test_r_2_5_serve_once_bad_certificate(server: Callable[..., Running], authority: Root) -> None:
    """A certificate that does not fit its key is an error at once."""
    chain, _ = authority.certificate("127.0.0.1")
    _, key = authority.certificate("127.0.0.1")

    with pytest.raises(Exception, match="the server's certificate cannot be used"):
        server(offer(), certificate=(chain, key)).report()


def test_another_authority(server: Callable[..., Running]) -> None:
    """A client that trusts another authority does not ask, and the server tells why."""
    running = server(offer(), deadline=1)

    with pytest.raises(ssl.SSLCertVerificationError):
        running.ask(authority=root(identity("another")).authority("127.0.0.1"))
    (refusal,) = running.report().refusals
    assert refusal.reason.startswith("no TLS handshake: tls")
    assert not refusal.matters


def test_another_name(server: Callable[..., Running], authority: Root) -> None:
    """A server under another name than the URL's is not asked."""
    running = server(offer(), deadline=1, certificate=authority.certificate("192.0.2.1"))

    with pytest.raises(ssl.SSLCertVerificationError):
        running.ask()
    assert running.report().missing == ("web",)


def test_c_2_3_serve_prepare_client_name(
    server: Callable[..., Running], clients: tuple[Clients, Clients], authority: Root
) -> None:
    """Where a client name is wanted, only a certificate of that name and authority gets in."""
    ours, others = clients
    running = server(offer(client_name="machine.test"), client=ours.certificate)
    of_a_server = Credentials(*authority.certificate("machine.test"))

    for wrong in (None, others.of("machine.test"), of_a_server):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            running.ask(client=wrong)
    assert running.ask(client=ours.of("other.test"))[0] == 403
    assert running.ask(client=ours.of("machine.test"))[0] == 200
    problem = running.report().problem()
    assert problem is not None
    assert "web: its client certificate is of other.test" in problem.message


def test_client_certificate_of_one(
    server: Callable[..., Running], clients: tuple[Clients, Clients]
) -> None:
    """Where one of two offers wants a client certificate, the other goes without."""
    ours, _others = clients
    running = server(offer(), offer("db", client_name="db.test"), client=ours.certificate)

    assert running.ask("/db")[0] == 401
    assert running.ask()[0] == 200
    assert running.ask("/db", client=ours.of("db.test"))[0] == 200
    assert running.report().missing == ()


def test_nothing_for_this_address(server: Callable[..., Running]) -> None:
    """Who comes from where nothing is for does not get as far as TLS."""
    running = server(offer(sources=(ip_network("192.0.2.0/24"),)), deadline=1)

    with pytest.raises((ssl.SSLError, ConnectionError)):
        running.ask()
    (refusal,) = running.report().refusals
    assert refusal.reason == "nothing is for this address"


def test_many_connections(server: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many connections the oldest make room for new ones."""
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 5)
    running = server(offer())
    silent = [running.connect() for _ in range(20)]

    assert running.ask()[0] == 200
    refusals = {item.reason: item.count for item in running.report().refusals}
    assert refusals["too many connections at once"] >= 15
    for connection in silent:
        connection.close()


def _silent(running: Running, over: threading.Event) -> None:
    with running.connect():
        over.wait(30)


def _garbage(running: Running, over: threading.Event) -> None:
    del over
    with running.connect() as wire:
        wire.sendall(os.urandom(500))
        wire.recv(100)


def _plain(running: Running, over: threading.Event) -> None:
    del over
    with running.connect() as wire:
        wire.sendall(b"GET /web HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.recv(100)


def _slow(running: Running, over: threading.Event) -> None:
    made = ssl.create_default_context(cadata=running.authority)
    with made.wrap_socket(running.connect(), server_hostname="127.0.0.1") as wire:
        for letter in b"GET /web HTTP/1.1\r\n" * 20:
            wire.send(bytes([letter]))
            if over.wait(0.2):
                return


def _oversized(running: Running, over: threading.Event) -> None:
    made = ssl.create_default_context(cadata=running.authority)
    with made.wrap_socket(running.connect(), server_hostname="127.0.0.1") as wire:
        while not over.is_set():
            wire.sendall(b"X: " + b"x" * 5000 + b"\r\n")


def _wrong_path(running: Running, over: threading.Event) -> None:
    del over
    running.ask("/index.html")


def test_two_hundred_connections(server: Callable[..., Running]) -> None:
    """Of 200 connections 190 are hostile, and each of the 10 right ones is served within 5 s."""
    hostile = [_silent, _garbage, _plain, _slow, _oversized, _wrong_path]
    names = [f"web{number}" for number in range(10)]
    running = server(*(offer(name, payload=BYTES) for name in names), offer("last"), deadline=60)
    over = threading.Event()

    def attack(number: int) -> None:
        try:
            hostile[number % len(hostile)](running, over)
        except OSError:
            return

    def right(name: str) -> float:
        began = time.monotonic()
        assert running.ask(f"/{name}") == (200, BYTES)
        return time.monotonic() - began

    with ThreadPoolExecutor(190) as attackers, ThreadPoolExecutor(10) as machines:
        attacks = [attackers.submit(attack, number) for number in range(190)]
        time.sleep(0.3)
        seconds = list(machines.map(right, names))
        over.set()
        for done in attacks:
            done.result()
        assert running.ask("/last")[0] == 200

    report = running.report()
    assert max(seconds) < 5, seconds
    assert report.missing == ()
    assert report.problem() is None
    assert sum(item.count for item in report.refusals) > 50
    print(f"slowest of the right ones: {max(seconds):.2f} s")


def test_c_2_3_serve_prepare_binds_where_told() -> None:
    """It listens on the address that is named, and on no other."""
    with listen("127.0.0.1", 0) as listener:
        address, port = listener.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
        with pytest.raises(HabitatError, match=f"port {port} here"):
            listen("127.0.0.1", port)


def test_listen_on_ipv6() -> None:
    """An IPv6 address is one."""
    with listen("::1", 0) as listener:
        assert listener.getsockname()[0] == "::1"


def test_listen_elsewhere() -> None:
    """An address that is none of this place's, or none at all, is told."""
    with pytest.raises(HabitatError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)
    with pytest.raises(UsageError, match="no IP address"):
        listen("localhost", 0)


def test_header_twice() -> None:
    """A header that stands twice is none."""
    from ipaddress import ip_address

    from toolbox.lib.transport.offer import Refused, Request, wanted

    twice = tuple((name.lower(), value) for name, value in [*HASH.items()] * 2)
    with pytest.raises(Refused, match="more than once"):
        wanted([offer()], Request("GET", "/web", twice), ip_address("::ffff:127.0.0.1"), None)
