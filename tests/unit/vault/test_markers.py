"""Private keys are known by the words in their files, however they are packed."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.vault import markers

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.needs("ssh-keygen", "age")
def test_keys(pair: Callable[..., Any]) -> None:
    """Each kind of private key is found, in clear and packed; public ones are none."""
    kinds = {"an openssh": ("ed25519",), "a rsa": ("rsa", "-m", "PEM"), "of age": ("age",)}
    for words, kind in kinds.items():
        one = pair("ana", *kind)
        data = one.path.read_bytes()

        assert words in str(markers.search(data))
        assert str(markers.search(base64.b64encode(b"x" + data))).endswith("base64")
        assert str(markers.search(gzip.compress(data))).endswith("gzip")
        assert markers.search(one.line.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN PUBLIC KEY-----",
        b"put your PRIVATE KEY here",
        b"AGE-SECRET-KEY-1...",
    ],
)
def test_no_keys(text: bytes) -> None:
    """Certificates, public keys and words about keys are no private keys."""
    assert markers.search(text) is None


def test_putty() -> None:
    """PuTTY's form is one, too."""
    assert markers.search(b"PuTTY-User-Key-File-3: ssh-ed25519\n") == "a private key of PuTTY"
