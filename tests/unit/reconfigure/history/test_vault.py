"""Secrets of earlier generations can be had again with the key, and only with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.history.record import Keepsake
from toolbox.lib.reconfigure.history.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = Blob(b"hidden" * 10)
OPEN = Blob(b"open")


def _filled(folder: Path) -> Vault:
    vault = Vault(folder / "vault", Secret("the key that logs in"))
    vault.keep([Keepsake(HIDDEN, secret=True), Keepsake(OPEN, secret=False)])
    return vault


def test_keep_tells_what_is_new(tmp_path: Path) -> None:
    """Bytes that are sealed already do not make it grow, nor do those that are not secret."""
    vault = _filled(tmp_path)

    assert not vault.keep([Keepsake(HIDDEN, secret=True), Keepsake(OPEN, secret=False)])
    assert vault.keep([Keepsake(Blob(b"another"), secret=True)])


def test_keep_and_get(tmp_path: Path) -> None:
    """What is secret comes back as it was; the rest is not kept here."""
    vault = _filled(tmp_path)

    again = vault.get(HIDDEN.digest)

    assert again is not None
    assert again.reveal() == HIDDEN.reveal()
    assert vault.get(OPEN.digest) is None


def test_sealed(tmp_path: Path) -> None:
    """Neither the bytes nor their hash can be seen, by nobody else, and not twice the same."""
    vault = _filled(tmp_path)
    (path,) = vault.folder.iterdir()
    first = path.read_bytes()

    assert b"hidden" not in first
    assert HIDDEN.digest not in path.name
    assert path.stat().st_mode & 0o777 == 0o600
    assert vault.folder.stat().st_mode & 0o777 == 0o700
    path.unlink()
    assert _filled(tmp_path) == vault
    assert path.read_bytes() != first


def test_another_key(tmp_path: Path) -> None:
    """Another key opens nothing."""
    folder = _filled(tmp_path).folder

    assert Vault(folder, Secret("another key")).get(HIDDEN.digest) is None


def test_damaged(tmp_path: Path) -> None:
    """What was damaged, cut off or taken for another is not had at all."""
    vault = _filled(tmp_path)
    (path,) = vault.folder.iterdir()
    data = path.read_bytes()

    for spoiled in (data[:-1], data[:5], b"", data[:-1] + bytes([data[-1] ^ 1])):
        path.write_bytes(spoiled)
        assert vault.get(HIDDEN.digest) is None


def test_retain(tmp_path: Path) -> None:
    """What no generation names goes."""
    vault = _filled(tmp_path)
    other = Blob(b"other")
    vault.keep([Keepsake(other, secret=True)])

    vault.retain({other.digest})

    assert vault.get(other.digest) == other
    assert vault.get(HIDDEN.digest) is None


def test_nothing_secret(tmp_path: Path) -> None:
    """Where nothing is secret, no folder is made."""
    vault = Vault(tmp_path / "vault", Secret("key"))

    vault.keep([Keepsake(OPEN, secret=False)])

    assert not vault.folder.exists()
