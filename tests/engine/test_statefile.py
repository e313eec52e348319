"""What we read out of a state is what the engine's own command prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.engine.conftest import ENGINE
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.profile import Profile
from toolbox.lib.pki.plan import Plan, Subject
from toolbox.lib.stack import identity, statefile
from toolbox.lib.stack.workspace import Workspace, pulumi_home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = ENGINE


def test_outputs(habitat: Path) -> None:
    """Secrets in clear and masked, nested ones as well, and known without the engine."""
    workspace = Workspace("example", habitat / "pulumi", Secret("correct horse"))
    web = Subject("web", ("web.example.test",))
    program = identity.program(Plan("example", "example.test", Profile(), (web,)))
    workspace.up("sim", program)
    state = workspace._state("sim")

    def told(*options: str) -> object:
        result = workspace.pulumi("stack", "output", "--json", *options, "--stack", "sim")
        return json.loads(result.stdout)

    clear = statefile.outputs(state, workspace.passphrase)
    assert clear == told("--show-secrets") == workspace.known("sim", program)
    assert statefile.outputs(state, workspace.passphrase, secrets=False) == told()
    assert "PRIVATE KEY" in clear["provision_key"]


def test_cut_off_notes(habitat: Path) -> None:
    """A stack can be removed though a full disk has cut off Pulumi's note of which is selected."""
    workspace = Workspace("example", habitat / "pulumi", Secret("correct horse"))
    workspace.up("sim", lambda: None)
    (note,) = (pulumi_home() / "workspaces").glob("*.json")
    note.write_bytes(b"")

    workspace.remove("sim")

    assert workspace.stacks() == ()


def test_unchanged(habitat: Path) -> None:
    """An update that changes nothing leaves the state as it is; one of an output alone does not."""
    workspace = Workspace("example", habitat / "pulumi", Secret("correct horse"))
    web = Subject("web", ("web.example.test",))

    def bring(profile: Profile) -> bytes:
        (workspace.folder / "sim.settled").unlink(missing_ok=True)
        changes = workspace.up("sim", identity.program(Plan("a", "example.test", profile, (web,))))
        assert first == b"" or changes.nothing
        return workspace._state("sim").read_bytes()

    first = b""
    first = bring(Profile())

    assert bring(Profile()) == first
    second = bring(Profile(revoked=("id: bob",)))
    assert second != first
    assert bring(Profile(revoked=("id: bob",))) == second
    assert workspace.outputs("sim")["krl"]
