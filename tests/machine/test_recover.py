"""From a clone and one key all comes back, machines too; and what git does not have is told."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.vault import identities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Inventory, Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1500)]

PASSPHRASE = "state/pulumi/prod.passphrase.age"
PATIENCE = 60
"""Seconds for what ends by itself, such as a held ssh connection."""


@pytest.fixture(scope="module")
def project(sandbox: Sandbox, pair: Callable[..., Any]) -> Iterator[Sandbox]:
    """The example with keys for real machines, all of it committed."""
    ana = pair("ana")
    patch = pytest.MonkeyPatch()
    patch.setenv(identities.VARIABLE, str(ana.path))
    (sandbox.root / "authorized_keys").write_text(f"{ana.line}\n")
    for words in (["secret.init"], ["identity.up", "--stack", "prod"]):
        made = sandbox.invoke(*words)
        assert made.code == 0, made.err
    _git(sandbox, "init", "--quiet")
    _commit(sandbox)
    yield sandbox
    patch.undo()


@pytest.fixture
def nothing_left(project: Sandbox, inventory: Inventory) -> Iterator[None]:
    """After the test there is nothing that was not there before, in git neither."""
    domains, taken = _domains(), inventory.taken()
    yield
    assert _domains() == domains
    assert taken.left(PATIENCE) == []
    assert _git(project, "status", "--porcelain") == ""


def _git(project: Sandbox, *words: str) -> str:
    named = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    command = [*named, "-c", "safe.directory=*", "-C", project.root, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _commit(project: Sandbox, *but: str) -> None:
    _git(project, "add", "--all")
    for name in but:
        _git(project, "rm", "--quiet", "--cached", name)
    _git(project, "commit", "--quiet", "-m", "x")


def _domains() -> set[str]:
    """Return all domains: a clone's have a name of their own."""
    virsh = ["virsh", "-q", "list", "--all", "--name"]
    return set(subprocess.run(virsh, capture_output=True, text=True, check=False).stdout.split())


@pytest.mark.usefixtures("nothing_left")
def test_recovered(project: Sandbox) -> None:
    """Every key, the config and the machine come back as they are here, and nothing stays."""
    answer = project.invoke("rehearse.recover", "--json")

    assert answer.code == 0, answer.err
    rows = {item["what"]: item for item in answer.json["items"]}
    assert {item["state"] for item in rows.values()} == {"recovered"}
    assert {"passphrase", "root", "ssh key of hello", "config of hello"} < set(rows)
    assert rows["stack prod-identity"]["detail"].startswith("no change")
    assert rows["machine hello"]["detail"].startswith("made, ")
    real = project.invoke("host.ignition", "hello", "--stack", "prod", "--json")
    assert rows["config of hello"]["detail"] == real.json["items"][0]["config"]
    # Reason: it keeps secrets for going back to what was printed, and belongs to no rehearsal.
    for path in sorted((project.state / "vaults").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (project.state / "vaults").rmdir()


@pytest.mark.usefixtures("nothing_left")
def test_interrupted(project: Sandbox) -> None:
    """Ctrl-C in the middle of a boot removes the machine and all else."""
    process = project.start("rehearse.recover")
    assert process.stdout is not None
    for line in process.stdout:
        if "first boot" in line:
            break
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[0]

    assert process.returncode == 130, said


def test_not_committed(project: Sandbox, inventory: Inventory) -> None:
    """A passphrase that git does not have ends with code 4; no machine is booted."""
    domains, taken = _domains(), inventory.taken()
    _commit(project, PASSPHRASE)

    answer = project.invoke("rehearse.recover", "--json")

    assert answer.code == 4, answer.err
    states = {item["what"]: item["state"] for item in answer.json["items"]}
    assert states == {"project": "recovered", "passphrase": "lost", "machines": "not tried"}
    findings = {(item["file"], item["code"]) for item in answer.json["findings"]}
    assert {(PASSPHRASE, "uncommitted"), (PASSPHRASE, "not-recovered")} <= findings
    assert _domains() == domains
    assert taken.left(PATIENCE) == []
