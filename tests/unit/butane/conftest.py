"""A fixed identity, projects in a temporary folder, and golden cases."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.check.examine import check
from toolbox.lib.butane.render import render
from toolbox.lib.butane.translate import translate
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.load import load
from toolbox.lib.pki.identity import HostIdentity, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from toolbox.lib.butane.translate import IgnitionConfig

SSH_HOST_KEY = "-----BEGIN TEST KEY-----\nc3NoLWhvc3Qta2V5LWNhbmFyeQ==\n-----END TEST KEY-----\n"
TLS_KEY = "-----BEGIN TEST KEY-----\ndGxzLWtleS1jYW5hcnk=\n-----END TEST KEY-----\n"
PROVISION_KEY = "-----BEGIN TEST KEY-----\ncHJvdmlzaW9uLWtleS1jYW5hcnk=\n-----END TEST KEY-----\n"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
CANARIES = tuple(key.splitlines()[1] for key in (SSH_HOST_KEY, TLS_KEY, PROVISION_KEY))
HEAD = "variant: fcos\nversion: 1.5.0\n"


@pytest.fixture
def identity() -> Identity:
    """Return an identity that is the same in every run."""
    return Identity(
        ca_certificate="-----BEGIN CERTIFICATE-----\nY2E=\n-----END CERTIFICATE-----\n",
        provision_key=Secret(PROVISION_KEY),
        provision_public_key=f"{PUBLIC_KEY} provision",
        hosts={
            "web": HostIdentity(
                ssh_host_key=Secret(SSH_HOST_KEY),
                ssh_host_public_key=PUBLIC_KEY,
                tls_key=Secret(TLS_KEY),
                tls_certificate="-----BEGIN CERTIFICATE-----\nd2Vi\n-----END CERTIFICATE-----\n",
            )
        },
    )


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is staged and remembered in folders of the test; return the first of them."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path / "cache"))
    return folder


@dataclass(frozen=True)
class Workbench:
    """A project with the one host ``web``, and what becomes of it."""

    root: Path
    identity: Identity

    def write(self, files: Mapping[str, str | bytes]) -> Workbench:
        """Write files, paths relative to the host's folder."""
        for name, content in files.items():
            path = self.root / "hosts/web" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def text(self) -> str:
        """Return the rendered Butane config."""
        project = load(self.root)
        with render(project, project.hosts[0], self.identity) as config:
            return config.text.reveal()

    def ignition(self) -> IgnitionConfig:
        """Return the Ignition config."""
        project = load(self.root)
        with render(project, project.hosts[0], self.identity) as config:
            return translate(config)

    def checks(self) -> list[str]:
        """Return what the checks before a boot find."""
        project = load(self.root)
        with render(project, project.hosts[0], self.identity) as config:
            return [finding.render() for finding in check(config, translate(config))]

    def warnings(self) -> list[str]:
        """Return the warnings of a config that is accepted."""
        project = load(self.root)
        with render(project, project.hosts[0], self.identity) as config:
            return [finding.render() for finding in config.warnings]

    def refusal(self) -> list[str]:
        """Return the findings of a config that is refused."""
        with pytest.raises(ToolboxError) as caught:
            self.ignition()
        return [finding.render() for finding in caught.value.findings]


@pytest.fixture
def shipped_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the shipped units out, so that a test sees its own files only."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setenv("INFRA_BUTANE", str(folder))


@pytest.fixture
def bench(tmp_path: Path, identity: Identity) -> Workbench:
    """Return an empty project with the host ``web``, shipped units included."""
    root = tmp_path / "project"
    (root / "hosts").mkdir(parents=True)
    (root / "project.yaml").write_text("name: example\n")
    (root / "hosts/web.yaml").write_text("")
    return Workbench(root, identity)


@pytest.fixture
def bare(bench: Workbench, shipped_nothing: None) -> Workbench:
    """Return the same project without shipped units."""
    del shipped_nothing
    return bench


@pytest.fixture
def golden() -> Callable[[Path, str], None]:
    """Return a comparison with a golden file; ``UPDATE_GOLDEN=1`` accepts what came out."""

    def compare(path: Path, actual: str) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(actual)
        assert actual == path.read_text(), f"UPDATE_GOLDEN=1 accepts it as {path}"

    return compare
