"""What a file revoked_keys may say, and what it takes out of authorized_keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.inventory import revocations

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfKdhNfhmBBKB9rD9Rw2QfsG6A2bzaBYmnF1KjXv6E2"


def test_lines() -> None:
    """Keys, numbers and names are told apart, each once; comments tell nothing."""
    text = f"# gone\n{KEY} bob\nserial: 42 # bob\nid: bob b\n\nserial:42\nid: bob b\n"

    lines, findings = revocations.read(text, "revoked_keys")
    gone = revocations.of(lines)

    assert findings == []
    assert gone == revocations.Revocations(frozenset({KEY}), frozenset({42}), frozenset({"bob b"}))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("serial: 0", "bad-revocation"),
        ("serial: -1", "bad-revocation"),
        ("serial: 1-9", "bad-revocation"),
        (f"serial: {1 << 64}", "bad-revocation"),
        ("serial:", "bad-revocation"),
        ("id:", "bad-revocation"),
        ("id: b\u200bob", "bad-revocation"),
        ("name: bob", "bad-key"),
        ("bob", "bad-key"),
    ],
)
def test_wrong_lines(line: str, code: str) -> None:
    """What revokes nothing is told with its line, as it would be taken for something that does."""
    lines, findings = revocations.read(f"{KEY}\n\n{line}\n", "revoked_keys")

    assert lines == (KEY,)
    assert [(one.file, one.line, one.code) for one in findings] == [("revoked_keys", 3, code)]


def test_taken() -> None:
    """Keys go by what they are and by their comment, and all else stays as it is written."""
    text = f'# people\nfrom="10.0.0.0/8" {KEY} ana\n{OTHER} bob\nage1xyz bob\n'

    by_key = revocations.taken(text, revocations.of([f"{KEY} x"]))
    by_name = revocations.taken(text, revocations.of(["id: bob"]))

    assert by_key == (f"# people\n{OTHER} bob\nage1xyz bob\n", (f'from="10.0.0.0/8" {KEY} ana',))
    assert by_name[0] == f'# people\nfrom="10.0.0.0/8" {KEY} ana\nage1xyz bob\n'
    assert revocations.taken(text, revocations.of(["serial: 1", "id: eve"])) == (text, ())


@given(st.text(alphabet="serialid: 0123456789#\n\t\u00a0", max_size=60))
def test_reading_again(text: str) -> None:
    """What was read says the same when it is read again, and nothing of it is wrong then."""
    lines, _findings = revocations.read(text, "x")

    again, findings = revocations.read("\n".join(lines), "x")

    assert findings == []
    assert revocations.of(again) == revocations.of(lines)
