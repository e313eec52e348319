"""What is shown to nobody: files that few may read, and those in places where keys are kept."""

from __future__ import annotations

import re

OTHERS_READ = 0o044
PLACES = re.compile(
    r"/etc/ssh/ssh_host_[^/]*_key"
    r"|/etc/(?:credstore|credstore\.encrypted)/.+"
    r"|/etc/(?:g?shadow|krb5\.keytab|crypttab\.d/.+)-?"
    r"|/etc/cryptsetup-keys\.d/.+"
    r"|/etc/NetworkManager/system-connections/.+"
    r"|/etc/wireguard/.+"
    r"|/run/(?:credentials|secrets)/.+"
    r"|.+/\.ssh/id_[^/.]+"
    r"|.+\.(?:key|p12|pfx|jks|keytab|age|secret)"
    r"|.+/(?:secrets?|private)/.+"
)
"""Where secrets stand, whatever their mode."""

KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1")
LOOKED_AT = 1024 * 1024


def is_secret(path: str, mode: int | None, data: bytes = b"") -> bool:
    """Tell whether a file's contents are shown to nobody.

    Args:
        path: Where it stands.
        mode: Its permission bits; None where nothing is said.
        data: What it holds, as far as that is known.
    """
    closed = mode is not None and not mode & OTHERS_READ
    return closed or bool(PLACES.fullmatch(path)) or bool(KEY.search(data[:LOOKED_AT]))
