"""Passphrases of real stacks are changed by the real engine, also when it is cut off."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ProgramFailed, ToolboxError, VerificationError
from toolbox.lib.stack import rotation, sealed
from toolbox.lib.stack.workspace import Workspace
from toolbox.lib.vault import age, identities, passphrase, plain, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.vault.store import Vault

pytestmark = [
    pytest.mark.engine,
    pytest.mark.needs("pulumi", "age", "ssh-keygen"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PROJECT = "example"
WORDS = {"prod-identity": "canary-of-identity", "prod-machines": "canary-of-machines"}


def _declare(word: str) -> None:
    import pulumi

    pulumi.export("word", pulumi.Output.secret(word))
    pulumi.export("deep", {"list": [pulumi.Output.secret(f"{word}-deep"), "plain"]})


@pytest.fixture
def here(tmp_path: Path, habitat: Path, people: dict[str, Any]) -> Vault:
    """Return a vault of two stacks and an export, sealed to both."""
    del habitat
    text = "".join(f"{one.line}\n" for one in people.values())
    (tmp_path / "authorized_keys").write_text(text)
    vault = store.vault(tmp_path)
    passphrase.make(vault, store.members(tmp_path).recipients)
    store.export(vault, "client.p12", b"canary-of-export")
    opened = sealed.workspace(PROJECT, vault)
    for stack, word in WORDS.items():
        opened.up(stack, partial(_declare, word))
    return vault


def _opens(here: Vault) -> dict[str, Any]:
    opened = sealed.workspace(PROJECT, here)
    return {stack: opened.outputs(stack)["word"] for stack in WORDS}


def test_5_stack_passphrase_removal_rotates(
    here: Vault, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is removed opens nothing that is sealed from then on, the others all of it."""
    old = passphrase.reveal(here)
    former = {path: path.read_bytes() for path in (here.passphrase, *here.exports())}

    outcome = rotation.rekey(PROJECT, here, keys=people["ana"].line)

    assert (outcome.rotated, outcome.stacks) == (True, tuple(WORDS))
    assert [one.name for one in outcome.went] == ["bob"]
    assert _opens(here) == WORDS
    assert passphrase.reveal(here) != old
    assert age.unseal(here.exports()[0]) == b"canary-of-export"
    for stack in WORDS:
        with pytest.raises(ProgramFailed, match="incorrect passphrase"):
            Workspace(PROJECT, here.pulumi, old).outputs(stack)
    monkeypatch.setenv(identities.VARIABLE, str(people["bob"].path))
    for path, data in former.items():
        with pytest.raises(VerificationError):
            age.unseal(path)
        assert path.read_bytes() != data
    left = [path for path in here.pulumi.rglob("*") if path.is_file()]
    assert not [path for path in left if "rotation" in path.name or "following" in path.name]
    assert not [path for path in left if ".bak" in path.name or "history" in path.parts]


def test_5_stack_passphrase_joining_reseals(
    here: Vault, people: dict[str, Any], pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes opens all there is, and the stacks stay as they are."""
    cleo = pair("cleo", "age")
    states = {stack: here.state(PROJECT, stack).read_bytes() for stack in WORDS}
    with (here.root / "authorized_keys").open("a") as file:
        file.write(f"{cleo.line}\n")

    outcome = rotation.rekey(PROJECT, here)

    assert (outcome.rotated, outcome.stacks) == (False, ())
    assert [one.name for one in outcome.came] == ["cleo"]
    assert {stack: here.state(PROJECT, stack).read_bytes() for stack in WORDS} == states
    for someone in (cleo, people["bob"]):
        monkeypatch.setenv(identities.VARIABLE, str(someone.path))
        assert _opens(here) == WORDS
        assert age.unseal(here.exports()[0]) == b"canary-of-export"


@pytest.mark.parametrize("after", [0, 1])
def test_cut_off(
    here: Vault, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """A change that is cut off, before or behind the first stack, is finished by the next."""
    real, calls = Workspace.change_passphrase, iter(range(9))

    def break_off(self: Workspace, stack: str, new: Any) -> None:
        if next(calls) == after:
            # Reason: so it is after a kill, as Pulumi writes the settings first.
            (self.folder / f"Pulumi.{stack}.yaml").write_text("encryptionsalt: v1:x:v1:y:z\n")
            raise KeyboardInterrupt
        real(self, stack, new)

    monkeypatch.setattr(Workspace, "change_passphrase", break_off)
    (here.root / "authorized_keys").write_text(people["ana"].line)
    with pytest.raises(KeyboardInterrupt):
        rotation.rekey(PROJECT, here)
    assert here.following.exists()
    monkeypatch.setattr(Workspace, "change_passphrase", real)

    outcome = rotation.rekey(PROJECT, here)

    assert outcome.rotated
    assert _opens(here) == WORDS
    assert not here.following.exists()


def test_engine_fails(here: Vault, people: dict[str, Any]) -> None:
    """Where Pulumi fails all stays as it was, and its words are told."""
    state = here.state(PROJECT, "prod-identity")
    data = json.loads(state.read_text())
    settings = (here.pulumi / "Pulumi.prod-identity.yaml").read_text()
    for one in data["checkpoint"]["latest"]["resources"]:
        one["outputs"]["word"]["ciphertext"] = "v1:AAAAAAAAAAAAAAAA:AAAA"
    state.write_text(json.dumps(data))

    with pytest.raises(ToolboxError, match="keeps its passphrase") as caught:
        rotation.rekey(PROJECT, here, keys=people["ana"].line)

    assert "secret.rekey" in str(caught.value.hint)
    assert (here.pulumi / "Pulumi.prod-identity.yaml").read_text() == settings
    assert [one.name for one in store.recorded(here)] == ["ana", "bob"]


def test_r_5_resources_in_apply_nothing_in_clear(here: Vault) -> None:
    """No secret lies in clear in the state, its copies, the settings and the exports."""
    from toolbox.lib.core.secret import Secret
    from toolbox.lib.vault import audit

    secrets = {word: Secret(word) for word in (*WORDS.values(), "canary-of-export")}
    secrets["passphrase"] = passphrase.reveal(here)
    wanted, _short = audit.canaries(secrets)

    place, leaks = audit.files(here.root, wanted)

    assert place.searched > 10
    assert leaks == []
    assert plain.folder(here.root) == []


def test_names_and_values(here: Vault) -> None:
    """Which secrets there are is told without opening them; opened they are what they are."""
    names = sealed.names(PROJECT, here)

    assert [one.value.reveal() for one in names] == [""] * 4
    assert str(names[0]) == "prod-identity: example-prod-identity.deep"
    opened = sealed.values(sealed.workspace(PROJECT, here), "prod-identity")
    assert {one.value.reveal() for one in opened} == {
        "canary-of-identity",
        "canary-of-identity-deep",
    }
    known = rotation.known(PROJECT, here, logged_in=True)
    assert [one.kind for one in known] == [*["secret"] * 4, "file", "login"]
