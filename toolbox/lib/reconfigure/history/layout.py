"""Folders that every machine has, whatever its config, and that therefore stay."""

from __future__ import annotations

import re

FOLDERS = {
    "/etc": (
        "NetworkManager NetworkManager/system-connections containers modules-load.d pam.d pki"
        " profile.d security skel ssh ssl ssl/certs sudoers.d sysctl.d systemd systemd/network"
        " systemd/system systemd/user sysusers.d tmpfiles.d udev udev/rules.d"
    ),
    "/usr/local": "bin etc lib sbin share share/ca-certificates",
    "/var": (
        "cache home lib lib/containers lib/systemd local lock log mail mnt opt roothome run spool"
        " srv tmp usrlocal usrlocal/bin"
    ),
}
BASE = frozenset(f"{top}/{name}" for top, names in FOLDERS.items() for name in names.split())
OTHERS = re.compile(
    r"/[^/]+|(?:/var)?/home/[^/]+|/usr/[^/]+|/usr/(?:bin|sbin|lib|lib64|libexec|share)/.*"
)


def is_base(path: str) -> bool:
    """Tell whether a folder is one that every machine has."""
    return path in BASE or bool(OTHERS.fullmatch(path))
