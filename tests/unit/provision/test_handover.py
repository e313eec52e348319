"""A host's config is handed over by a bootstrap and an offer that fit each other."""

from __future__ import annotations

import json
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from toolbox.lib.butane.translate import IgnitionConfig
from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.core.files import sha256
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.host import Host
from toolbox.lib.pki import serving, standin
from toolbox.lib.provision import handover
from toolbox.lib.provision.handover import PORT, bindable, credentials, desk, prepare
from toolbox.lib.transport.serve import listen, serve

if TYPE_CHECKING:
    from collections.abc import Callable

IDENTITY = standin.identity(["web", "db"])


def config(name: str = "web", text: str = '{"ignition":{"version":"3.3.0"}}') -> IgnitionConfig:
    """Return a config of a host."""
    host = Host(name, f"{name}.test", "debian", Path(name))
    return IgnitionConfig(host, Secret(text), sha256(text.encode()))


def test_prepare() -> None:
    """The offer is the config at the path and with the header that the bootstrap names."""
    made = prepare(config(), IDENTITY, desk("192.0.2.1", sources=["192.0.2.0/24"]))

    assert made.host == made.offer.name == "web"
    assert made.offer.payload == config().json.reveal().encode()
    assert made.offer.headers == {"Verification-Hash": config().sha256}
    assert made.offer.sources == (ip_network("192.0.2.0/24"),)
    assert f"https%3A//192.0.2.1%3A{PORT}{made.offer.path}" in made.bootstrap or (
        json.loads(made.bootstrap)["ignition"]["config"]["merge"][0]["source"].startswith("data:;")
    )


def test_the_same_again() -> None:
    """What is served later fits the bootstrap that was written before."""
    place = desk("192.0.2.1")

    assert prepare(config(), IDENTITY, place) == prepare(config(), IDENTITY, place)
    other = prepare(config(text="{}"), IDENTITY, place)
    assert other.offer.path == prepare(config(), IDENTITY, place).offer.path
    assert other.offer.headers != prepare(config(), IDENTITY, place).offer.headers


def test_paths_differ() -> None:
    """Each host, and each project, has a path of its own that nobody can guess."""
    place = desk("192.0.2.1")
    hosts = [prepare(config(name), IDENTITY, place).offer.path for name in ("web", "db")]
    key = Secret("another")
    elsewhere = prepare(config(), type(IDENTITY)("", key, "", {}), place).offer.path

    assert len({*hosts, elsewhere}) == 3
    assert all(len(path) == 65 for path in hosts)


def test_fetched() -> None:
    """What is prepared is served, and fetched by who has the bootstrap's authority and header."""
    listener = listen("127.0.0.1", 0)
    place = desk("127.0.0.1", port=listener.getsockname()[1])
    made = prepare(config(), IDENTITY, place)
    shown = credentials(IDENTITY, place)
    reports = []
    server = threading.Thread(
        target=lambda: reports.append(serve(listener, [made.offer], shown, deadline=20))
    )
    server.start()
    trusted = ssl.create_default_context(cadata=serving.root(IDENTITY).authority("127.0.0.1"))
    asked = Request(place.url(made.offer.path), headers=dict(made.offer.headers))
    with urlopen(asked, context=trusted) as answer:
        assert answer.read() == made.offer.payload
    server.join(20)

    assert reports[0].problem() is None


def test_desk() -> None:
    """Addresses are IP addresses of both kinds, or names."""
    assert desk("2001:0DB8::1").url("/x") == f"https://[2001:db8::1]:{PORT}/x"
    assert desk("boot.test", port=1).url("/") == "https://boot.test:1/"
    assert desk().address == handover.own_address()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: desk("two words"), "neither an IP address nor a name"),
        (lambda: desk("https://x"), "neither an IP address nor a name"),
        (lambda: desk("192.0.2.1", port=70000), "70000 is no port"),
        (lambda: desk("192.0.2.1", port=-1), "-1 is no port"),
        (lambda: desk("192.0.2.1", sources=["here"]), "'here' is no network"),
        (lambda: desk("192.0.2.1", sources=["192.0.2.1/24"]), "is no network"),
    ],
)
def test_wrong_desk(wrong: Callable[[], object], words: str) -> None:
    """What is no address, port or network is told with an example."""
    with pytest.raises(UsageError, match=words) as caught:
        wrong()
    assert caught.value.hint


def test_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place without a network says what to do."""
    monkeypatch.setattr(handover, "ELSEWHERE", ("255.255.255.255", 9))
    with pytest.raises(HabitatError, match="no address at which"):
        handover.own_address()


def test_bindable() -> None:
    """An address is listened on as it is; for a name it is our own."""
    assert bindable("192.0.2.1") == "192.0.2.1"
    assert bindable("boot.test") == handover.own_address()
