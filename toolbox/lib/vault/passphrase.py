"""The passphrase that Pulumi seals a project's secrets with: made once, never typed."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError, VerificationError
from toolbox.lib.core.files import write_atomic
from toolbox.lib.core.secret import Secret
from toolbox.lib.vault import age, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolbox.lib.vault.recipients import Recipient
    from toolbox.lib.vault.store import Vault

BYTES = 32


def fresh() -> Secret:
    """Return a new passphrase of 256 random bits."""
    return Secret(base64.urlsafe_b64encode(os.urandom(BYTES)).decode().rstrip("="))


def make(here: Vault, members: Sequence[Recipient]) -> None:
    """Make the passphrase of a vault and seal it to its members.

    Args:
        here: The vault.
        members: Who can open it.

    Raises:
        UsageError: It has one already, which must not be lost.
        VerificationError: Nobody could open it.
    """
    if here.passphrase.exists():
        message = f"{here.passphrase} is there already"
        raise UsageError(message, hint="secret.rekey seals it to those in authorized_keys now")
    sealed = age.seal(fresh(), members)
    store.prepare(here)
    write_atomic(here.passphrase, sealed)
    store.record(here, members)


def ensure(path: Path, here: Vault) -> None:
    """Refuse to go on without a sealed passphrase.

    Args:
        path: The sealed passphrase.
        here: The vault.

    Raises:
        UsageError: There is none.
    """
    if not path.exists():
        message = f"the project has no {path.relative_to(here.root)}"
        raise UsageError(message, hint="invoke secret.init makes it")


def reveal(here: Vault, path: Path | None = None) -> Secret:
    """Open the passphrase of a vault with the keys of the person here.

    Args:
        here: The vault.
        path: Another sealed passphrase of it.

    Raises:
        UsageError: The vault has none.
        VerificationError: None of the keys here opens it.
    """
    path = path or here.passphrase
    ensure(path, here)
    text = age.unseal(path).decode(errors="replace").strip()
    if not text.isascii() or not text.isprintable() or not text:
        message = f"{path} holds no passphrase"
        raise VerificationError(message, hint="git log tells who changed it")
    return Secret(text)
