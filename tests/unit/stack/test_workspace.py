"""Workspaces tell what changed, offer the baked plugins, and are not blocked by the dead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import HabitatError, ProgramFailed
from toolbox.lib.core.secret import Secret
from toolbox.lib.stack.workspace import SAME, Changes, Workspace, _Events, pulumi_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def workspace(habitat: Path) -> Workspace:
    """Return a workspace that does not exist yet."""
    return Workspace("example", habitat / "pulumi", Secret("hidden"))


def _outputs(name: str, operation: str, kind: str = "tls:index:PrivateKey") -> Any:
    urn = f"urn:pulumi:sim::example::{kind}::{name}"
    metadata = SimpleNamespace(op=operation, type=kind, urn=urn)
    step = SimpleNamespace(metadata=metadata)
    return SimpleNamespace(res_outputs_event=step, diagnostic_event=None)


def _diagnostic(severity: str, message: str) -> Any:
    told = SimpleNamespace(severity=severity, message=message)
    return SimpleNamespace(res_outputs_event=None, diagnostic_event=told)


def test_changes() -> None:
    """What was made, replaced or deleted is counted and named; the stack itself is nothing."""
    events = _Events()
    for event in (
        _outputs("ca", SAME),
        _outputs("web-ssh", "create"),
        _outputs("web-tls", "create"),
        _outputs("db-ssh", "delete"),
        _outputs("sim", "update", "pulumi:pulumi:Stack"),
    ):
        events(event)

    changes = events.changes()

    assert not changes.nothing
    assert changes.sentence() == "2 create, 1 delete, 1 same"
    assert changes.resources[0] == ("web-ssh", "create")


def test_no_changes() -> None:
    """A stack that was as wanted has no change."""
    events = _Events()
    events(_outputs("ca", SAME))

    assert events.changes().nothing
    assert events.changes().sentence() == "no change (1 resources as they were)"
    assert Changes({}, ()).nothing


def test_errors_are_kept() -> None:
    """Of what the engine says the errors are kept."""
    events = _Events()
    events(_diagnostic("info", "hello"))
    events(_diagnostic("error", " no room \n"))

    assert events.errors == ["no room"]
    assert events.changes().nothing


def test_stacks(workspace: Workspace) -> None:
    """The stacks are those whose state is there, backups are none."""
    assert workspace.stacks() == ()
    folder = workspace.folder / ".pulumi" / "stacks" / "example"
    folder.mkdir(parents=True)
    for name in ("b.json", "a.json", "a.json.bak"):
        (folder / name).touch()

    assert workspace.stacks() == ("a", "b")


@pytest.fixture
def locked(workspace: Workspace) -> Callable[[int], Path]:
    """Return a function that leaves a lock as Pulumi's file backend does."""

    def lock(pid: int) -> Path:
        folder = workspace.folder / ".pulumi" / "locks" / "organization" / "example" / "sim"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{pid}.json"
        path.write_text(json.dumps({"pid": pid, "username": "me", "hostname": "here"}))
        return path

    return lock


def test_locks_of_the_dead_are_broken(workspace: Workspace, locked: Callable[[int], Path]) -> None:
    """A lock of a process that is gone, or whose number another program got, is removed."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, other = locked(ended.pid), locked(os.getpid())

    workspace._break_stale_locks()

    assert not gone.exists()
    assert not other.exists()


def test_locks_of_the_living_stay(
    workspace: Workspace, locked: Callable[[int], Path], tmp_path: Path
) -> None:
    """A lock of an engine that works is not touched."""
    engine = tmp_path / "pulumi"
    shutil.copy2(str(shutil.which("sleep")), engine)
    with subprocess.Popen([engine, "300"]) as process:
        held = locked(process.pid)
        workspace._break_stale_locks()
        process.kill()

    assert held.exists()


def test_no_locks(workspace: Workspace) -> None:
    """A workspace that does not exist yet has no lock, and is not made by looking."""
    workspace._break_stale_locks()

    assert not workspace.folder.exists()


def test_environment(workspace: Workspace) -> None:
    """Pulumi works on this folder, downloads nothing, and asks nobody."""
    environment = workspace.environment()

    assert environment["PULUMI_BACKEND_URL"] == f"file://{workspace.folder}"
    assert environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert environment["PULUMI_CONFIG_PASSPHRASE"] == "hidden"
    assert "hidden" not in repr(workspace)


def test_home_offers_the_baked_plugins(
    habitat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugins of this image are offered, also when another one's were before."""
    for name in ("old", "new"):
        monkeypatch.setenv("INFRA_PULUMI_PLUGINS", str(tmp_path / name))
        home = pulumi_home()

        assert home.is_relative_to(habitat / "state")
        assert (home / "plugins").readlink() == tmp_path / name


def test_home_keeps_own_plugins(habitat: Path) -> None:
    """A folder of plugins that a person filled stays."""
    folder = habitat / "state" / "pulumi-home" / "plugins"
    folder.mkdir(parents=True)

    pulumi_home()

    assert not folder.is_symlink()


def test_home_has_no_logs(habitat: Path) -> None:
    """Pulumi finds no folder for its debug logs; those of before are gone."""
    logs = habitat / "state" / "pulumi-home" / "logs"
    logs.mkdir(parents=True)
    (logs / "pulumi-1.log").write_text("secrets")

    for _ in range(2):
        pulumi_home()
        assert logs.is_file()
        assert logs.read_bytes() == b""


def test_home_drops_what_was_cut_off(habitat: Path) -> None:
    """A note of Pulumi's that a full disk cut off goes, as it would end commands; others stay."""
    notes = habitat / "state" / "pulumi-home" / "workspaces"
    notes.mkdir(parents=True)
    (notes / "cut-workspace.json").touch()
    (notes / "whole-workspace.json").write_text('{"stack": "a"}')

    pulumi_home()

    assert [path.name for path in notes.iterdir()] == ["whole-workspace.json"]


def test_prepare(workspace: Workspace, fake: Callable[[str, str], Path]) -> None:
    """A workspace is made once; what is there stays."""
    fake("pulumi", "exit 0")
    workspace.prepare()
    settings = workspace.folder / "Pulumi.yaml"
    assert settings.read_text() == "name: example\nruntime: python\n"

    settings.write_text("name: example\nruntime: python\n# mine\n")
    workspace.prepare()

    assert settings.read_text().endswith("# mine\n")


def test_prepare_without_pulumi(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pulumi is missing it is said where it is."""
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(HabitatError) as caught:
        workspace.prepare()
    assert "./infra" in str(caught.value.hint)
    assert not workspace.folder.exists()


def test_outputs(workspace: Workspace, fake: Callable[[str, str], Path]) -> None:
    """Outputs are those of the CLI; a stack that is not there has none."""
    fake("pulumi", """test "$PULUMI_CONFIG_PASSPHRASE" = hidden && echo '{"args": "'"$*"'"}'""")
    assert workspace.outputs("sim") == {}
    folder = workspace.folder / ".pulumi" / "stacks" / "example"
    folder.mkdir(parents=True)
    (folder / "sim.json").touch()

    assert "--show-secrets" in workspace.outputs("sim")["args"]
    assert "--show-secrets" not in workspace.outputs("sim", secrets=False)["args"]


def test_failure(workspace: Workspace, fake: Callable[[str, str], Path]) -> None:
    """A failure of the CLI carries what it said, and no passphrase."""
    fake("pulumi", "echo 'error: no stack named sim' >&2; exit 255")

    with pytest.raises(ProgramFailed, match="no stack named sim") as caught:
        workspace.pulumi("stack", "ls")
    assert "hidden" not in str(caught.value)


def test_remove_what_is_not_there(workspace: Workspace) -> None:
    """Removing a stack that is not there is fine."""
    assert workspace.remove("sim").nothing
