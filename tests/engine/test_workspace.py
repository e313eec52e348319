"""A workspace starts the engine when it has to, and Pulumi's CLI for nothing else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ENGINE
from toolbox.lib.core.secret import Secret
from toolbox.lib.stack.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [*ENGINE, pytest.mark.timeout(300)]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that gets a line for each start of the CLI."""
    lines, wrapper = tmp_path / "started", tmp_path / "bin/pulumi"
    lines.touch()
    wrapper.parent.mkdir()
    real = shutil.which("pulumi")
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{lines}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=":")
    monkeypatch.setenv("INFRA_STATE", str(tmp_path / "home"))
    return lines


def test_starts(started: Path, tmp_path: Path) -> None:
    """Each update is one start of the CLI: nothing is asked for that is known without it."""
    workspace = Workspace("shop", tmp_path / "workspace", Secret("correct horse"))

    def program() -> None:
        import pulumi
        import pulumi_tls

        pulumi.export("key", pulumi_tls.PrivateKey("key", algorithm="ED25519").public_key_openssh)

    def starts() -> list[str]:
        words = [line.replace("--non-interactive ", "").split()[:2] for line in said()]
        return [" ".join(pair) for pair in words if pair != ["version"]]

    def said() -> list[str]:
        lines = started.read_text().splitlines()
        started.write_text("")
        return lines

    assert not workspace.up("sim", program).nothing
    assert starts() == ["stack init", "up --yes"]
    assert workspace.up("sim", program).nothing
    assert starts() == ["up --yes"]
    assert str(workspace.outputs("sim")["key"]).startswith("ssh-ed25519 ")
    assert workspace.remove("sim").operations == {"delete": 2}
    assert starts() == ["destroy --skip-preview", "stack rm"]
