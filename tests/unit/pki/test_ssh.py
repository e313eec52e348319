"""ssh certificates say what they are for, as OpenSSH reads them."""

from __future__ import annotations

import base64
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificateType

from tests.unit.pki.conftest import NOW
from toolbox.lib.core.errors import UsageError
from toolbox.lib.pki import ssh
from toolbox.lib.pki.ssh import Statement

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.core.secret import Secret

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfKdhNfhmBBKB9rD9Rw2QfsG6A2bzaBYmnF1KjXv6E2"
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJ27pSvqm8NYtkLO8kAI"
    "H0sWbVBoFYGD+1mvaAZxG0ydAAAABHNzaDo="
)
PERSON = Statement("alice", ("core", "root"), 8)
HOST = Statement("web.shop.internal", ("web", "web.shop.internal"), 24, host=True)


def test_person(ssh_key: tuple[Secret, str]) -> None:
    """A person's certificate is for some users, for some hours, and for little of what ssh can."""
    authority, public = ssh_key

    found = ssh.read(ssh.certificate(authority, f"{KEY} a comment", PERSON, NOW))

    assert found.type is SSHCertificateType.USER
    assert found.valid_principals == [b"core", b"root"]
    assert found.valid_before == int((NOW + timedelta(hours=8)).timestamp())
    assert found.valid_after < NOW.timestamp()
    assert set(found.extensions) == set(ssh.EXTENSIONS)
    assert ssh.public(authority) == public
    assert found.key_id == b"alice"


def test_host(ssh_key: tuple[Secret, str]) -> None:
    """A host's certificate is for its names and permits nothing."""
    found = ssh.read(ssh.certificate(ssh_key[0], KEY, HOST, NOW))

    assert found.type is SSHCertificateType.HOST
    assert found.valid_principals == [b"web", b"web.shop.internal"]
    assert not found.extensions


@pytest.mark.needs("ssh-keygen")
def test_openssh_reads_it(ssh_key: tuple[Secret, str], tmp_path: Path) -> None:
    """OpenSSH sees the same: who signed, for whom, until when."""
    authority, public = ssh_key
    path, above = tmp_path / "key-cert.pub", tmp_path / "ca.pub"
    path.write_text(ssh.certificate(authority, KEY, PERSON, NOW))
    above.write_text(public)
    listed, signer = (
        subprocess.run(
            ["ssh-keygen", *words], capture_output=True, text=True, check=True, env={"TZ": "UTC"}
        ).stdout
        for words in (["-L", "-f", path], ["-l", "-f", above])
    )

    assert "user certificate" in listed
    assert signer.split()[1] in listed
    assert f"to {NOW + timedelta(hours=8):%Y-%m-%dT%H:%M:%S}" in listed
    assert "core" in listed


def test_serials_differ(ssh_key: tuple[Secret, str]) -> None:
    """Each certificate has a number of its own, by which it can be told."""
    serials = {ssh.read(ssh.certificate(ssh_key[0], KEY, PERSON, NOW)).serial for _ in range(5)}

    assert len(serials) == 5


@pytest.mark.parametrize("names", [(), ("",), ("core", ""), ("x",) * 257])
def test_no_certificate_for_everyone(names: tuple[str, ...], ssh_key: tuple[Secret, str]) -> None:
    """A certificate without a name would hold for every name."""
    with pytest.raises(UsageError, match="1 to 256 names"):
        ssh.certificate(ssh_key[0], KEY, Statement("x", names, 1), NOW)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no ssh public key"),
        ("ssh-ed25519", "no ssh public key"),
        ("ssh-ed25519 AAAA", "no ssh public key"),
        (SECURITY_KEY, "sk-ssh-ed25519@openssh.com"),
    ],
)
def test_unfit_keys(line: str, words: str, ssh_key: tuple[Secret, str]) -> None:
    """What no certificate can be made for is told, with what to do."""
    with pytest.raises(UsageError, match=words) as caught:
        ssh.certificate(ssh_key[0], line, PERSON, NOW)
    assert caught.value.hint


def test_altered(ssh_key: tuple[Secret, str]) -> None:
    """A certificate that says something else than what was signed is none."""
    line = ssh.certificate(ssh_key[0], KEY, PERSON, NOW)
    kind, blob = line.split()[:2]
    data = base64.b64decode(blob).replace(b"core", b"toor")

    with pytest.raises(UsageError, match="no ssh certificate"):
        ssh.read(f"{kind} {base64.b64encode(data).decode()}")
    with pytest.raises(UsageError, match="no ssh certificate"):
        ssh.read(KEY)


@pytest.mark.needs("ssh-keygen")
def test_known_hosts(ssh_key: tuple[Secret, str], tmp_path: Path) -> None:
    """Each host is found by each of its names, pinned and by its authority."""
    known = tmp_path / "known_hosts"
    hosts = [(("web", "web.shop.internal"), f"{KEY} x"), (("db", "10.0.0.2"), OTHER)]
    known.write_text(ssh.known_hosts(hosts, f"{ssh_key[1]} ca"))

    for name in ("web", "web.shop.internal", "db", "10.0.0.2"):
        words = ["ssh-keygen", "-F", name, "-f", known]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert found.count("found: line") == 2
    words = ["ssh-keygen", "-F", "www.example.com", "-f", known]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1
    assert ssh.known_hosts([], KEY) == ""
    assert "@cert-authority" not in ssh.known_hosts(hosts, "")


@pytest.mark.needs("ssh")
def test_r_5_strict_everywhere(tmp_path: Path) -> None:
    """What a person includes checks host keys strictly, against the project's file only."""
    config = tmp_path / "config"
    config.write_text(ssh.configuration([("web", "web.shop.internal")], "/x/known", "/x/cert"))
    words = ["ssh", "-G", "-F", config, "web"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert "stricthostkeychecking true" in shown
    assert "userknownhostsfile /x/known\n" in shown
    assert "hostkeyalias web\n" in shown
    assert "hostname web.shop.internal\n" in shown
    assert "certificatefile /x/cert\n" in shown
    assert "CertificateFile" not in ssh.configuration([("a", "b")], "/x/known")
