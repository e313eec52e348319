"""What is done when people come and go, where there are no stacks yet or the engine fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError, UsageError, VerificationError
from toolbox.lib.stack import rotation
from toolbox.lib.vault import age, passphrase, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.vault.store import Vault

pytestmark = pytest.mark.needs("age", "ssh-keygen")


@pytest.fixture
def here(tmp_path: Path, habitat: Path, people: dict[str, Any]) -> Vault:
    """Return a vault without stacks, sealed to both."""
    del habitat
    (tmp_path / "authorized_keys").write_text("".join(f"{one.line}\n" for one in people.values()))
    vault = store.vault(tmp_path)
    passphrase.make(vault, store.members(tmp_path).recipients)
    return vault


def _stack(here: Vault, fake: Callable[[str, str], Path], script: str) -> Path:
    """Put a stack there, and a program in the place of the engine; return its settings."""
    state = here.state("example", "prod")
    state.parent.mkdir(parents=True)
    latest = {"secrets_providers": {"type": "passphrase", "state": {"salt": "v1:old"}}}
    state.write_text(json.dumps({"checkpoint": {"latest": latest}}))
    settings = here.pulumi / "Pulumi.prod.yaml"
    settings.write_text("encryptionsalt: v1:old\n")
    fake("pulumi", script)
    return settings


def test_nothing_to_do(here: Vault) -> None:
    """Sealing to the same people keeps the passphrase."""
    before = passphrase.reveal(here)

    outcome = rotation.rekey("example", here)

    assert (outcome.came, outcome.went, outcome.rotated) == ((), (), False)
    assert passphrase.reveal(here) == before


def test_no_vault(tmp_path: Path) -> None:
    """Without a passphrase there is nothing to seal, and no folder is made."""
    (tmp_path / "authorized_keys").write_text("")

    with pytest.raises(UsageError, match="passphrase"):
        rotation.rekey("example", store.vault(tmp_path))
    assert not (tmp_path / "state").exists()


def test_nobody_left(here: Vault) -> None:
    """Nobody is locked out with the last person."""
    with pytest.raises(VerificationError, match="nobody would be left"):
        rotation.rekey("example", here, keys="# empty\n")
    assert "ana" in (here.root / "authorized_keys").read_text()


def test_missing_key_changes_nothing(here: Vault, pair: Callable[..., Any]) -> None:
    """An export that cannot be opened stops all before anything is written."""
    store.export(here, "other", b"x", store.recorded(here)[1:])
    before = {path: path.read_bytes() for path in here.root.rglob("*") if path.is_file()}
    keys = f"{pair('cleo').line}\n{(here.root / 'authorized_keys').read_text()}"

    with pytest.raises(VerificationError, match="none of the keys here"):
        rotation.rekey("example", here, keys=keys)

    after = {path: path.read_bytes() for path in here.root.rglob("*") if path.is_file()}
    after.pop(here.pulumi / "lock")
    assert after == before


def test_c_2_3_engine_gets_the_passphrase_by_pipe(
    here: Vault, fake: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """The new passphrase comes to the engine through a pipe, and is no argument."""
    seen = tmp_path / "seen"
    _stack(here, fake, f'echo "$@" >{seen}; cat >>{seen}')

    outcome = rotation.rekey("example", here, rotate=True)

    words, given = seen.read_text().splitlines()
    assert words.startswith("stack change-secrets-provider passphrase --stack prod")
    assert given == passphrase.reveal(here).reveal()
    assert outcome.stacks == ("prod",)


def test_engine_fails(here: Vault, fake: Callable[[str, str], Path]) -> None:
    """What the engine wrote before it failed is taken back, and the new passphrase is kept."""
    settings = _stack(here, fake, "echo 'encryptionsalt: v1:new' >Pulumi.prod.yaml; exit 255")
    before = passphrase.reveal(here)

    with pytest.raises(ToolboxError, match="keeps its passphrase"):
        rotation.rekey("example", here, rotate=True)

    assert settings.read_text() == "encryptionsalt: v1:old\n"
    assert passphrase.reveal(here) == before
    following = passphrase.reveal(here, here.following)
    fake("pulumi", "exit 0")
    rotation.rekey("example", here)
    assert passphrase.reveal(here) == following


def test_stack_that_has_it_already(here: Vault, fake: Callable[[str, str], Path]) -> None:
    """A stack whose salt has changed since the change began is left alone."""
    script = 'sed -i s/v1:old/v1:new/ "$PWD"/.pulumi/stacks/example/prod.json; exit 255'
    _stack(here, fake, script)
    with pytest.raises(ToolboxError):
        rotation.rekey("example", here, rotate=True)
    fake("pulumi", "echo not again >&2; exit 255")

    outcome = rotation.rekey("example", here)

    assert outcome.rotated
    assert not here.following.exists()


def test_copies_are_removed(here: Vault, fake: Callable[[str, str], Path]) -> None:
    """No copy of a state that the old passphrase opens stays in the folder."""
    _stack(here, fake, "exit 0")
    state = here.state("example", "prod")
    history = here.pulumi / ".pulumi/history/example/prod/1.checkpoint.json"
    history.parent.mkdir(parents=True)
    for path in (history, state.with_name("prod.json.bak"), state.with_name("prod.json.bak.attrs")):
        path.write_text("{}")

    rotation.rekey("example", here, rotate=True)

    assert [path.name for path in state.parent.iterdir()] == ["prod.json"]
    assert not history.parent.exists()


def test_known(here: Vault) -> None:
    """Who could only log in knows no more than that."""
    store.export(here, "client", b"x")

    assert [one.kind for one in rotation.known("example", here, logged_in=False)] == ["file"]
    assert age.is_sealed(here.exports()[0].read_bytes())
