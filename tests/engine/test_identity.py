"""An identity as an engine makes and keeps it: checked by clients, and nowhere in clear."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509 as library
from cryptography.x509.verification import PolicyBuilder, Store

from tests.engine.conftest import ENGINE
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.profile import DAY, Client, Profile, Term, Terms
from toolbox.lib.pki import lint, ssh, x509
from toolbox.lib.pki.plan import Plan, Subject
from toolbox.lib.stack import identity as stack
from toolbox.lib.stack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolbox.lib.pki.identity import Identity

pytestmark = [*ENGINE, pytest.mark.timeout(300)]

STACK = "prod-identity"
PROFILE = Profile(
    acme=True, clients=(Client("alice"),), zones=("shop.internal",), tsig=("transfer",)
)
WEB = Subject("web", ("web.shop.internal", "www.shop.internal"), ("10.0.0.5",))
ALICE = Subject("alice", ("alice.client.shop.internal",))
PLAN = Plan("shop", "shop.internal", PROFILE, (WEB,), (ALICE,), protect=True)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Return a workspace with an identity, which all tests leave as it is."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("identity")
    patch.setenv("INFRA_STATE", str(folder / "home"))
    yield _filled(folder)
    patch.undo()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace with an identity that a test may change."""
    monkeypatch.setenv("INFRA_STATE", str(tmp_path / "home"))
    return _filled(tmp_path)


def _filled(folder: Path) -> Workspace:
    made = Workspace("shop", folder / "state", Secret("correct horse battery staple"))
    made.up(STACK, stack.program(PLAN))
    return made


def read(workspace: Workspace) -> Identity:
    """Return the identity of a workspace."""
    return stack.identity(workspace.outputs(STACK))


@pytest.fixture(scope="module")
def made(workspace: Workspace) -> Identity:
    """Return the identity as it was made first."""
    return read(workspace)


def test_clients_take_it(made: Identity) -> None:
    """Host and client are what their certificates say, and nothing about them is odd."""
    root = x509.read(made.ca_certificate)
    web = x509.chain(made.hosts["web"].tls_certificate)
    alice = x509.chain(made.clients["alice"].pair.certificate)
    policy = PolicyBuilder().store(Store([root]))

    policy.build_server_verifier(library.DNSName("www.shop.internal")).verify(web[0], [web[1]])
    policy.build_client_verifier().verify(alice[0], [alice[1]])
    assert lint.chain((*web, root), "web") == ()
    assert lint.chain((*alice, root), "alice") == ()


@pytest.mark.needs("openssl")
def test_openssl_takes_it(made: Identity, tmp_path: Path) -> None:
    """OpenSSL, asked to be strict, takes host, client and whatever the ACME authority signs."""
    assert made.acme is not None
    (tmp_path / "root.pem").write_text(made.ca_certificate)
    chains = {
        "sslserver": made.hosts["web"].tls_certificate,
        "sslclient": made.clients["alice"].pair.certificate,
        "any": made.acme.certificate,
    }
    for purpose, text in chains.items():
        own, _, above = text.partition("-----END CERTIFICATE-----\n")
        (tmp_path / "own.pem").write_text(f"{own}-----END CERTIFICATE-----\n")
        (tmp_path / "above.pem").write_text(above)
        words = f"openssl verify -x509_strict -purpose {purpose} -CAfile root.pem"
        subprocess.run(
            [*words.split(), "-untrusted", "above.pem", "own.pem"], cwd=tmp_path, check=True
        )


def test_ssh(made: Identity) -> None:
    """The host's ssh certificate is signed by the authority that clients are told of."""
    found = ssh.read(made.hosts["web"].ssh_host_certificate)

    names = [b"web", b"web.shop.internal", b"www.shop.internal", b"10.0.0.5"]
    assert found.valid_principals == names
    assert ssh.public(made.ssh.user_key) == made.ssh.user
    assert made.ssh.user != made.ssh.host


def secrets(made: Identity) -> dict[str, str]:
    """Return all that is secret, by what it is."""
    assert made.acme is not None
    alice, web = made.clients["alice"], made.hosts["web"]
    found = {
        "provision": made.provision_key,
        "ssh of web": web.ssh_host_key,
        "tls of web": web.tls_key,
        "user authority": made.ssh.user_key,
        "acme": made.acme.key,
        "alice": alice.pair.key,
        "alice's password": alice.password,
        "alice's bundle": alice.pkcs12,
        "alice's encrypted key": alice.encrypted_key,
        "zone": made.zones["shop.internal"].key,
        "tsig": made.tsig["transfer"],
    }
    return {name: secret.reveal() for name, secret in found.items()}


def test_r_5_no_secret_in_clear(workspace: Workspace, made: Identity) -> None:
    """No file of the state holds a key, a password or a bundle, not a line of one."""
    texts = {
        path: path.read_text(errors="replace")
        for path in workspace.folder.rglob("*")
        if path.is_file()
    }
    assert any(path.name == f"{STACK}.json" for path in texts)
    for name, secret in secrets(made).items():
        # Reason: without the frame, and without the last line, which is the key's public half.
        lines = [line for line in secret.splitlines() if not line.startswith("-----")]
        for line in lines[:-2] or lines:
            assert len(line) > 20
            found = [path for path, text in texts.items() if line in text]
            assert not found, f"{name} is in {found}"
    assert not [path for path, text in texts.items() if "PRIVATE KEY" in text]


def test_r_2_2_encrypted_private_key_stays(workspace: Workspace, made: Identity) -> None:
    """A second update changes nothing: not a key, not a ciphertext."""
    (workspace.folder / f"{STACK}.settled").unlink()

    assert workspace.up(STACK, stack.program(PLAN)).nothing
    assert read(workspace) == made


def test_preview_makes_nothing(workspace: Workspace, made: Identity) -> None:
    """A plan tells what another host and another lifetime would change, and changes nothing."""
    more = replace(PLAN, hosts=(WEB, Subject("db", ("db.shop.internal",))))
    longer = replace(PROFILE, terms=Terms(authority=Term(900 * DAY, 400 * DAY)))

    planned = dict(workspace.preview(STACK, stack.program(more)).resources)
    changed = dict(workspace.preview(STACK, stack.program(replace(PLAN, profile=longer))).resources)

    assert planned == {
        "db-ssh": "create",
        "db-ssh-certificate": "create",
        "db-tls": "create",
    }
    assert changed["provision-ca"] == "update"
    assert "root" not in changed
    assert read(workspace) == made


def test_r_5_renewal(own: Workspace) -> None:
    """What is in its window is made anew, with the key that it had."""
    before = read(own)
    # Reason: no clock can be turned here, but a window that is as long as the life is one.
    always = Terms(certificate=Term(90 * DAY, 90 * DAY), ssh=Term(90 * DAY, 90 * DAY))
    program = stack.program(replace(PLAN, profile=replace(PROFILE, terms=always)))
    own.up(STACK, program)
    first = read(own)
    (own.folder / f"{STACK}.settled").unlink()

    changes = own.up(STACK, program)

    after = read(own)
    assert {"web-tls", "alice-client", "web-ssh-certificate"} <= set(dict(changes.resources))
    assert not {"root", "provision-ca", "acme-ca"} & set(dict(changes.resources))
    for one, other in ((before, first), (first, after)):
        web, was = one.hosts["web"], other.hosts["web"]
        assert (web.tls_key, web.ssh_host_key) == (was.tls_key, was.ssh_host_key)
        assert web.tls_certificate != was.tls_certificate
        assert web.ssh_host_certificate != was.ssh_host_certificate


def test_r_2_2_ca_protect_rootcert(own: Workspace) -> None:
    """The root's key is not destroyed with the rest."""
    with pytest.raises(ToolboxError, match="protect"):
        own.remove(STACK)
    assert read(own).ca_certificate


def test_twenty_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty hosts take one update; one that finds all as wanted is a glance."""
    monkeypatch.setenv("INFRA_STATE", str(tmp_path / "home"))
    many = Workspace("shop", tmp_path / "state", Secret("x"))
    hosts = tuple(Subject(f"h{n}", (f"h{n}.shop.internal",)) for n in range(20))
    program = stack.program(replace(PLAN, hosts=hosts, protect=False))
    spent = []
    for _ in range(2):
        begun = sum(os.times()[:4])
        many.up(STACK, program)
        found = read(many)
        # Reason: other work takes seconds of the clock, but none of what was started here.
        spent.append(sum(os.times()[:4]) - begun)
    print(f"20 hosts: {spent[0]:.1f} processor seconds, again {spent[1]:.1f}")
    keys = {host.tls_key.reveal() for host in found.hosts.values()}

    assert len(keys) == 20
    assert spent[0] < 30
    assert spent[1] < 4
    shutil.rmtree(many.folder)
