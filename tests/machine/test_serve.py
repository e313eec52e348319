"""A machine fetches its real config, once; what does not match leaves it without, and says why."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from toolbox.lib.butane import pipeline
from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.wait import until
from toolbox.lib.inventory.load import load
from toolbox.lib.machine import images, libvirt, link
from toolbox.lib.machine.console import text_of
from toolbox.lib.machine.domain import Domain, Forward
from toolbox.lib.pki import serving, standin
from toolbox.lib.provision import handover
from toolbox.lib.simulation import boot, keys, ports
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.transport.credentials import Credentials
from toolbox.lib.transport.serve import Report, listen, serve
from toolbox.lib.transport.ssh import Endpoint, answers, client
from toolbox.lib.vault import identities

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from conftest import Sandbox

    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.provision.handover import Desk, Handover

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1500)]

LOOPBACK = "127.0.0.1"
HERE = "10.0.2.2"
"""Where a machine finds our loopback address: passt leads there what is for the gateway."""
PATIENCE = 6
SECONDS = 600
DONE = "Finished ignition-files.service"
EMERGENCY = "emergency mode"


@dataclass(frozen=True)
class Bare:
    """A machine that has a bootstrap and nothing else."""

    hypervisor: Hypervisor
    domain: Domain
    folder: Path

    def start(self, bootstrap: str) -> None:
        """Start it for the first time."""
        image = images.find("debian")
        snapshots.stand_on(image.disk, self.domain.disk, gibibytes=4)
        path = self.folder / f"{self.domain.name}.ign"
        boot.ignite(self.hypervisor, self.domain, image, Secret(bootstrap), path)

    @property
    def console(self) -> str:
        """What it has printed."""
        return text_of(self.domain.console)

    def until(self, *words: str) -> str:
        """Wait until one of some words is on its console; return what is."""
        end = time.monotonic() + SECONDS
        while not any(word in self.console for word in words):
            assert time.monotonic() < end, self.console
            state = self.hypervisor.state(self.domain.name)
            assert state == boot.RUNNING, self.hypervisor.crash(self.domain.name)
            time.sleep(0.5)
        # Reason: the reasons follow in the next lines.
        time.sleep(1)
        return self.console


@pytest.fixture
def bare(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bare]:
    """Return a machine that was not started yet; it is destroyed afterwards."""
    monkeypatch.setenv("INFRA_STATE", str(sandbox.state))
    hypervisor = libvirt.connect()
    name = f"once-{sandbox.key}"
    domain = Domain(
        name=name,
        uuid=str(uuid4()),
        memory=1024,
        cpus=2,
        accelerator="tcg",
        disk=tmp_path / "disk.qcow2",
        console=tmp_path / "console.log",
        mac=link.address(name),
        forwards=(Forward(ports.choose(0, ()), 22),),
        labels={"once": name},
    )
    yield Bare(hypervisor, domain, tmp_path)
    print(text_of(domain.console))
    hypervisor.virsh("destroy", name, check=False)


@pytest.fixture
def real(sandbox: Sandbox, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Return the keys of the project's real machines, made as a person makes them."""
    ana = pair("ana")
    (sandbox.root / "authorized_keys").write_text(f"{ana.line}\n")
    monkeypatch.setenv(identities.VARIABLE, str(ana.path))
    for words in (["secret.init"], ["identity.up", "--stack", "prod"]):
        made = sandbox.invoke(*words)
        assert made.code == 0, made.err
    project = load(sandbox.root)
    return keys.real(project, project.hosts)


def test_served(sandbox: Sandbox, bare: Bare, real: Identity) -> None:
    """By the two tasks a machine gets its real config, and knows which one it is."""
    made = sandbox.invoke("prod.ignition", "hello", "--address", HERE, "--json")
    assert made.code == 0
    (item,) = made.json["items"]
    serving = sandbox.start(
        *("prod.serve", "hello", "--address", HERE, "--bind", LOOPBACK),
        *("--source", LOOPBACK, "--deadline", str(SECONDS)),
    )
    bare.start(json.dumps(item["ignition"]))
    assert EMERGENCY not in bare.until(DONE, EMERGENCY)
    said = serving.communicate(timeout=SECONDS)[0]

    assert serving.returncode == 0, said
    assert "hello: served to 127.0.0.1" in said
    port = bare.domain.forwards[0].host_port
    endpoint = Endpoint("hello", LOOPBACK, port, real.hosts["hello"].ssh_host_public_key)
    access, public = real.provision_key, real.provision_public_key
    # Reason: names of sockets are limited to 107 bytes, and pytest's folders are deep.
    with (
        TemporaryDirectory() as folder,
        client([endpoint], access, public, Path(folder)) as ssh,
    ):
        # Reason: it answers a little before it lets anybody in.
        until(
            lambda last: ssh.run("hello", "true", check=last).ok or None,
            deadline=SECONDS,
            interval=2,
            what="a login",
        )
        own = sandbox.invoke("host.ignition", "hello", "--stack", "prod", "--json").json["items"]
        assert own[0]["sha256"] == item["headers"]["Verification-Hash"]
        assert ssh.run("hello", f"cat {HASH_FILE}").text.strip() == own[0]["config"]
        assert ssh.run("hello", "test -e /srv/hello/index.html && hostname").text.strip() == "hello"
    host = sandbox.root / "hosts/hello.yaml"
    host.write_text(f"{host.read_text()}\naddress: {LOOPBACK}\nssh_port: {port}\n")
    planned = sandbox.invoke("host.plan", "hello", "--json")
    assert planned.code == 0, planned.err
    (seen,) = planned.json["items"]
    assert (seen["machine"], seen["nothing"], seen["base"]) == (LOOPBACK, True, 0)


@dataclass(frozen=True)
class Prepared:
    """What a server and a machine have, before something of it is spoilt."""

    made: Handover
    credentials: Credentials
    desk: Desk
    listener: socket.socket

    def wrong_hash(self) -> Prepared:
        """The server has another config under the same name and header."""
        spoilt = self.made.offer.payload.replace(b"hello", b"jello", 1)
        return replace(
            self, made=replace(self.made, offer=replace(self.made.offer, payload=spoilt))
        )

    def old_bootstrap(self) -> Prepared:
        """The machine has the bootstrap of another config."""
        offer = replace(self.made.offer, headers={"Verification-Hash": "sha256-" + "0" * 64})
        return replace(self, made=replace(self.made, offer=offer))

    def wrong_authority(self) -> Prepared:
        """The server has a certificate of another authority."""
        other = serving.Root(Secret("00" * 32))
        return replace(self, credentials=Credentials(*other.certificate(self.desk.address)))

    def wrong_name(self) -> Prepared:
        """The server has a certificate of the right authority for another name."""
        identity = standin.identity(["hello"])
        other = serving.root(identity).certificate("192.0.2.1")
        return replace(self, credentials=Credentials(*other))


@pytest.fixture
def prepared(sandbox: Sandbox) -> Prepared:
    """Return what hands the example's config over, made of stand-ins for keys."""
    project = load(sandbox.root)
    identity = standin.identity(host.name for host in project.hosts)
    listener = listen(LOOPBACK, 0)
    desk = handover.desk(HERE, port=listener.getsockname()[1], patience=PATIENCE)
    outcomes = pipeline.every(project, project.hosts, identity, checked=False)
    (config,) = pipeline.accepted(outcomes).values()
    made = handover.prepare(config, identity, desk)
    return Prepared(made, handover.credentials(identity, desk), desk, listener)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (Prepared.wrong_hash, "hash verification failed"),
        (Prepared.old_bootstrap, "GET result: Precondition Failed"),
        (Prepared.wrong_authority, "certificate signed by unknown authority"),
        (Prepared.wrong_name, "certificate is valid for 192.0.2.1"),
    ],
    ids=["hash", "header", "authority", "name"],
)
def test_unprovisioned(
    bare: Bare, prepared: Prepared, spoilt: Callable[[Prepared], Prepared], words: str
) -> None:
    """A config, header, authority or name that is not the right one leaves a machine without."""
    wrong = spoilt(prepared)

    def give() -> None:
        serve(prepared.listener, [wrong.made.offer], wrong.credentials, deadline=SECONDS)

    threading.Thread(target=give, daemon=True).start()
    bare.start(prepared.made.bootstrap)

    said = bare.until(EMERGENCY, DONE)
    assert EMERGENCY in said
    assert DONE not in said
    assert words in said
    assert not answers(LOOPBACK, bare.domain.forwards[0].host_port)


def test_replay(bare: Bare, prepared: Prepared) -> None:
    """A machine whose config was fetched by somebody else gets none, and both sides tell."""
    import ssl
    from urllib.request import Request, urlopen

    offer = prepared.made.offer
    waiting = replace(offer, name="other", path="/other")
    reports: list[Report] = []

    def give() -> None:
        shown = prepared.credentials
        reports.append(serve(prepared.listener, [offer, waiting], shown, deadline=90))

    server = threading.Thread(target=give, daemon=True)
    server.start()
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    stolen = Request(
        f"https://{LOOPBACK}:{prepared.desk.port}{offer.path}", headers=dict(offer.headers)
    )
    with urlopen(stolen, context=unchecked) as answer:
        assert answer.read() == offer.payload
    bare.start(prepared.made.bootstrap)

    said = bare.until(EMERGENCY, DONE)
    server.join(120)
    assert EMERGENCY in said
    assert "GET result: Gone" in said
    problem = reports[0].problem()
    assert problem is not None
    assert problem.exit_code == 4
    assert "hello: it was served already" in problem.message
