"""The stand-in has the form of an identity and is none."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

import toolbox
from toolbox.lib.core.secret import MASK
from toolbox.lib.inventory.profile import Profile
from toolbox.lib.pki import standin
from toolbox.lib.pki.identity import masked

PRINT = "from toolbox.lib.pki import standin; print(standin.identity(['web']).ca_certificate)"


def test_made_once() -> None:
    """In one process it is always the same, whatever hosts it is for."""
    assert standin.identity(["web"]).hosts["web"] == standin.identity(["web", "db"]).hosts["web"]
    assert standin.identity(["web"]).ca_certificate == standin.identity(["db"]).ca_certificate


def test_another_in_each_process() -> None:
    """Nothing can come to rely on it."""
    environment = {"PYTHONPATH": str(Path(toolbox.__file__).parents[1])}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", PRINT], env=environment, check=True, capture_output=True
        )
        for _ in range(2)
    )

    assert first.stdout != second.stdout


def test_no_two_are_equal() -> None:
    """Each key is another one, so that a template that confuses them is seen."""
    identity = standin.identity(["web", "db"])
    web, db = identity.hosts["web"], identity.hosts["db"]
    private = (web.ssh_host_key, web.tls_key, db.ssh_host_key, db.tls_key, identity.provision_key)
    public = (web.ssh_host_public_key, db.ssh_host_public_key, identity.provision_public_key)

    assert len({key.reveal() for key in private}) == len(private)
    assert len(set(public)) == len(public)


def test_form() -> None:
    """A public key has its parts, a private one says that it is none."""
    web = standin.identity(["web"]).hosts["web"]
    kind, blob, comment = web.ssh_host_public_key.split(" ")

    assert base64.b64decode(blob, validate=True)[4:15] == kind.encode() == b"ssh-ed25519"
    assert comment.endswith(".invalid")
    assert "NOT A KEY" in web.tls_key.reveal()
    assert "PRIVATE KEY" not in web.tls_key.reveal()


@pytest.mark.needs("ssh-keygen")
def test_no_program_takes_it(tmp_path: Path) -> None:
    """OpenSSH takes its public key for one, and its private key for none."""
    web = standin.identity(["web"]).hosts["web"]
    public, private = tmp_path / "key.pub", tmp_path / "key"
    public.write_text(web.ssh_host_public_key)
    private.write_text(web.ssh_host_key.reveal())
    private.chmod(0o600)

    assert subprocess.run(["ssh-keygen", "-l", "-f", public], check=False).returncode == 0
    assert subprocess.run(["ssh-keygen", "-y", "-f", private], check=False).returncode != 0


def test_masked() -> None:
    """A masked identity keeps what is public and has nothing that is not."""
    identity = standin.identity(["web"])
    hidden = masked(identity)
    web = hidden.hosts["web"]

    assert {web.ssh_host_key.reveal(), web.tls_key.reveal()} == {MASK}
    assert hidden.provision_key.reveal() == MASK
    assert web.tls_certificate == identity.hosts["web"].tls_certificate
    assert hidden.provision_public_key == identity.provision_public_key


def test_all_that_a_project_may_want() -> None:
    """Stand-ins are there for whatever a template may name, and a mask hides all of it."""
    profile = Profile(acme=True, zones=("a.internal",), tsig=("transfer",))

    identity = standin.identity(["web"], profile)
    hidden = masked(identity)

    assert identity.acme is not None
    assert hidden.acme is not None
    private = (
        (identity.acme.key, hidden.acme.key),
        (identity.zones["a.internal"].key, hidden.zones["a.internal"].key),
        (identity.tsig["transfer"], hidden.tsig["transfer"]),
        (identity.ssh.user_key, hidden.ssh.user_key),
    )
    assert len({key.reveal() for key, _ in private}) == len(private)
    assert {mask.reveal() for _, mask in private} == {MASK}
    assert hidden.zones["a.internal"].dnskey == identity.zones["a.internal"].dnskey
    assert standin.identity(["web"]).acme is None
