"""Hosts and persons that an authority has signed are believed, and nobody who is revoked."""

from __future__ import annotations

import base64
import getpass
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.core.wait import until
from toolbox.lib.pki import krl
from toolbox.lib.pki import ssh as certificates
from toolbox.lib.pki.ssh import Statement
from toolbox.lib.transport.ssh import Endpoint, answers, client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("sshd", "ssh", "ssh-agent", "ssh-add", "ssh-keygen")

NOW = datetime.now(UTC)


class Place:
    """A folder with keys, and an sshd in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = getpass.getuser()
        self.keys = {name: self._key(name) for name in ("host", "provision", "ca", "other")}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def _key(self, name: str) -> tuple[Secret, str]:
        path = self.folder / name
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]
        subprocess.run(words, check=True)
        return Secret(path.read_text()), path.with_name(f"{name}.pub").read_text().strip()

    def signed(self, name: str, said: Statement, now: datetime = NOW, by: str = "ca") -> str:
        """Return a certificate for one of the keys."""
        return certificates.certificate(self.keys[by][0], self.keys[name][1], said, now)

    def write(self, name: str, text: str) -> Path:
        """Write a file that sshd reads."""
        path = self.folder / name
        path.write_text(f"{text}\n" if text else "")
        return path

    def revoke(self, *lines: str) -> Path:
        """Write the list of what is revoked."""
        path = self.folder / "revoked"
        path.write_bytes(base64.b64decode(krl.encoded(lines)))
        return path

    def endpoint(self, key: str = "", authority: str = "ca") -> Endpoint:
        """Return how the server is reached, and by what it is known."""
        pinned = self.keys[key][1] if key else ""
        signer = self.keys[authority][1] if authority else ""
        return Endpoint("web", "127.0.0.1", self.port, pinned, self.user, signer)

    def login(self, endpoint: Endpoint, certificate: str = "") -> bool:
        """Tell whether one gets in."""
        private, public = self.keys["provision"]
        run = self.folder / "run"
        with client([endpoint], private, public, run, certificate) as ssh:
            done = ssh.run("web", "echo here", timeout=30, check=False)
            assert done.exit_code in (0, 255)
            return done.text == "here\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with keys."""
    return Place(tmp_path)


@pytest.fixture
def serve(place: Place) -> Iterator[Callable[..., None]]:
    """Return a function that starts an sshd with further lines of configuration."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*lines: str, trusted: bool = True) -> None:
        public = place.keys["provision"][1] if trusted else ""
        settings = [
            f"ListenAddress 127.0.0.1\nPort {place.port}\nHostKey {place.folder}/host",
            f"PidFile none\nAuthorizedKeysFile {place.write('authorized', public)}",
            "StrictModes no\nUsePAM no",
            *lines,
        ]
        config = place.write("sshd_config", "\n".join(settings))
        log = (place.folder / "sshd.log").open("wb")
        program = str(shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin"))
        started.append(subprocess.Popen([program, "-D", "-e", "-f", config], stderr=log))
        log.close()
        until(
            lambda _last: answers("127.0.0.1", place.port) or None,
            deadline=10,
            interval=0.1,
            what="sshd",
        )

    yield start
    for process in started:
        process.terminate()
        process.wait()


HOST = Statement("web.shop.internal", ("web", "web.shop.internal"), 24, host=True)
ELSEWHERE = Statement("db", ("db",), 24, host=True)


@pytest.mark.parametrize(
    ("said", "authority", "by", "hours", "accepted"),
    [
        pytest.param(HOST, "ca", "ca", 0, True, id="signed"),
        pytest.param(HOST, "other", "ca", 0, False, id="by another authority"),
        pytest.param(HOST, "ca", "other", 0, False, id="signed by another"),
        pytest.param(ELSEWHERE, "ca", "ca", 0, False, id="for another host"),
        pytest.param(HOST, "ca", "ca", -48, False, id="ended"),
        pytest.param(HOST, "", "ca", 0, False, id="no authority is known"),
    ],
)
def test_host_certificates(
    place: Place,
    serve: Callable[..., None],
    said: Statement,
    authority: str,
    by: str,
    hours: int,
    accepted: bool,
) -> None:
    """A host whose key is not known is believed by its certificate only, if that is for it."""
    text = place.signed("host", said, NOW + timedelta(hours=hours), by)
    serve(f"HostCertificate {place.write('host-cert.pub', text)}")

    assert place.login(place.endpoint(authority=authority)) is accepted


def test_pinned_keys_do_not_end(place: Place, serve: Callable[..., None]) -> None:
    """A machine that was off for long is still reached: its key is pinned, whatever has ended."""
    text = place.signed("host", HOST, NOW - timedelta(days=400))
    serve(f"HostCertificate {place.write('host-cert.pub', text)}")

    assert place.login(place.endpoint("host"))
    assert not place.login(place.endpoint("other"))


def test_pinned_without_a_certificate(place: Place, serve: Callable[..., None]) -> None:
    """A machine that has no certificate yet is reached by its pinned key."""
    serve()

    assert place.login(place.endpoint("host"))
    assert not place.login(place.endpoint())


def test_persons(place: Place, serve: Callable[..., None]) -> None:
    """A person gets in with a certificate for that user and time, and without one does not."""
    serve(f"TrustedUserCAKeys {place.write('user_ca.pub', place.keys['ca'][1])}", trusted=False)
    endpoint = place.endpoint("host")
    person = Statement("alice", (place.user,), 8)
    well = place.signed("provision", person)
    for_another = place.signed("provision", Statement("alice", ("nobody",), 8))
    ended = place.signed("provision", person, NOW - timedelta(hours=9))
    by_another = place.signed("provision", person, by="other")

    assert place.login(endpoint, well)
    for refused in ("", for_another, ended, by_another):
        assert not place.login(endpoint, refused)


def test_revoked(place: Place, serve: Callable[..., None]) -> None:
    """A key that is revoked gets nobody in any more, at once, also with a certificate for it."""
    listed = place.write("revoked", "# none")
    serve(
        f"RevokedKeys {listed}",
        f"TrustedUserCAKeys {place.write('user_ca.pub', place.keys['ca'][1])}",
    )
    endpoint = place.endpoint("host")
    well = place.signed("provision", Statement("alice", (place.user,), 8))
    before = (place.login(endpoint), place.login(endpoint, well))
    place.revoke(place.keys["other"][1])
    others = place.login(endpoint)

    place.revoke(place.keys["provision"][1])

    assert (*before, others) == (True, True, True)
    assert not place.login(endpoint)
    assert not place.login(endpoint, well)


def test_a_revoked_authority(place: Place, serve: Callable[..., None]) -> None:
    """Revoking who signs revokes all that it has signed."""
    listed = place.revoke(place.keys["ca"][1])
    serve(
        f"RevokedKeys {listed}",
        f"TrustedUserCAKeys {place.write('user_ca.pub', place.keys['ca'][1])}",
        trusted=False,
    )
    well = place.signed("provision", Statement("alice", (place.user,), 8))

    assert not place.login(place.endpoint("host"), well)


@pytest.mark.parametrize("by", ["serial", "name"])
def test_a_revoked_certificate(place: Place, serve: Callable[..., None], by: str) -> None:
    """One certificate is refused by its number or name, and others for the same key are not."""
    trusted = place.write("user_ca.pub", place.keys["ca"][1])
    listed = place.revoke("serial: 1")
    serve(f"RevokedKeys {listed}", f"TrustedUserCAKeys {trusted}", trusted=False)
    endpoint = place.endpoint("host")
    gone = place.signed("provision", Statement("alice", (place.user,), 8))
    other = place.signed("provision", Statement("bob", (place.user,), 8))
    before = (place.login(endpoint, gone), place.login(endpoint, other))

    serial = certificates.read(gone).serial
    place.revoke(f"serial: {serial}" if by == "serial" else "id: alice")

    assert before == (True, True)
    assert not place.login(endpoint, gone)
    assert place.login(endpoint, other)
