"""identity.up, show, export, renew and sign as a person calls them."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import ssh, x509
from toolbox.lib.pki.identity import HostIdentity, Identity, SshAuthorities
from toolbox.lib.pki.x509 import Authority, Signed
from toolbox.lib.stack.kept import Kept
from toolbox.lib.stack.workspace import Changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd bob"
NOW = datetime.now(UTC)


def _pem(key: Any, form: serialization.PrivateFormat) -> Secret:
    clear = serialization.NoEncryption()
    return Secret(key.private_bytes(serialization.Encoding.PEM, form, clear).decode())


@pytest.fixture
def made() -> Identity:
    """Return an identity that was made some time ago."""
    tls = _pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8)
    root = x509.authority(Authority("shop CA", "shop", 2, 8 * 365 * 24), tls, NOW)
    leaf = x509.authority(
        Authority("web.shop.internal", "shop", 0, 20 * 24), tls, NOW, Signed(root, tls)
    )
    own = _pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH)
    said = ssh.Statement("web", ("web",), 397 * 24, host=True)
    line = ssh.certificate(own, ssh.public(own), said, NOW)
    authorities = SshAuthorities(ssh.public(own), ssh.public(own), own)
    host = HostIdentity(own, ssh.public(own), tls, leaf, line)
    return Identity(root, own, ssh.public(own), {"web": host}, ssh=authorities)


@pytest.fixture
def project(folder: Path, made: Identity, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with one host, whose identity is that one."""
    (folder / "hosts").mkdir()
    (folder / "project.yaml").write_text("name: shop\n")
    (folder / "hosts/web.yaml").write_text("")
    changes = Changes({"replace": 1}, (("web-tls", "create-replacement"), ("web-tls", "replace")))
    done: list[str] = []
    monkeypatch.setattr(Kept, "read", lambda _self: made)
    monkeypatch.setattr(Kept, "up", lambda _self: (made, Changes({"same": 9}, ())))
    monkeypatch.setattr(Kept, "planned", lambda _self, _names, **_: changes)
    monkeypatch.setattr(Kept, "renew", lambda _self, names, **_: (done.append(names), changes)[1])
    monkeypatch.delenv("CI", raising=False)
    return folder


@pytest.mark.usefixtures("project")
def test_up(invoke: Callable[..., Any]) -> None:
    """What ends first is told at once."""
    ended = invoke("identity.up")

    assert ended.code == 0
    assert "1 hosts, 3 certificates; next to end: certificate of web on" in ended.err
    assert "next: " in ended.err


@pytest.mark.usefixtures("project")
def test_show(invoke: Callable[..., Any]) -> None:
    """What ends when is data; what is due is said, with what to do."""
    ended = invoke("identity.show")
    data = json.loads(invoke("identity.show", "--json").out)

    assert ended.out.splitlines()[2].startswith("web   certificate      due")
    assert "1 of 3 are due or have ended" in ended.err
    assert [item["state"] for item in data["items"]] == ["due", "holds", "holds"]
    assert data["items"][0]["ends"] == f"{NOW + timedelta(days=20):%Y-%m-%dT%H:%M:%S}+00:00"
    assert "PRIVATE" not in ended.out + json.dumps(data)


@pytest.mark.usefixtures("project")
def test_renew(invoke: Callable[..., Any]) -> None:
    """A plan comes first, each thing once, and without an answer nothing is done."""
    planned = invoke("identity.renew", "web", "--plan")
    unanswered = invoke("identity.renew", "web")
    done = invoke("identity.renew", "web", "--yes")
    data = json.loads(invoke("identity.renew", "web", "--yes", "--json").out)

    assert planned.out.splitlines()[2:] == ["web-tls  made anew"]
    assert "nothing was changed" in planned.err
    assert "nothing was changed" in unanswered.err
    assert "next: invoke host.apply web brings them to the machines" in done.err
    assert data["items"] == [{"what": "web-tls", "change": "made anew"}]


@pytest.mark.usefixtures("project")
def test_renew_nothing(invoke: Callable[..., Any]) -> None:
    """Who names nothing is asked what is meant."""
    ended = invoke("identity.renew")

    assert ended.code == 2
    assert "what is to be made anew?" in ended.err


def test_export(invoke: Callable[..., Any], project: Path) -> None:
    """Files are written where one says, and none of them is secret."""
    ended = invoke("identity.export", "--to", "out")

    written = sorted(path.name for path in (project / "out").rglob("*") if path.is_file())
    assert ended.code == 0
    assert {"ca.crt", "known_hosts", "ssh_config"} <= set(written)
    texts = [path.read_text() for path in (project / "out").rglob("*") if path.is_file()]
    assert not [text for text in texts if "PRIVATE" in text]
    assert f"UserKnownHostsFile {project}/out/known_hosts" in "".join(texts)


def test_export_into_the_project(invoke: Callable[..., Any], project: Path) -> None:
    """Without a folder, the project's own is taken."""
    ended = invoke("identity.export", "--json")

    files = [item["file"] for item in json.loads(ended.out)["items"]]
    assert f"{project}/state/files/sim/public/ca.crt" in files


@pytest.mark.needs("ssh-keygen")
def test_sign(invoke: Callable[..., Any], project: Path) -> None:
    """A certificate is data, for the users and hours that one says."""
    (project / "bob.pub").write_text(f"{KEY}\n")

    ended = invoke("identity.sign", "bob.pub", "--principals", "core,guest", "--hours", "2")

    (project / "bob-cert.pub").write_text(ended.out)
    words = ["ssh-keygen", "-L", "-f", "bob-cert.pub"]
    listed = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True).stdout
    assert 'Key ID: "bob"' in listed
    assert "guest" in listed
    assert "bob may log in as core, guest until" in ended.err


def test_what_is_not_signed(invoke: Callable[..., Any], project: Path) -> None:
    """A revoked key, a private one and what is none are refused, each with its reason."""
    (project / "bob.pub").write_text(f"{KEY}\n")
    (project / "revoked_keys").write_text(f"{KEY}\n")
    (project / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (project / "none").write_text("x\n")

    revoked = invoke("identity.sign", "bob.pub")
    told = [invoke("identity.sign", name) for name in ("private", "none", "missing")]

    assert (revoked.code, revoked.out) == (4, "")
    assert "this key is revoked" in revoked.err
    assert [ended.code for ended in told] == [2, 2, 2]
    assert "private is a private key" in told[0].err
    assert "no ssh public key" in told[1].err
    assert "missing cannot be read" in told[2].err


@pytest.mark.needs("ssh-keygen")
def test_revoke(invoke: Callable[..., Any], project: Path) -> None:
    """A certificate is taken back by the number that was told, a person by name and key."""
    (project / "bob.pub").write_text(f"{KEY}\n")
    (project / "authorized_keys").write_text(f"{KEY}\n")
    signed = json.loads(invoke("identity.sign", "bob.pub", "--json").out)["items"][0]

    by_number = invoke("identity.revoke", signed["serial"])
    by_name = json.loads(invoke("identity.revoke", "bob", "--json").out)
    again = invoke("identity.revoke", "bob")
    refused = invoke("identity.sign", "bob.pub")
    nothing = invoke("identity.revoke")

    assert f"revoked: serial: {signed['serial']}" in by_number.err
    assert "next: invoke host.apply" in by_number.err
    assert by_name["items"] == [{"lines": ["id: bob", KEY], "from_authorized_keys": [KEY]}]
    listed = (project / "revoked_keys").read_text().splitlines()
    assert listed == [f"serial: {signed['serial']}", "id: bob", KEY]
    assert (project / "authorized_keys").read_text() == ""
    assert "revoked already" in again.err
    assert (refused.code, nothing.code) == (4, 2)


def test_a_revoked_name(invoke: Callable[..., Any], project: Path) -> None:
    """No certificate is signed that would be refused, as its name is revoked."""
    (project / "bob.pub").write_text(f"{KEY}\n")
    (project / "revoked_keys").write_text("id: bob\n")

    ended = invoke("identity.sign", "bob.pub")

    assert (ended.code, ended.out) == (4, "")
    assert "all certificates of bob are revoked" in ended.err


def test_no_keys_yet(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first identity.up one is told to make it, and real ones need their vault."""

    def refuse(_self: Kept) -> Identity:
        message = "the project has no keys yet"
        raise UsageError(message, hint="identity.up makes them")

    monkeypatch.setattr(Kept, "read", refuse)

    assert "identity.up makes them" in invoke("identity.show").err
    ended = invoke("identity.show", "--stack", "prod")
    assert ended.code == 2
    assert "secret.init" in ended.err
    assert not (project / "state").exists()
