"""A plain secret among a project's state is found on the disk and in what is staged."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.vault import age, plain, special
from toolbox.lib.vault.recipients import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEM = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
MARK = "1b47061264138c4ac30d75fd1eb44270"


def _state(**secret: str) -> bytes:
    value = {special.SIGNATURE: MARK, **secret}
    resources = [{"type": "x", "outputs": {"key": [value]}}]
    return json.dumps({"checkpoint": {"latest": {"resources": resources}}}).encode()


STACK = "state/pulumi/.pulumi/stacks/example/prod.json"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("state/files/prod/key", b"x", "not sealed"),
        ("state/files/prod/public", b"x", "not sealed"),
        ("state/files/public/x", b"x", "not sealed"),
        ("state/files/prod/public/key.pem", PEM, "a private key"),
        ("state/files/prod/public/key", base64.b64encode(PEM), "a private key, base64"),
        ("state/files/prod/key.age", b"secret", "not sealed by age"),
        ("state/pulumi/prod.passphrase.age", b"correct horse", "not sealed by age"),
        ("state/notes.txt", PEM, "a private key"),
        ("state/pulumi/Pulumi.prod.yaml", b"key: |\n  " + PEM, "a private key"),
        (STACK, _state(plaintext='"x"'), "not sealed"),
        (f"{STACK}.bak", _state(plaintext='"x"'), "not sealed"),
        (STACK, json.dumps({"key": PEM.decode()}).encode(), "a private key"),
        (".env", b"A=b", "of one computer"),
    ],
)
def test_refused(name: str, data: bytes, message: str) -> None:
    """What must not lie there is found, with its file and what to do."""
    (finding,) = plain.examine(plain.Written(name, data))

    assert message in finding.message
    assert finding.file == name
    assert finding.hint


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("state/files/prod/public/ca.pem", b"-----BEGIN CERTIFICATE-----\n"),
        ("state/files/prod/public/a/b/c", b"x"),
        (STACK, _state(ciphertext="v1:abc")),
        (STACK, b"{"),
        ("state/pulumi/prod.recipients", b"ssh-ed25519 AAAA ana\n"),
        ("hosts/web/key", PEM),
        ("hosts/web/.env", b"A=b"),
        ("statement", PEM),
    ],
)
def test_fine(name: str, data: bytes) -> None:
    """What is public, sealed or none of this is left alone."""
    assert plain.examine(plain.Written(name, data)) == []


@pytest.mark.needs("age", "ssh-keygen")
def test_sealed(tmp_path: Path, pair: Callable[..., Any]) -> None:
    """What age has sealed is fine, but not when it is cut off."""
    path = tmp_path / "state/files/prod/key.age"
    path.parent.mkdir(parents=True)
    path.write_bytes(age.seal(b"x", read(pair("ana").line, "keys").recipients))

    assert plain.folder(tmp_path) == []
    path.write_bytes(path.read_bytes()[:100])
    assert len(plain.folder(tmp_path)) == 1


def test_no_state(tmp_path: Path) -> None:
    """A project without a state has nothing plain in it."""
    assert plain.folder(tmp_path) == []


@pytest.mark.needs("git")
def test_staged(tmp_path: Path) -> None:
    """What is staged counts, not what lies in the folder, also in a folder of a repository."""
    root = tmp_path / "infra"
    (root / "state/files/prod").mkdir(parents=True)

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    git("init", "-q")
    (root / "state/files/prod/ä key").write_bytes(PEM)
    (root / ".env").write_text("A=b")
    assert plain.staged(root) == []
    git("add", "--all")
    (root / "state/files/prod/ä key").unlink()

    found = plain.staged(root)

    assert sorted(str(one.file) for one in found) == [".env", "state/files/prod/ä key"]
    assert plain.folder(root) == []
