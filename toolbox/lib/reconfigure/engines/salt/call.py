"""Starts `salt-call`: the entry of the bundle, and of Salt's environment here.

It runs by Salt's Python, which has nothing of this library. With ``--told FILE`` before Salt's own
words it prints what Salt says as one line behind ``> ``, and leaves in that file which states of a
plan failed, a line for each, as a shell does not read JSON.
"""

from __future__ import annotations

import ctypes.util
import io
import json
import os
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

TEMPORARY = ".infra-toolbox.tmp"
"""What a file is called until it is whole; the next change removes what was left of one."""

OURS = "infra-toolbox"
VERBS = ("stop", "disable", "enable", "start", "reload", "restart")
LIBRARIES = Path(__file__).resolve().parent / "run"


def main(words: list[str]) -> None:
    """Run `salt-call`.

    Args:
        words: Its arguments.
    """
    if LIBRARIES.is_dir():
        ctypes.util.find_library = library
    import salt.utils.files
    from salt.scripts import salt_call

    salt.utils.files.mkstemp = temporary(salt.utils.files.mkstemp)
    told = Path(words[1]) if words[:1] == ["--told"] else None
    sys.argv = ["salt-call", *(words[2:] if told else words)]
    if told is None:
        salt_call()
        return
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            salt_call()
    finally:
        said = output.getvalue()
        sys.stdout.write(f"> {compact(said)}\n")
        told.write_text(failures(said), encoding="utf-8")


def compact(output: str) -> str:
    """Return JSON without line feeds; of what is none, nothing."""
    try:
        return json.dumps(json.loads(output))
    except ValueError:
        return ""


def failures(output: str) -> str:
    """Return which states of a plan failed, each on a line; ``*`` where Salt came to none."""
    try:
        states: dict[str, dict[str, Any]] = json.loads(output)["local"]
        # Reason: of a state that there is not, Salt tells its name nowhere but in the key.
        failed = [
            item.get("__id__") or [*key.split("_|-"), key][1]
            for key, item in states.items()
            if item["result"] is False and item.get("__sls__", OURS) == OURS
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "*\n"
    return "".join(f"{_quoted(name)}\n" for name in failed)


def _quoted(name: str) -> str:
    """Return a state's name for a line; what is done to a unit as it is read again."""
    verb, _blank, unit = name.partition(" ")
    if verb in VERBS:
        return f"{verb} {shlex.quote(unit)}"
    return name.replace("\n", " ")


def library(name: str) -> str | None:
    """Return the shared library of a name that the bundle has.

    Reason: Python's own search starts `ldconfig` and a compiler, and finds those of the machine,
    which our loader cannot use.
    """
    found = sorted(path.name for path in LIBRARIES.glob(f"lib{name}.so*"))
    return found[0] if found else None


def temporary(original: Any) -> Any:  # noqa: ANN401 - a function of Salt, which has no types
    """Return a `mkstemp` whose files beside others have one name.

    Reason: when Salt is killed while it writes a file, nobody would find what is left.

    Args:
        original: Salt's own.
    """

    def mkstemp(*words: object, **options: object) -> object:
        folder = options.get("dir")
        if words or not isinstance(folder, str) or options.get("close_fd") is False:
            return original(*words, **options)
        path = Path(folder) / TEMPORARY
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        return str(path)

    return mkstemp


if __name__ == "__main__":
    main(sys.argv[1:])
