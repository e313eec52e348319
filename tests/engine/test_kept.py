"""The identity of real machines, in the project's own repository, opened with an ssh key."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ENGINE
from toolbox.lib.core.errors import UsageError, VerificationError
from toolbox.lib.inventory.load import load
from toolbox.lib.stack import kept
from toolbox.lib.vault import passphrase, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.inventory.project import Project

pytestmark = [*ENGINE, pytest.mark.needs("age", "ssh-keygen"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project with one host, which one person may operate."""
    root = tmp_path_factory.mktemp("project")
    patch = pytest.MonkeyPatch()
    patch.setenv("INFRA_STATE", str(tmp_path_factory.mktemp("home")))
    for name in ("alice", "mallory"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name]
        subprocess.run([*words, "-f", root.parent / name], check=True)
    patch.setenv("INFRA_IDENTITY", str(root.parent / "alice"))
    (root / "hosts").mkdir()
    (root / "project.yaml").write_text("name: shop\nidentity: {tsig: [transfer]}\n")
    (root / "hosts/web.yaml").write_text("")
    (root / "authorized_keys").write_text((root.parent / "alice.pub").read_text())
    yield load(root)
    patch.undo()
    for name in ("alice", "mallory"):
        (root.parent / name).unlink()


@pytest.fixture(scope="module")
def identity(project: Project) -> kept.Kept:
    """Return the identity of the project, which was made."""
    with pytest.raises(UsageError, match=r"has no state/pulumi/prod\.passphrase\.age"):
        kept.real(project, "prod")
    here = store.vault(project.root)
    passphrase.make(here, store.members(project.root).recipients)
    opened = kept.real(project, "prod")
    with pytest.raises(UsageError, match="has no keys yet"):
        opened.read()
    with pytest.raises(UsageError, match="has no keys yet"):
        opened.planned(["web"], with_keys=False)
    opened.up()
    return opened


def test_state_is_in_the_repository(project: Project, identity: kept.Kept) -> None:
    """Whoever has the clone and the key has all; without the key nothing in it is of use."""
    again = kept.real(load(project.root), "prod")

    assert again.read() == identity.read()
    state = project.root / "state/pulumi/.pulumi/stacks/shop/prod-identity.json"
    assert "PRIVATE KEY" not in state.read_text()


def test_another_person(
    project: Project, identity: kept.Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not among its members does not open it."""
    assert identity.stack == "prod-identity"
    monkeypatch.setenv("INFRA_IDENTITY", str(project.root.parent / "mallory"))

    with pytest.raises(VerificationError):
        kept.real(project, "prod")


def test_the_root_is_protected(identity: kept.Kept) -> None:
    """The root's key is not made anew by the way, and one is told what comes before that."""
    with pytest.raises(UsageError, match="the key of the root is protected") as caught:
        identity.renew(["root"], with_keys=True)
    assert "extra_bundle" in str(caught.value.hint)


def test_renewal(identity: kept.Kept) -> None:
    """A plan changes nothing; what it says is done then, and nothing else is touched."""
    before = identity.read()

    planned = identity.planned(["web", "transfer"], with_keys=True)
    unchanged = identity.read()
    done = identity.renew(["web", "transfer"], with_keys=True)
    after = identity.read()

    names = {"web-tls", "web-ssh", "web-ssh-certificate", "transfer-tsig"}
    assert {name for name, _ in planned.resources} == names
    assert {name for name, _ in done.resources} == names
    assert unchanged == before
    web, was = after.hosts["web"], before.hosts["web"]
    assert web.tls_key != was.tls_key
    assert web.ssh_host_public_key != was.ssh_host_public_key
    assert after.tsig != before.tsig
    assert after.ca_certificate == before.ca_certificate
    assert after.provision_key == before.provision_key
    assert identity.preview().nothing
