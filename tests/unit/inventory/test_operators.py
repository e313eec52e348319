"""Tests of reading public keys."""

from __future__ import annotations

import pytest

from toolbox.lib.inventory.operators import is_key, read_keys

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        f"{ED25519} a comment with blanks",
        f'from="10.0.0.0/8",command="echo \\"ssh-rsa AAAA\\"" {ED25519} x',
        f"no-pty {ED25519}",
    ],
)
def test_key(line: str) -> None:
    """Keys with comments and options are keys."""
    assert is_key(line)


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519[:-1] + "!",
        ED25519[len("ssh-ed25519 ") :],
        f"with blanks {ED25519}",
    ],
)
def test_no_key(line: str) -> None:
    """What sshd would skip silently is refused."""
    assert not is_key(line)


def test_private_key() -> None:
    """A private key in the file is named as such, once."""
    text = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"
    keys, (finding,) = read_keys(text, "authorized_keys")
    assert keys == ()
    assert finding.code == "private-key"
    assert "b3Blb" not in finding.render()


def test_windows_lines() -> None:
    """Line endings are no part of a key."""
    keys, findings = read_keys(f"# x\r\n{ED25519} me\r\n", "authorized_keys")
    assert keys == (f"{ED25519} me",)
    assert not findings


def test_recipients_of_age() -> None:
    """A recipient of age is no mistake, and no key that logs in."""
    keys, findings = read_keys(f"age1qqqq ana\n{ED25519}\n", "authorized_keys")

    assert keys == (ED25519,)
    assert not findings


@pytest.mark.parametrize("sign", ["\u2028", "\x0b", "\x85", "\ufeff", "\u202e", "\0", "\r"])
def test_hidden_signs(sign: str) -> None:
    """No sign that does not show can put a key into the file that nobody sees, or hide one."""
    keys, (finding,) = read_keys(f"{ED25519} ana{sign}{ED25519} eve\n", "authorized_keys")

    assert keys == ()
    assert (finding.code, finding.line) == ("bad-key", 1)
    assert f"U+{ord(sign):04X}" in finding.message


def test_private_age_key() -> None:
    """A private key of age is told as one."""
    keys, (finding,) = read_keys("AGE-SECRET-KEY-1QQQ\n", "authorized_keys")

    assert keys == ()
    assert finding.code == "private-key"
