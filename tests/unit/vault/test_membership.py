"""Persons come into authorized_keys and go, and no line besides theirs changes."""

from __future__ import annotations

import pytest

from toolbox.lib.core.errors import UsageError, VerificationError
from toolbox.lib.vault.membership import added, removed

DATA = "AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
ANA = f"ssh-ed25519 {DATA} ana@example.org"
BOB = f"ssh-ed25519 {DATA.replace('J27', 'J28')} bob@example.org"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMq4iTfQq40D/fhjYiE5"
    "5ObytUrBORTVQ/Q0zQUkgm+kEoOAPrMQKBdPjXDWuQIvaCzBDLtaA8OmNQ9cFXNNwzI= ana@example.org"
)
TEXT = f"# operators\n{ANA}\n\n{ECDSA}\n# night\nno-pty {BOB}\n"


def test_added() -> None:
    """A line is put at the end."""
    assert added(f"# x\n{ANA}\n", f"  {BOB}\n") == f"# x\n{ANA}\n{BOB}\n"
    assert added("", ANA) == f"{ANA}\n"


def test_c_2_2_ssh_factory_last_line() -> None:
    """A file without a newline at its end does not join two keys to one line."""
    assert added(ANA, BOB) == f"{ANA}\n{BOB}\n"


@pytest.mark.parametrize(
    "line", ["", f"{ANA}\n{BOB}", "hello", "ssh-ed25519 AAAA", f"{ANA}\u202e!"]
)
def test_no_key(line: str) -> None:
    """What is not one key is refused."""
    with pytest.raises(UsageError):
        added("", line)


def test_private_key() -> None:
    """A private key is not written to a public file."""
    with pytest.raises(UsageError, match="private key"):
        added("", "-----BEGIN OPENSSH PRIVATE KEY-----")


def test_no_recipient() -> None:
    """A key that cannot open secrets is refused with the reason, and exit code 4."""
    with pytest.raises(VerificationError, match="ECDSA") as caught:
        added("", ECDSA)
    assert caught.value.exit_code == 4


def test_twice() -> None:
    """A key that is there already is not added once more, under no other name."""
    with pytest.raises(UsageError, match="already"):
        added(TEXT, ANA.replace("ana@", "anna@"))


@pytest.mark.parametrize("who", ["ana@example.org", "ana", ANA, ANA.rpartition(" ")[0]])
def test_removed(who: str) -> None:
    """All lines of a person go, whatever part of the line names them; nothing else changes."""
    text, gone = removed(TEXT, who)

    wanted = [2, 4] if "ssh-" not in who else [2]
    assert [line.number for line in gone] == wanted
    kept = [line for number, line in enumerate(TEXT.split("\n"), 1) if number not in wanted]
    assert text == "\n".join(kept)


def test_removed_by_fingerprint() -> None:
    """A key can be named by its fingerprint; options before it do not matter."""
    _text, (gone,) = removed(TEXT, "bob")

    again, (same,) = removed(TEXT, gone.fingerprint)

    assert same == gone
    assert again.endswith("# night\n")


@pytest.mark.parametrize(
    ("who", "message"), [("example.org", "several"), ("eve", "nobody"), ("", "nobody")]
)
def test_not_one_person(who: str, message: str) -> None:
    """Who is not one person is asked back, with all there are."""
    with pytest.raises(UsageError, match=message) as caught:
        removed(TEXT, who)
    assert "ana@example.org, bob@example.org" in str(caught.value.hint)


def test_age() -> None:
    """A recipient of age has lines, too."""
    text, (gone,) = removed("age1qqqq cleo\n", "cleo")

    assert (text, gone.key) == ("", "age1qqqq")
