"""A project's secrets lie sealed in its repository, and public things are public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import UsageError, VerificationError
from toolbox.lib.core.secret import Secret
from toolbox.lib.vault import age, identities, passphrase, recipients, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.vault.store import Vault

pytestmark = pytest.mark.needs("age", "ssh-keygen")


@pytest.fixture
def ana(pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the key pair of the person who works here."""
    mine = pair("ana")
    monkeypatch.setenv(identities.VARIABLE, str(mine.path))
    return mine


@pytest.fixture
def here(tmp_path: Path, ana: Any) -> Vault:
    """Return a vault with a passphrase, sealed to one person."""
    (tmp_path / "authorized_keys").write_text(f"{ana.line}\n")
    vault = store.vault(tmp_path)
    passphrase.make(vault, store.members(tmp_path).recipients)
    return vault


def test_passphrase(here: Vault, tmp_path: Path) -> None:
    """The passphrase is made once, sealed, and the same whenever it is opened."""
    opened = passphrase.reveal(here)

    assert len(opened.reveal()) == 43
    assert passphrase.reveal(here) == opened
    assert here.passphrase == tmp_path / "state/pulumi/prod.passphrase.age"
    assert age.is_sealed(here.passphrase.read_bytes())
    assert here.record.read_text() == (tmp_path / "authorized_keys").read_text()
    assert "*.bak" in (here.pulumi / ".gitignore").read_text()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if opened.reveal() in path.read_text()]


def test_passphrase_is_not_lost(here: Vault) -> None:
    """Making it again is refused, as nothing would open what the first one sealed."""
    before = here.passphrase.read_bytes()

    with pytest.raises(UsageError, match="there already"):
        passphrase.make(here, store.recorded(here))
    assert here.passphrase.read_bytes() == before


def test_passphrase_for_nobody(tmp_path: Path) -> None:
    """Where nobody can open it none is made, and no folder either."""
    with pytest.raises(VerificationError, match="to nobody"):
        passphrase.make(store.vault(tmp_path), ())
    assert not (tmp_path / "state").exists()


def test_no_passphrase(tmp_path: Path) -> None:
    """A project without one is told how to make it."""
    with pytest.raises(UsageError, match=r"prod\.passphrase\.age") as caught:
        passphrase.reveal(store.vault(tmp_path))
    assert "secret.init" in str(caught.value.hint)


def test_fresh() -> None:
    """No two are the same."""
    assert len({passphrase.fresh().reveal() for _ in range(100)}) == 100


@pytest.mark.parametrize("text", [b"", b"a\nb", b"\xff\xfe"])
def test_no_passphrase_in_it(here: Vault, text: bytes) -> None:
    """What is sealed but can be no passphrase is refused."""
    here.passphrase.write_bytes(age.seal(text, store.recorded(here)))

    with pytest.raises(VerificationError, match="holds no passphrase"):
        passphrase.reveal(here)


def test_export(here: Vault) -> None:
    """An export is sealed to the members, and found again."""
    path = store.export(here, "identity/client.p12", b"\0\1\2")

    assert path == here.files / "identity/client.p12.age"
    assert age.unseal(path) == b"\0\1\2"
    assert here.exports() == (path,)


def test_export_again(
    here: Vault, ana: Any, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is exported again changes its file only where that says something else, or to others."""
    bob = recipients.read(f"{ana.line}\n{pair('bob').line}", "keys").recipients
    path = store.export(here, "x", Secret("one"))
    first = path.read_bytes()

    assert store.export(here, "x", Secret("one")).read_bytes() == first
    assert store.export(here, "x", b"one").read_bytes() == first
    second = store.export(here, "x", Secret("two")).read_bytes()
    assert second != first
    third = store.export(here, "x", Secret("two"), bob).read_bytes()
    assert third != second
    assert age.may_be_for(third, bob)
    path.write_bytes(third[:-10])
    assert age.is_sealed(store.export(here, "x", Secret("two"), bob).read_bytes())
    monkeypatch.setenv(identities.VARIABLE, "/no/key")
    assert store.export(here, "x", Secret("two"), bob).read_bytes() != third


def test_publish(here: Vault) -> None:
    """What everybody may read lies as it is, and is no sealed export."""
    path = store.publish(here, "ca/root.pem", b"-----BEGIN CERTIFICATE-----\n")
    facts = path.stat()

    assert store.publish(here, "ca/root.pem", path.read_bytes()).stat() == facts
    assert path == here.root / "state/files/prod/public/ca/root.pem"
    assert here.exports() == ()


def test_publish_no_secret(here: Vault, ana: Any) -> None:
    """A private key is not published."""
    with pytest.raises(VerificationError, match="an openssh private key"):
        store.publish(here, "key", ana.path.read_bytes())
    assert not here.public.exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "public/../../x"])
def test_names_stay_inside(here: Vault, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(UsageError, match="no name of a file"):
        store.publish(here, name, b"x")
    if name not in {"", "."}:
        with pytest.raises(UsageError, match="no name of a file"):
            store.export(here, name, b"x")


def test_links_stay_inside(here: Vault, tmp_path: Path) -> None:
    """A link does not lead out either, and nothing sealed goes to what is public."""
    here.files.mkdir(parents=True)
    (here.files / "out").symlink_to(tmp_path)

    with pytest.raises(UsageError, match="no name of a file"):
        store.export(here, "out/x", b"x")
    with pytest.raises(UsageError, match="everybody may read"):
        store.export(here, "public/x", Secret("x"))


def test_other_stacks(here: Vault) -> None:
    """A vault owns the stacks that have its name, or begin with it."""
    assert here.owns("prod")
    assert here.owns("prod-identity")
    assert not here.owns("production")
    assert not here.owns("sim-prod")
    with pytest.raises(UsageError, match="no name of a stack"):
        store.vault(here.root, "../x")


def test_members(tmp_path: Path) -> None:
    """A project without authorized_keys is told what to do, as is one that is no text."""
    with pytest.raises(UsageError, match="no authorized_keys") as caught:
        store.members(tmp_path)
    assert "id_ed25519.pub" in str(caught.value.hint)
    (tmp_path / "authorized_keys").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        store.members(tmp_path)
    assert store.recorded(store.vault(tmp_path)) == ()
