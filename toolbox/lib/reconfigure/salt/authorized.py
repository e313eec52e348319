"""A Salt state for the file that Ignition writes ssh keys to; it is run by Salt's Python.

Salt has states for single keys among others, and needs to be told whose home is where; here the
whole file is ours, and only the machine knows the home.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDERS = (".ssh", ".ssh/authorized_keys.d")
FILE = ".ssh/authorized_keys.d/ignition"

__opts__: dict[str, Any]


@dataclass(frozen=True)
class _Home:
    path: Path
    uid: int
    gid: int


def keys(name: str, keys: list[str], root: str = "") -> dict[str, Any]:
    """Let exactly these keys log in, by the file that Ignition writes.

    Args:
        name: Login name.
        keys: Public keys; none of them removes the file.
        root: Folder that stands for the machine's root.
    """
    text = "".join(f"{key.rstrip()}\n" for key in keys)
    try:
        home = _home(name, root)
        file = home.path / FILE
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        changes = {} if before == text else {"keys": f"{len(keys)}"}
        if changes and not __opts__["test"]:
            _write(home, text)
    except (OSError, LookupError) as error:
        if __opts__["test"]:
            return _told(name, None, "they are written once there is the user")
        return _told(name, False, f"{error}")
    return _told(name, None if changes and __opts__["test"] else True, "", changes)


def _told(
    name: str,
    result: bool | None,  # noqa: FBT001 - Salt's word for what became of it
    comment: str,
    changes: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}


def _home(name: str, root: str) -> _Home:
    if not root:
        user = pwd.getpwnam(name)
        return _Home(Path(user.pw_dir), user.pw_uid, user.pw_gid)
    for line in Path(f"{root}/etc/passwd").read_text(encoding="utf-8").splitlines():
        login, _password, uid, gid, _gecos, home, *_ = [*line.split(":"), *[""] * 6]
        if login == name:
            return _Home(Path(f"{root}{home}"), int(uid), int(gid))
    message = f"there is no user {name}"
    raise LookupError(message)


def _write(home: _Home, text: str) -> None:
    if not text:
        (home.path / FILE).unlink(missing_ok=True)
        for folder in reversed(FOLDERS):
            if (home.path / folder).is_dir() and not any((home.path / folder).iterdir()):
                (home.path / folder).rmdir()
        return
    for folder in FOLDERS:
        if not (home.path / folder).is_dir():
            (home.path / folder).mkdir(mode=0o700)
            _own(home.path / folder, home)
    new = home.path / f"{FILE}.infra-toolbox"
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    _own(new, home)
    new.replace(home.path / FILE)


def _own(path: Path, home: _Home) -> None:
    # Reason: a folder may be written by somebody who owns nothing else.
    if os.geteuid() == 0:
        os.chown(path, home.uid, home.gid)
