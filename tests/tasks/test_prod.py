"""prod.ignition and prod.serve as a person calls them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from toolbox.lib.core.files import sha256
from toolbox.lib.habitat import place
from toolbox.lib.pki import serving, standin
from toolbox.lib.simulation import keys
from toolbox.lib.transport import forward
from toolbox.lib.transport.portmap import Mapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAIN = (
    "variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n"
    "    - path: /etc/key\n      contents:\n        inline: {{ TLS_KEY | tojson }}\n"
)
SECONDS = 20

pytestmark = pytest.mark.needs("butane", "ignition-validate")


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two hosts with keys."""
    (folder / "project.yaml").write_text("name: example\n")
    for name in ("web", "db"):
        (folder / "hosts" / name).mkdir(parents=True)
        (folder / f"hosts/{name}.yaml").write_text("")
        (folder / f"hosts/{name}/main.bu").write_text(MAIN)
    identity = standin.identity(["web", "db"])
    monkeypatch.setattr(keys, "real", lambda _project, _hosts, _stack="prod": identity)
    return folder


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _item(invoke: Callable[..., Any], port: int, name: str = "web") -> dict[str, Any]:
    words = ("--address", "127.0.0.1", "--port", str(port), "--json")
    (item,) = json.loads(invoke("prod.ignition", name, *words).out)["items"]
    return dict(item)


class Machine:
    """Asks for a config until there is an answer, as Ignition does."""

    def __init__(self, item: dict[str, Any], **headers: str) -> None:
        self.request = Request(item["url"], headers=item["headers"] | headers)
        authority = serving.root(standin.identity(["web", "db"])).authority("127.0.0.1")
        self.context = ssl.create_default_context(cadata=authority)
        self.got: bytes | int = b""
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                with urlopen(self.request, context=self.context, timeout=5) as answer:
                    self.got = answer.read()
                    return
            except HTTPError as error:
                self.got = error.code
                error.close()
                return
            except URLError:
                time.sleep(0.1)

    def answer(self) -> bytes | int:
        """Return the config, or the status of a refusal."""
        self.thread.join(SECONDS)
        return self.got


def test_ignition(invoke: Callable[..., Any], project: Path) -> None:
    """The bootstrap is data on stdout, is always the same, and holds no key."""
    del project
    ended = invoke("prod.ignition", "web", "--address", "192.0.2.1")

    assert ended.code == 0
    assert json.loads(ended.out)["ignition"]["config"]["merge"]
    assert "machines ask at https://192.0.2.1:47443/" in ended.err
    assert "next: invoke prod.serve web --address 192.0.2.1" in ended.err
    assert ended.out == invoke("prod.ignition", "web", "--address", "192.0.2.1").out
    assert standin.LABEL not in ended.out + ended.err


def test_ignition_in_container(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of a container is not what machines outside of it should be told."""
    del project
    habitat = place.Habitat(place.Kind.LAUNCHER, "podman", image=True)
    monkeypatch.setattr(place, "here", lambda: habitat)

    own, named = (invoke("prod.ignition", "web", *words) for words in ([], ["--address", "x.test"]))

    assert "that is the address of this container" in own.err
    assert "container" not in named.err


def test_ignition_json(invoke: Callable[..., Any], project: Path) -> None:
    """Several hosts are several items, each with its own URL."""
    del project
    words = ("--address", "boot.test", "--port", "1", "--patience", "7", "--json")
    web, db = json.loads(invoke("prod.ignition", "web", "db", *words).out)["items"]

    assert (web["host"], db["host"]) == ("web", "db")
    assert web["url"].startswith("https://boot.test:1/")
    assert web["url"] != db["url"]
    assert web["headers"]["Verification-Hash"].startswith("sha256-")


@pytest.mark.parametrize(
    "words",
    [["--address", "http://x"], ["--port", "70000"], ["--source", "x"], ["--bind", "x"]],
)
def test_wrong_options(invoke: Callable[..., Any], project: Path, words: list[str]) -> None:
    """What is no address, port or network ends with code 2."""
    del project
    ended = invoke("prod.serve", "web", "--deadline", "1", *words)

    assert ended.code == 2
    assert "hint: " in ended.err


def test_unknown_host(invoke: Callable[..., Any], project: Path) -> None:
    """A host that does not exist is told."""
    del project
    assert invoke("prod.serve", "wb").code == 2


def test_serve(invoke: Callable[..., Any], project: Path, port: int) -> None:
    """Hosts get their configs once, and the task ends."""
    del project
    items = [_item(invoke, port, name) for name in ("web", "db")]
    machines = [Machine(item) for item in items]
    words = ("--address", "127.0.0.1", "--port", str(port), "--deadline", str(SECONDS))

    ended = invoke("prod.serve", "web", "db", *words)

    for machine, item in zip(machines, items, strict=True):
        got = machine.answer()
        assert isinstance(got, bytes)
        assert sha256(got) == item["headers"]["Verification-Hash"]
    assert ended.code == 0
    assert [line.split() for line in sorted(ended.out.splitlines())[:2]] == [
        ["db", "served", "127.0.0.1"],
        ["host", "state", "from"],
    ]
    assert standin.LABEL not in ended.out + ended.err


def test_served_bytes(invoke: Callable[..., Any], project: Path, port: int) -> None:
    """What is served is what `host.ignition --stack prod` prints, byte for byte."""
    del project
    machine = Machine(_item(invoke, port))
    words = ("--address", "127.0.0.1", "--port", str(port), "--deadline", str(SECONDS))

    assert invoke("prod.serve", "web", *words).code == 0
    printed = invoke("host.ignition", "web", "--stack", "prod")

    assert machine.answer() == printed.out.encode()


def test_serve_json(invoke: Callable[..., Any], project: Path, port: int) -> None:
    """The data tells who was served, and who was not."""
    del project
    machine = Machine(_item(invoke, port))
    words = ("--address", "127.0.0.1", "--port", str(port), "--deadline", "3", "--json")

    ended = invoke("prod.serve", "web", "db", *words)

    assert isinstance(machine.answer(), bytes)
    assert ended.code == 124
    data = json.loads(ended.out)
    assert not data["ok"]
    assert [(item["host"], item["served"]) for item in data["items"]] == [
        ("web", True),
        ("db", False),
    ]


def test_serve_refuses(invoke: Callable[..., Any], project: Path, port: int) -> None:
    """A request with the hash of another config ends the task with code 4, and says so."""
    del project
    machine = Machine(_item(invoke, port), **{"Verification-Hash": "sha256-00"})
    words = ("--address", "127.0.0.1", "--port", str(port), "--deadline", "3")

    ended = invoke("prod.serve", "web", *words)

    assert machine.answer() == 412
    assert ended.code == 4
    assert "web: its header Verification-Hash has another value (from 127.0.0.1)" in ended.err
    assert "not served: web" in ended.err


def test_serve_elsewhere(invoke: Callable[..., Any], project: Path) -> None:
    """An address that is none of this place's is told before anything is served."""
    del project
    ended = invoke("prod.serve", "web", "--address", "192.0.2.1")

    assert ended.code == 3
    assert "0.0.0.0" in ended.err


def test_serve_published(
    invoke: Callable[..., Any], project: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a port that the launcher publishes, the host's address is asked at and not ours."""
    del project
    monkeypatch.setenv("INFRA_PUBLISH", f"8443:{port}")
    words = ("prod.serve", "web", "--address", "192.0.2.1", "--deadline", "1")

    served = invoke(*words, "--port", "8443", "--listen", str(port))
    other = invoke(*words)

    assert served.code == 124
    assert "https://192.0.2.1:8443/" in served.err
    assert other.code == 3
    assert f"hint: --listen {port}" in other.err


def test_serve_in_container(
    invoke: Callable[..., Any], project: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container that publishes nothing, one is told who reaches it and how to mend it."""
    del project
    habitat = place.Habitat(place.Kind.LAUNCHER, "podman", image=True)
    monkeypatch.setattr(place, "here", lambda: habitat)
    words = ("prod.serve", "web", "--deadline", "1", "--port", str(port), "--address")

    inside, outside = invoke(*words, "127.0.0.1"), invoke(*words, "192.0.2.1")

    assert inside.code == 124
    assert f"only this container reaches it; for machines outside of it: INFRA_PUBLISH={port}" in (
        inside.err
    )
    assert outside.code == 3
    assert f"hint: INFRA_PUBLISH={port} ./infra prod.serve" in outside.err


def test_c_2_3_serve_prepare_forwards(
    invoke: Callable[..., Any], project: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A router is asked for the port that machines know, and asked to end it."""
    del project
    asked: list[tuple[int, ...]] = []

    class Router:
        protocol = "PCP"

        def map(self, inside: int, outside: int, lifetime: int) -> Mapped:
            asked.append((inside, outside))
            return Mapped(outside, lifetime, ip_address("198.51.100.7"))

        def unmap(self, inside: int, outside: int) -> None:
            asked.append((inside, outside, 0))

    monkeypatch.setattr(forward, "known", lambda: (Router(),))
    words = ("--address", "127.0.0.1", "--listen", str(port), "--deadline", "1", "--forward")

    ended = invoke("prod.serve", "web", *words)

    assert ended.code == 124
    assert asked == [(port, 47443), (port, 47443, 0)]
    assert "the router forwards 198.51.100.7 port 47443 to us, by PCP" in ended.err
    assert "machines ask at 127.0.0.1, which has to lead there" in ended.err
