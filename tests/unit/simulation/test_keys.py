"""The keys of a project are those of its simulation, and only asked for where that must be."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ProgramMissing, UsageError
from toolbox.lib.inventory.host import Host
from toolbox.lib.inventory.project import Project
from toolbox.lib.pki import standin
from toolbox.lib.simulation import keys, layout
from toolbox.lib.stack import kept
from toolbox.lib.stack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = {
    "ssh_host_key": "private",
    "ssh_host_public_key": "public\n",
    "tls_key": "private",
    "tls_certificate": "certificate",
}
OUTPUTS = {
    "ca_certificate": "ca",
    "provision_key": "private",
    "provision_public_key": "public\n",
    "hosts": {"web": KEYS},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project whose state is in a folder of the test."""
    monkeypatch.setenv("INFRA_STATE", str(tmp_path / "state"))
    return Project("example", "x", tmp_path, (Host("web", "web.x", "debian", tmp_path),))


@pytest.fixture
def remembered(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that chooses what Pulumi remembers."""
    layout.of(project).folder.mkdir(parents=True)

    def choose(outputs: Any) -> None:
        def answer(_self: Workspace, _stack: str) -> Any:
            if isinstance(outputs, Exception):
                raise outputs
            return outputs

        monkeypatch.setattr(Workspace, "outputs", answer)

    return choose


def test_known(project: Project, remembered: Callable[[Any], None]) -> None:
    """What was made for all hosts is known, private keys as secrets."""
    remembered(OUTPUTS)

    identity = keys.known(project)

    assert identity is not None
    assert identity.hosts["web"].ssh_host_public_key == "public"
    assert str(identity.hosts["web"].tls_key) == "***"


@pytest.mark.parametrize(
    "outputs", [{}, OUTPUTS | {"hosts": {"db": KEYS}}, ProgramMissing("pulumi")]
)
def test_not_known(project: Project, remembered: Callable[[Any], None], outputs: Any) -> None:
    """Nothing was made, not for this host, or Pulumi cannot tell."""
    remembered(outputs)

    assert keys.known(project) is None


def test_not_asked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was simulated yet Pulumi is not started, and nothing is made."""
    monkeypatch.setattr(Workspace, "outputs", lambda *_: pytest.fail("Pulumi was started"))

    assert keys.known(project) is None
    assert not layout.of(project).folder.exists()


def test_made(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are brought up while nobody else works on the simulation."""
    made = standin.identity(["web"])
    locks = []

    def ensure(_project: Project, where: layout.Layout) -> tuple[object, None]:
        locks.append((where.folder / "lock").exists())
        return made, None

    monkeypatch.setattr("toolbox.lib.simulation.up.ensure_identity", ensure)

    assert keys.made(project) is made
    assert locks == [True]


def test_held(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were made for just these hosts are taken as they are; others are made first."""
    found: list[Any] = [OUTPUTS, None]
    monkeypatch.setattr(Workspace, "known", lambda *_: found.pop(0))
    monkeypatch.setattr(keys, "made", lambda _project: standin.identity(["web"]))

    assert keys.held(project).hosts["web"].ssh_host_public_key == "public"
    assert keys.held(project) == standin.identity(["web"])


def test_real(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real machines have keys of their own, and a host without any is told."""
    kept_now = SimpleNamespace(read=lambda: standin.identity(["web"]))
    monkeypatch.setattr(kept, "real", lambda _project, _stack: kept_now)
    web = project.hosts[0]

    assert keys.real(project, [web]).hosts.keys() == {"web"}
    with pytest.raises(UsageError, match="db: there are no keys") as raised:
        keys.real(project, [web, replace(web, name="db")])
    assert "identity.up --stack prod" in str(raised.value.hint)


def test_real_without_a_vault(project: Project) -> None:
    """Keys of a simulation are never handed to a real machine; what to do is said."""
    with pytest.raises(UsageError) as raised:
        keys.real(project, project.hosts)

    assert "secret.init" in str(raised.value.hint)
