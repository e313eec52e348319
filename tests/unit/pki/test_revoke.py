"""What a person names is revoked, whatever it is that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.pki.conftest import NOW
from toolbox.lib.core.errors import UsageError
from toolbox.lib.pki import revoke, ssh

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.core.secret import Secret

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfKdhNfhmBBKB9rD9Rw2QfsG6A2bzaBYmnF1KjXv6E2"
PEOPLE = f"{KEY} ana\n{OTHER} bob\n"


def test_name() -> None:
    """Who is named loses all certificates of that name and the keys in authorized_keys."""
    done = revoke.plan("bob", "serial: 1", PEOPLE)

    assert done.lines == ("id: bob", f"{OTHER} bob")
    assert done.revoked == f"serial: 1\nid: bob\n{OTHER} bob\n"
    assert done.authorized == f"{KEY} ana\n"
    assert done.went == (f"{OTHER} bob",)


def test_number() -> None:
    """A number is that of a certificate, and touches nobody's key."""
    done = revoke.plan("42", "", PEOPLE)

    assert (done.lines, done.authorized, done.went) == (("serial: 42",), PEOPLE, ())


def test_files(ssh_key: tuple[Secret, str], tmp_path: Path) -> None:
    """A file of a key revokes the key, one of a certificate that certificate only."""
    certificate = ssh.certificate(ssh_key[0], OTHER, ssh.Statement("bob", ("core",), 8), NOW)
    (tmp_path / "bob.pub").write_text(f"{OTHER} bob's laptop\n")
    (tmp_path / "bob-cert.pub").write_text(f"{certificate}\n")

    by_key = revoke.plan(str(tmp_path / "bob.pub"), "", PEOPLE)
    by_certificate = revoke.plan(str(tmp_path / "bob-cert.pub"), "", PEOPLE)

    assert by_key.lines == (f"{OTHER} bob's laptop",)
    assert by_key.authorized == f"{KEY} ana\n"
    assert by_certificate.lines == (f"serial: {ssh.read(certificate).serial} # bob",)
    assert by_certificate.authorized == PEOPLE


def test_again() -> None:
    """What is revoked already is not listed twice."""
    done = revoke.plan("bob", "", PEOPLE)

    again = revoke.plan("bob", done.revoked, done.authorized)

    assert again == revoke.Revocation((), done.revoked, done.authorized, ())


@pytest.mark.parametrize("what", ["", " ", "0", "b\u200bob"])
def test_refusals(what: str) -> None:
    """What can be no number, name or key is refused."""
    with pytest.raises(UsageError, match="revoked"):
        revoke.plan(what, "", PEOPLE)


def test_other_files(tmp_path: Path) -> None:
    """A file that is neither key nor certificate is not taken for somebody's name."""
    (tmp_path / "x").write_text("hello\n")
    (tmp_path / "y").write_text(f"{KEY} a\n{OTHER} b\n")

    for name in ("x", "y"):
        with pytest.raises(UsageError, match="nothing that can be revoked"):
            revoke.plan(str(tmp_path / name), "", PEOPLE)


def test_texts(tmp_path: Path) -> None:
    """Files that are not there yet are empty."""
    (tmp_path / "authorized_keys").write_text(PEOPLE)

    assert revoke.files(tmp_path) == ("", PEOPLE)
