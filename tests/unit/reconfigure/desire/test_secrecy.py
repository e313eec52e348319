"""What is shown to nobody, by its mode, its place, or what it holds."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.desire.secrecy import LOOKED_AT, is_secret

PEM = b"-----BEGIN RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("path", "mode", "data"),
    [
        ("/etc/x.conf", 0o600, b""),
        ("/etc/x.conf", 0o611, b""),
        ("/etc/ssh/ssh_host_ed25519_key", 0o644, b""),
        ("/etc/credstore/token", None, b""),
        ("/etc/shadow-", 0o644, b""),
        ("/srv/app/secrets/db/password", 0o644, b""),
        ("/home/ana/.ssh/id_ed25519", 0o644, b""),
        ("/etc/pki/web.key", None, b""),
        ("/etc/x.conf", 0o644, b"chain\n" + PEM),
        ("/etc/x.conf", 0o644, b"# AGE-SECRET-KEY-1QQQ"),
    ],
)
def test_secret(path: str, mode: int | None, data: bytes) -> None:
    """Each of mode, place and contents suffices."""
    assert is_secret(path, mode, data)


@pytest.mark.parametrize(
    ("path", "mode", "data"),
    [
        ("/etc/x.conf", None, b""),
        ("/etc/x.conf", 0o640, b""),
        ("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, b""),
        ("/home/ana/.ssh/id_ed25519.pub", 0o644, b""),
        ("/etc/private", 0o644, b""),
        ("/etc/x.conf", 0o644, b"-----BEGIN PUBLIC KEY-----"),
        ("/etc/x.conf", 0o644, b" " * LOOKED_AT + PEM),
    ],
)
def test_not_secret(path: str, mode: int | None, data: bytes) -> None:
    """What others may read is none, nor the public half of a key, nor what is far behind."""
    assert not is_secret(path, mode, data)
