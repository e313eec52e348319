"""What every host gets by itself of the project's authorities, and what sshd is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from toolbox.lib.butane.render import render
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import krl
from toolbox.lib.pki.identity import SshAuthorities

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.pki.identity import Identity


def files(folder: Path, identity: Identity) -> dict[str, tuple[str, int]]:
    """Return content and mode of the files that an empty host gets."""
    (folder / "hosts").mkdir(exist_ok=True)
    (folder / "project.yaml").write_text("name: a\n")
    (folder / "hosts/web.yaml").write_text("")
    project = load(folder)
    with render(project, project.hosts[0], identity) as config:
        text: dict[str, Any] = yaml.safe_load(config.text.reveal())
    return {
        file["path"]: (*file["contents"].values(), file["mode"])
        for file in text["storage"]["files"]
    }


@pytest.fixture
def certified(identity: Identity) -> Identity:
    """Return an identity with an ssh certificate for its host."""
    web = replace(identity.hosts["web"], ssh_host_certificate="ssh-ed25519-cert AAAA web")
    authorities = SshAuthorities("ssh-ed25519 HOST", "ssh-ed25519 USER")
    return replace(identity, hosts={"web": web}, ssh=authorities, extra_bundle="old root\n")


def test_ssh(tmp_path: Path, certified: Identity) -> None:
    """The certificate is beside the key, and sshd knows it, who signs persons, and who is out."""
    made = files(tmp_path, certified)
    settings, mode = made["/etc/ssh/sshd_config.d/30-infra-toolbox.conf"]

    assert made["/etc/ssh/ssh_host_ed25519_key-cert.pub"] == ("ssh-ed25519-cert AAAA web\n", 0o644)
    assert made["/etc/infra-toolbox/ssh_user_ca.pub"][0] == "ssh-ed25519 USER\n"
    assert mode == 0o600
    for line in settings.splitlines():
        assert line.split()[1] in made


def test_revoked(tmp_path: Path, certified: Identity) -> None:
    """The list is always there, as without it sshd would let nobody in."""
    path = "/etc/infra-toolbox/ssh_revoked_keys"

    assert files(tmp_path, certified)[path][0] == "# none\n"
    revoked = replace(certified, revoked=krl.encoded(["id: bob"]))
    assert files(tmp_path, revoked)[path][0] == f"data:;base64,{revoked.revoked}"


def test_r_5_other_roots_are_trusted(tmp_path: Path, certified: Identity) -> None:
    """While a root is replaced, hosts trust the old one, too."""
    made = files(tmp_path, certified)

    for path in ("/etc/infra-toolbox/ca.crt", "/etc/credstore/root_ca.crt"):
        assert made[path][0] == certified.ca_certificate + "old root\n"


def test_without_certificates(tmp_path: Path, identity: Identity) -> None:
    """Without authorities for ssh, sshd is as the system has it."""
    assert not [path for path in files(tmp_path, identity) if "sshd_config.d" in path]
