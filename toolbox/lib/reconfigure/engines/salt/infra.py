"""Salt states of our own, for what Salt's cannot say; they are run by Salt's Python."""

from __future__ import annotations

import errno
import gzip
import os
import pwd
import shutil
import zlib
from pathlib import Path
from typing import Any, NamedTuple

FOLDERS = (".ssh", ".ssh/authorized_keys.d")
FILE = ".ssh/authorized_keys.d/ignition"
TEMPORARY = ".ssh/authorized_keys.d/.infra-toolbox.tmp"

__opts__: dict[str, Any] = {}
"""What Salt was started with; it fills this."""
# Reason: these it gives to a module that has none of its own: its functions and its states.
__salt__: dict[str, Any]
__states__: dict[str, Any]


class _Home(NamedTuple):
    # Reason: no dataclass, as Salt loads this file without telling Python.
    path: Path
    uid: int
    gid: int


def keys(name: str, lines: list[str], root: str = "") -> dict[str, Any]:
    """Let exactly these keys log in, by the file that Ignition writes.

    Salt's own states are about single keys among others, and want to be told whose home is where.

    Args:
        name: Login name.
        lines: Public keys; none of them removes the file.
        root: Folder that stands for the machine's root.
    """
    text = "".join(f"{key.rstrip()}\n" for key in lines)
    test = bool(__opts__["test"])
    try:
        home = _home(name, root)
        file = home.path / FILE
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        if before == text:
            return _told(name, result=True)
        if not test:
            _as_owner(home, text)
    except (OSError, LookupError) as error:
        # Reason: where nothing is done, the user has not been made before.
        return _told(name, result=None if test else False, comment=str(error))
    return _told(name, result=None if test else True, changes={"keys": len(lines)})


def pruned(name: str) -> dict[str, Any]:
    """Remove a folder in which nothing is left.

    Salt's own state fails where others have put something there: it is theirs, and stays.

    Args:
        name: Path of the folder.
    """
    folder = Path(name)
    if folder.is_symlink() or not folder.is_dir():
        return _told(name, result=True)
    if __opts__["test"]:
        return _told(name, result=None, changes={"removed": 1})
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return _told(name, result=True, comment="something is left in it, so it stays")
        return _told(name, result=False, comment=str(error))
    return _told(name, result=True, changes={"removed": 1})


def unpacked(name: str, source: str, **managed: Any) -> dict[str, Any]:  # noqa: ANN401 - Salt's
    """Have a file that is fetched as a gzip stream; its hash is that of the unpacked bytes.

    Salt's own state takes the hash for that of the stream.

    Args:
        name: Path of the file.
        source: URL.
        managed: What `file.managed` is told else.
    """
    if __opts__["test"]:
        return _told(name, result=None, changes={"contents": 1})
    packed = __salt__["cp.cache_file"](source)  # noqa: F821
    if not packed:
        return _told(name, result=False, comment=f"{source} cannot be fetched")
    plain = Path(f"{packed}.unpacked")
    try:
        with gzip.open(packed) as stream, plain.open("wb") as file:
            shutil.copyfileobj(stream, file)
        managed["source"] = str(plain)
        return dict(__states__["file.managed"](name, **managed))  # noqa: F821
    except (OSError, EOFError, zlib.error) as error:
        return _told(name, result=False, comment=f"{source} cannot be unpacked: {error}")
    finally:
        plain.unlink(missing_ok=True)


def _told(
    name: str, *, result: bool | None, comment: str = "", changes: dict[str, int] | None = None
) -> dict[str, Any]:
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}


def _home(name: str, root: str) -> _Home:
    if not root:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            message = f"there is no user {name}"
            raise LookupError(message) from None
        return _Home(Path(user.pw_dir), user.pw_uid, user.pw_gid)
    for line in Path(f"{root}/etc/passwd").read_text(encoding="utf-8").splitlines():
        login, _password, uid, gid, _gecos, home, *_rest = [*line.split(":"), *[""] * 6]
        if login == name:
            return _Home(Path(f"{root}{home}"), int(uid), int(gid))
    message = f"there is no user {name}"
    raise LookupError(message)


def _as_owner(home: _Home, text: str) -> None:
    """Write the file as its owner: what somebody links in a home leads only where they may go."""
    if os.geteuid() != 0:
        _write(home.path, text)
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(home.gid)
            os.setuid(home.uid)
            _write(home.path, text)
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        message = f"{home.path / FILE} could not be written by its owner"
        raise OSError(message)


def _write(home: Path, text: str) -> None:
    if not text:
        (home / FILE).unlink(missing_ok=True)
        for folder in reversed(FOLDERS):
            if (home / folder).is_dir() and not any((home / folder).iterdir()):
                (home / folder).rmdir()
        return
    os.umask(0o077)
    for folder in FOLDERS:
        (home / folder).mkdir(exist_ok=True)
    new = home / TEMPORARY
    new.unlink(missing_ok=True)
    new.write_text(text, encoding="utf-8")
    new.replace(home / FILE)
