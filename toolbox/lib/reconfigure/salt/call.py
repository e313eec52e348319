"""Starts `salt-call`: the entry of the bundle, and of Salt's environment here.

It runs by Salt's Python, which has nothing of this library.
"""

from __future__ import annotations

import ctypes.util
import os
import sys
from pathlib import Path

SUFFIX = ".infra-toolbox"
LIBRARIES = Path(__file__).resolve().parent / "run"


def main() -> None:
    """Run `salt-call` with the arguments that we were given."""
    ctypes.util.find_library = library  # type: ignore[assignment]
    import salt.utils.files
    from salt.scripts import salt_call

    salt.utils.files.mkstemp = temporary(salt.utils.files.mkstemp)
    sys.argv[0] = "salt-call"
    salt_call()


def library(name: str) -> str | None:
    """Return the shared library of a name: one of the bundle, or one that Debian and Fedora have.

    Reason: Python's own search starts `ldconfig` and a compiler, and finds those of the machine,
    which our loader cannot use.
    """
    known = {"c": "libc.so.6", "crypto": "libcrypto.so.3"}
    if name in known:
        return known[name]
    found = sorted(path.name for path in LIBRARIES.glob(f"lib{name}.so*"))
    return found[0] if found else None


def temporary(original):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a `mkstemp` whose files beside others have fixed names.

    Reason: when Salt is killed while it writes a file, the next one has to write over what is left.

    Args:
        original: Salt's own.
    """

    def mkstemp(*args: object, **options: object) -> object:
        folder, prefix = options.get("dir"), options.get("prefix")
        if args or not isinstance(folder, str) or not isinstance(prefix, str):
            return original(*args, **options)
        path = Path(folder) / f".{prefix}{SUFFIX}"
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.close(handle)
        return str(path)

    return mkstemp


if __name__ == "__main__":
    main()
