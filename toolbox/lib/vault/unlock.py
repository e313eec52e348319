"""Protected private keys, opened: the passphrase of each is asked for once in a task.

What is opened is kept in this process and in memory without a name; the key's file is only read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, VerificationError
from toolbox.lib.core.run import attach
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.steps import note
from toolbox.lib.vault import identities

if TYPE_CHECKING:
    from toolbox.lib.vault.identities import Identity

TERMINAL = "/dev/tty"
_OPENED: dict[tuple[Path, bytes], Secret] = {}


def clear(identity: Identity) -> Secret:
    """Return a protected key without its passphrase, which a person is asked for the first time.

    Args:
        identity: A key of ssh or age.

    Raises:
        HabitatError: There is no terminal to ask on.
        VerificationError: The passphrase is not the right one.
    """
    data = identity.path.read_bytes()
    known = (identity.path, data)
    if known not in _OPENED:
        _OPENED[known] = _asked(identity.path, data)
    return _OPENED[known]


def _asked(path: Path, data: bytes) -> Secret:
    if not _has_terminal():
        message = f"{path} has a passphrase, and there is no terminal to ask for it"
        hint = f"run it on a terminal, or set {identities.VARIABLE} to a key without a passphrase"
        raise HabitatError(message, hint=hint)
    note(f"the passphrase of {path} is asked for, once")
    # Reason: memory without a name, of any size; a pipe would block when it is full.
    handle = os.memfd_create("opened", os.MFD_CLOEXEC)
    try:
        if data.decode(errors="replace").startswith(identities.SEALED):
            code = attach(["age", "--decrypt", str(path)], stdout=handle)
        else:
            code = _without_passphrase(handle, data)
        if code:
            message = f"{path} was not opened; it was said why"
            raise VerificationError(message, hint="try again with the right passphrase")
        return Secret(_content(handle))
    finally:
        os.close(handle)


def _without_passphrase(handle: int, data: bytes) -> int:
    """Have ssh-keygen take the passphrase off a copy of a key; return its exit code."""
    # Reason: it refuses keys that others may read.
    os.fchmod(handle, 0o600)
    os.write(handle, data)
    # Reason: age cannot do that, and the library that can would have to be told the passphrase.
    words = ["ssh-keygen", "-q", "-p", "-N", "", "-f", f"/proc/{os.getpid()}/fd/{handle}"]
    with Path(os.devnull).open("wb") as nowhere:
        return attach(words, stdout=nowhere.fileno())


def _content(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as opened:
        return opened.read().decode("ascii")


def _has_terminal() -> bool:
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
