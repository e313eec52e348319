"""Who can be a recipient is told from who cannot, with the reason and the line."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.report import Severity
from toolbox.lib.vault import recipients
from toolbox.lib.vault.recipients import AGE, changes, read, written

if TYPE_CHECKING:
    from collections.abc import Callable

ANA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd ana"
NATIVE = "age139dlz47yu2gmhwa59vghp2l3cqa9wr3skvlg3n87xrfllheg9qwsgmueqd"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMq4iTfQq40D/fhjYiE5"
    "5ObytUrBORTVQ/Q0zQUkgm+kEoOAPrMQKBdPjXDWuQIvaCzBDLtaA8OmNQ9cFXNNwzI= eve"
)
SECURITY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDJlh7oVIOVTIXbtbM0qR7"
    "GnPYjiI1SZ0zKVjUOdBZzbAAAABHNzaDo= kim"
)


def test_all_kinds(pair: Callable[..., Any]) -> None:
    """Keys of Ed25519, RSA and age are recipients, each with whose it is."""
    rsa = pair("bob", "rsa", "-b", "2048")
    members = read(f"# operators\n\n{ANA}\n{rsa.line}\n{NATIVE} cleo\n", "keys")

    assert not members.refused
    assert [(one.kind, one.name) for one in members.recipients] == [
        ("ssh-ed25519", "ana"),
        ("ssh-rsa", "bob"),
        (AGE, "cleo"),
    ]
    assert members.recipients[0].text == ANA.removesuffix(" ana")
    assert members.recipients[2].place.line == 5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ECDSA, "ECDSA"),
        (SECURITY, "security key"),
        (f"cert-authority {ANA}", "authority"),
        (f'cert-authority,principals="a b" {ANA}', "authority"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27 cut", "no ssh-ed25519 key"),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "plugin"),
        (NATIVE[:-1] + "q", "checksum"),
        (f"{NATIVE[:9]}b{NATIVE[10:]}", "checksum"),
        ("hello", "no public key"),
    ],
)
def test_refused(line: str, reason: str) -> None:
    """What cannot be a recipient is refused with the reason, at its line."""
    members = read(f"{ANA}\n{line}\n", "authorized_keys")

    (finding,) = members.refused
    assert reason in finding.message
    assert (finding.file, finding.line, finding.severity) == (
        "authorized_keys",
        2,
        Severity.WARNING,
    )
    assert finding.hint
    assert [one.name for one in members.recipients] == ["ana"]


def test_short_rsa(pair: Callable[..., Any]) -> None:
    """An RSA key that age would refuse is refused with its size."""
    (finding,) = read(pair("old", "rsa", "-b", "1024").line, "keys").refused

    assert "1024 bits" in finding.message


def test_options_and_comments() -> None:
    """Options before a key and words behind it do not hide it, and are not given to age."""
    line = f'from="10.0.0.0/8",command="echo \\"cert-authority\\"" {ANA} of the night shift'

    (one,) = read(line, "keys").recipients

    assert one.text == ANA.removesuffix(" ana")
    assert one.name == "ana of the night shift"


def test_windows_lines_and_duplicates() -> None:
    """Line ends of Windows are no part of a key, and a key that stands twice is one recipient."""
    members = read(f"{ANA}\r\nno-pty {ANA} again\r\n{NATIVE}\r\n{NATIVE}", "keys")

    assert [one.text for one in members.recipients] == [ANA.removesuffix(" ana"), NATIVE]


def test_r_2_3_encrypted_local_export_comments() -> None:
    """Comments first, or no key at all, are read as what they are."""
    assert read("# all who may\n\n", "keys").recipients == ()
    assert len(read(f"# all who may\n{ANA}", "keys").recipients) == 1


def test_nameless() -> None:
    """A key without a comment has its fingerprint as name, as ssh-keygen shows it."""
    (one,) = read(ANA.removesuffix(" ana"), "keys").recipients
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"],
        input=one.text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert one.name == shown.split()[1]


def test_changes() -> None:
    """Who came and who went is told by the keys, not by their comments."""
    before = read(f"{ANA}\n{NATIVE} cleo\n", "keys").recipients
    after = read(f"{NATIVE} other name\n{ANA.replace('J27', 'J28')}\n", "keys").recipients

    came, went = changes(before, after)

    assert [one.place.line for one in came] == [2]
    assert [one.name for one in went] == ["ana"]
    assert changes(before, before) == ((), ())


def test_written_is_read() -> None:
    """What is written of recipients is read as the same."""
    before = read(f"{ANA}\n{NATIVE}\n", "keys").recipients

    assert read(written(before), "keys").recipients == before


@given(st.text(alphabet=recipients.BECH32, min_size=58, max_size=58))
def test_checksum(data: str) -> None:
    """Hardly any text of the right length is a recipient, and no changed one."""
    assert not recipients._has_checksum(f"age1{data}") or data == NATIVE[4:]


@given(st.integers(4, 61), st.sampled_from(recipients.BECH32))
def test_one_wrong_sign(at: int, sign: str) -> None:
    """One wrong sign is always found, as Bech32 promises."""
    changed = NATIVE[:at] + sign + NATIVE[at + 1 :]

    assert recipients._has_checksum(changed) == (changed == NATIVE)
