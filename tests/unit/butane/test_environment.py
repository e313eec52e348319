"""What a host's templates see: keys of a role only where the host has it, and none in messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane import environment
from toolbox.lib.core.secret import MASK, Secret
from toolbox.lib.inventory.load import load
from toolbox.lib.pki.identity import Pair, SshAuthorities, Zone

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.butane.environment import Environment
    from toolbox.lib.pki.identity import Identity

ROLES = {
    "acme": {"ACME_CA_CERTIFICATE", "ACME_CA_KEY"},
    "dnssec": {"DNSSEC_KEYS"},
    "tsig": {"TSIG_KEYS"},
}
SECRETS = ("YWNtZS1jYW5hcnktMQ==", "em9uZS1jYW5hcnktMg==", "dHNpZy1jYW5hcnktMw==", "user-canary-4")


@pytest.fixture
def identity(identity: Identity) -> Identity:
    """Return an identity with keys of all roles."""
    return replace(
        identity,
        acme=Pair("acme certificate", Secret(SECRETS[0])),
        zones={"a.internal": Zone(Secret(SECRETS[1]), "a.internal. IN DNSKEY", "ds")},
        tsig={"transfer": Secret(SECRETS[2])},
        ssh=SshAuthorities("host ca", "user ca", Secret(SECRETS[3])),
        extra_bundle="another root\n",
        revoked="U1NIS1JM",
    )


def seen(folder: Path, identity: Identity, *roles: str) -> Environment:
    """Return what a host with some roles sees."""
    (folder / "hosts").mkdir(exist_ok=True)
    (folder / "project.yaml").write_text("name: a\n")
    (folder / "hosts/web.yaml").write_text(f"identity: {{roles: [{', '.join(roles)}]}}\n")
    project = load(folder)
    return environment.of(project, project.hosts[0], identity)


@pytest.mark.parametrize("role", ROLES)
def test_r_5_keys_reach_hosts_of_their_role(tmp_path: Path, identity: Identity, role: str) -> None:
    """A host with one role gets the keys of that role and no other ones."""
    names = seen(tmp_path, identity, role).revealed()

    assert ROLES[role] <= set(names)
    for other in set(ROLES) - {role}:
        assert not ROLES[other] & set(names)


def test_r_5_no_role_no_key(tmp_path: Path, identity: Identity) -> None:
    """A host without a role sees what is public of all that, and nothing secret."""
    names = seen(tmp_path, identity).revealed()

    assert names["DNSSEC_ANCHORS"] == {"a.internal": "a.internal. IN DNSKEY"}
    assert names["SSH_USER_CA"] == "user ca"
    assert names["SSH_REVOKED_KEYS"] == "U1NIS1JM"
    assert names["CA_BUNDLE"] == names["CA_CERTIFICATE"] + "another root\n"
    assert not [secret for secret in SECRETS if secret in repr(names)]


def test_nobody_signs_on_a_host(tmp_path: Path, identity: Identity) -> None:
    """The key that signs persons is on no host, whatever its roles."""
    names = seen(tmp_path, identity, *ROLES).revealed()

    assert SECRETS[3] not in repr(names)


def test_mappings(tmp_path: Path, identity: Identity) -> None:
    """Templates see keys in mappings as text, messages do not show them, nor does printing."""
    found = seen(tmp_path, identity, *ROLES)
    names: dict[str, Any] = found.revealed()

    assert names["TSIG_KEYS"] == {"transfer": SECRETS[2]}
    assert names["DNSSEC_KEYS"] == {"a.internal": SECRETS[1]}
    assert not [secret for secret in SECRETS if secret in repr(found)]
    assert found.redacted(f"a {SECRETS[1]} b {SECRETS[2]}") == f"a {MASK} b {MASK}"


def test_a_template_keeps_its_hands_off(tmp_path: Path, identity: Identity) -> None:
    """What one template does to a mapping no other one sees."""
    found = seen(tmp_path, identity, "tsig")
    found.revealed()["TSIG_KEYS"].clear()

    assert found.revealed()["TSIG_KEYS"]
