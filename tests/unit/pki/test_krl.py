"""Key revocation lists say what they are to say, as OpenSSH reads them."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pki.conftest import NOW
from toolbox.lib.pki import krl, ssh

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.core.secret import Secret

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfKdhNfhmBBKB9rD9Rw2QfsG6A2bzaBYmnF1KjXv6E2"
LINES = [f"{KEY} bob", "serial: 42", f"serial: {(1 << 64) - 1} # ana", "id: eve", "id: é e"]


def _query(folder: Path, lines: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    listed = folder / "krl"
    listed.write_bytes(base64.b64decode(krl.encoded(lines)))
    command = ["ssh-keygen", "-Q", "-f", listed, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.needs("ssh-keygen")
def test_openssh_lists_it(tmp_path: Path) -> None:
    """All that was put in is what OpenSSH shows, and nothing else."""
    shown = _query(tmp_path, LINES, "-l")

    said = [line for line in shown.stdout.splitlines() if line and not line.startswith("#")]
    assert shown.returncode == 0, shown.stderr
    assert {line.split(":")[0] for line in said} == {"serial", "id", "hash"}
    assert {"serial: 42", f"serial: {(1 << 64) - 1}", "id: eve"} <= set(said)
    assert len(said) == len(LINES)


@pytest.mark.needs("ssh-keygen")
def test_what_is_revoked(ssh_key: tuple[Secret, str], tmp_path: Path) -> None:
    """A certificate is refused by its number, name, key or signer; every other one is not."""
    person = ssh.Statement("eve", ("core",), 8)
    line = ssh.certificate(ssh_key[0], OTHER, person, NOW)
    other = ssh.certificate(ssh_key[0], OTHER, replace(person, identifier="ana"), NOW)
    files = {"eve": line, "ana": other, "key": KEY}
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")

    def revoked(*lines: str) -> list[str]:
        return [n for n in files if _query(tmp_path, [*lines], str(tmp_path / n)).returncode]

    assert revoked("id: eve") == ["eve"]
    assert revoked(f"serial: {ssh.read(other).serial}") == ["ana"]
    assert revoked(OTHER) == ["eve", "ana"]
    assert revoked(ssh_key[1]) == ["eve", "ana"]
    assert revoked(KEY) == ["key"]
    assert revoked("id: ev", "serial: 7") == []


def test_nothing() -> None:
    """Where nothing is revoked there is no list."""
    assert krl.encoded(()) == ""


@given(st.permutations(LINES), st.lists(st.sampled_from(LINES)))
def test_revoking_is_a_set(lines: list[str], more: list[str]) -> None:
    """Neither order nor number nor time makes a difference, as that would be another config."""
    assert krl.encoded([*lines, *more]) == krl.encoded(LINES)
