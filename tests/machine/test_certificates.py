"""A machine and a person know each other by the project's authorities, until one is revoked.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import ssh
from toolbox.lib.transport.ssh import Endpoint, client

if TYPE_CHECKING:
    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Person:
    """Somebody with an ssh key that no machine lists."""

    private: str
    public: str
    certificate: str


@pytest.fixture(scope="module")
def port(sandbox: Sandbox) -> int:
    """The port at which the ssh server of a machine answers."""
    answer = sandbox.invoke("sim.up", "--json")
    assert answer.code == 0, answer.err
    return int(answer.json["items"][0]["ports"]["22"])


@pytest.fixture(scope="module")
def person(sandbox: Sandbox, port: int) -> Person:
    """Return a person whose key was signed for an hour."""
    assert port
    return someone(sandbox, "bob")


def someone(sandbox: Sandbox, name: str) -> Person:
    """Return a person with a new key that was signed for an hour."""
    path = sandbox.root.parent / name
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]
    subprocess.run(words, check=True)
    signed = sandbox.invoke("identity.sign", f"{path}.pub", "--hours", "1")
    assert signed.code == 0, signed.err
    return Person(path.read_text(), path.with_suffix(".pub").read_text(), signed.out)


def login(port: int, person: Person, certificate: str = "", **known: str) -> tuple[int, str]:
    """Log in to the machine, which is known by that only; return how it ended."""
    endpoint = Endpoint("hello", "127.0.0.1", port, **{"host_key": "", **known})
    # Reason: names of sockets are limited to 107 bytes, and pytest's folders are deep.
    with (
        TemporaryDirectory() as folder,
        client([endpoint], Secret(person.private), person.public, Path(folder), certificate) as ssh,
    ):
        done = ssh.run("hello", "hostname", timeout=120, check=False)
    return done.exit_code, done.text + done.stderr.decode()


def authority(sandbox: Sandbox) -> str:
    """Return the public key of who signs hosts."""
    exported = sandbox.invoke("identity.export", "--to", str(sandbox.root.parent / "pki"))
    assert exported.code == 0, exported.err
    return (sandbox.root.parent / "pki/ssh_host_ca.pub").read_text().strip()


def test_both_are_believed(sandbox: Sandbox, port: int, person: Person) -> None:
    """Neither key is listed anywhere, and both certificates are what they say."""
    code, text = login(port, person, person.certificate, authority=authority(sandbox))

    assert (code, text.strip()) == (0, "hello"), text


def test_neither_without(sandbox: Sandbox, port: int, person: Person) -> None:
    """A person without a certificate is not let in, a host of an unknown authority not believed."""
    signer = authority(sandbox)

    refused = login(port, person, authority=signer)
    unknown = login(port, person, person.certificate)

    assert refused[0] == 255
    assert "permission denied" in refused[1].lower()
    assert unknown[0] == 255
    assert "host key verification failed" in unknown[1].lower()


def test_r_5_revoked(sandbox: Sandbox, port: int, person: Person) -> None:
    """What is revoked, a key or one certificate, is not let in with the machine's next config."""
    assert port
    lost = someone(sandbox, "carol")
    folder = sandbox.root.parent
    again = replace(person, certificate=sandbox.invoke("identity.sign", f"{folder}/bob.pub").out)
    for what in (str(ssh.read(person.certificate).serial), f"{folder}/carol.pub"):
        done = sandbox.invoke("identity.revoke", what)
        assert done.code == 0, done.err

    answer = sandbox.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert item["action"] != "unchanged"
    reached, signer = int(item["ports"]["22"]), authority(sandbox)
    for one in (person, lost):
        code, text = login(reached, one, one.certificate, authority=signer)
        assert (code, "permission denied" in text.lower()) == (255, True), text
    code, text = login(reached, again, again.certificate, authority=signer)
    assert (code, text.strip()) == (0, "hello"), text


def test_renewal_reaches_the_machine(sandbox: Sandbox, port: int) -> None:
    """A certificate that was made anew is in the machine's next config, in place of the other."""
    assert port
    _, blob, _ = sandbox.ssh("cat /etc/ssh/ssh_host_ed25519_key-cert.pub").split()
    before = sandbox.invoke("host.render", "hello").out

    renewed: Any = sandbox.invoke("identity.renew", "hello", "--yes", "--json")

    assert renewed.code == 0, renewed.err
    assert {item["what"] for item in renewed.json["items"]} == {
        "hello-tls",
        "hello-ssh-certificate",
    }
    after = sandbox.invoke("host.render", "hello").out
    assert (blob in before, blob in after) == (True, False)
    assert after.count("ssh-ed25519-cert-v01@openssh.com") == 1
