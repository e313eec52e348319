"""Files: written whole or not at all, in private folders, at the places XDG names."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from toolbox.lib.core.errors import HabitatError

NAME = "infra-toolbox"


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new, nothing between.

    Args:
        path: The file; its folder exists.
        data: Content.
        mode: Permission bits, set before the content is written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_directory(path: Path) -> Path:
    """Make a folder that only its owner can enter, with its parents; return it.

    Raises:
        HabitatError: This user may not make it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except PermissionError as error:
        # Reason: `podman exec --user 1234` gives a user that it does not know the home `/`.
        message = f"this user may not make {error.filename}"
        hint = "set HOME to a folder of this user, or INFRA_STATE to one for machines"
        raise HabitatError(message, hint=hint) from error
    return path


def sha256(data: bytes) -> str:
    """Return the digest as Ignition writes it, ``sha256-<hex>``."""
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


def state_home() -> Path:
    """Return ``$INFRA_STATE`` or our folder under ``$XDG_STATE_HOME``."""
    return _home("INFRA_STATE", "XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    """Return ``$INFRA_CACHE`` or our folder under ``$XDG_CACHE_HOME``."""
    return _home("INFRA_CACHE", "XDG_CACHE_HOME", ".cache")


def data_home() -> Path:
    """Return our folder under ``$XDG_DATA_HOME``: what was built for this person."""
    return _home(None, "XDG_DATA_HOME", ".local/share")


def launcher_home() -> Path:
    """Return the folder in which the launcher remembers; it knows nothing of ``$INFRA_STATE``."""
    return _home(None, "XDG_STATE_HOME", ".local/state")


def runtime_dir() -> Path:
    """Return our private folder for sockets and short-lived files.

    It is below ``$XDG_RUNTIME_DIR``, below ``/run`` for root, and below the temporary folder
    otherwise; its path is short, as socket names are limited to 107 bytes (unix(7)).

    Raises:
        HabitatError: The folder is somebody else's.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and os.access(given, os.W_OK):
        return private_directory(Path(given) / NAME)
    if os.geteuid() == 0:
        return private_directory(Path("/run") / NAME)
    fallback = private_directory(Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}")
    facts = fallback.lstat()
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        # Reason: in a folder that everybody can write to, somebody else may have been first.
        message = f"{fallback} is not private: it belongs to somebody else, or others can enter it"
        raise HabitatError(message, hint="remove it, or set XDG_RUNTIME_DIR")
    return fallback


def shown(path: Path) -> str:
    """Return a path as one types it: below ``$HOME`` where it is there."""
    home = os.environ.get("HOME", "").rstrip("/")
    return f"$HOME{str(path)[len(home) :]}" if home and path.is_relative_to(home) else str(path)


def _home(own: str | None, xdg: str, fallback: str) -> Path:
    if own and os.environ.get(own):
        return Path(os.environ[own])
    base = os.environ.get(xdg)
    return (Path(base) if base else _person() / fallback) / NAME


def _person() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        message = f"user {os.geteuid()} has no home folder here"
        raise HabitatError(
            message, hint="set HOME to a folder that this user can write to"
        ) from error
