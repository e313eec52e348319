"""Keys and foreign PEM are read, or told why they are not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import keys, x509

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.pki.conftest import Chain


@pytest.mark.needs("openssl")
def test_encrypted(key: Callable[[], Secret], tmp_path: Path) -> None:
    """An encrypted key opens with its password only."""
    private = key()
    path = tmp_path / "key.pem"
    path.write_text(keys.encrypted(private, Secret("open sesame")).reveal())
    codes = [
        subprocess.run(
            ["openssl", "pkey", "-in", path, "-noout", "-passin", "stdin"],
            input=word,
            capture_output=True,
            check=False,
        ).returncode
        for word in (b"open sesame", b"wrong")
    ]

    assert "BEGIN ENCRYPTED PRIVATE KEY" in path.read_text()
    assert codes[0] == 0
    assert codes[1] != 0
    with pytest.raises(ToolboxError, match="no private key in clear"):
        keys.private(Secret(path.read_text()))


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"])
def test_no_key(text: str) -> None:
    """What is no key is told, and not quoted."""
    with pytest.raises(ToolboxError, match="no private key") as caught:
        keys.private(Secret(text))
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_bundle(chain: Chain) -> None:
    """Authorities are taken, each once, with whatever stands around them."""
    root = chain.root.certificate
    text = f"subject=shop CA\r\n{root}\n{root.replace(chr(10), chr(13) + chr(10))}"

    found = keys.bundle(text + chain.provision.certificate, "old.pem")

    assert not found.findings
    assert found.text == root + chain.provision.certificate
    assert len(x509.chain(found.text)) == 2


def test_bundle_of_others(chain: Chain) -> None:
    """What is none of an authority's is told at its line, all of it at once."""
    _, leaf = chain.leaf(["web.shop.internal"])
    own = leaf.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    request = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"
    broken = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    text = own + request + broken + "-----BEGIN CERTIFICATE-----\nAA==\n"

    found = keys.bundle(text, "old.pem")

    at = own.count("\n")
    assert [(one.line, one.code) for one in found.findings] == [
        (1, "no-authority"),
        (at + 1, "no-certificate"),
        (at + 4, "bad-certificate"),
        (at + 7, "bad-pem"),
    ]


def test_private_key_in_a_bundle(chain: Chain) -> None:
    """A private key among certificates is refused, and nothing of the file is kept."""
    text = chain.root.certificate + chain.root.key.reveal()

    found = keys.bundle(text, "old.pem")

    assert [one.code for one in found.findings] == ["private-key"]
    assert not found.certificates


@pytest.mark.parametrize("text", ["", "nothing\n", "-----END CERTIFICATE-----\n"])
def test_empty_bundle(text: str) -> None:
    """A file without certificates is no bundle."""
    assert [one.code for one in keys.bundle(text, "old.pem").findings] == ["no-certificate"]


def test_large_bundle() -> None:
    """A file that cannot be one is not read."""
    found = keys.bundle("x" * (keys.MAX_BUNDLE + 1), "old.pem")

    assert [one.code for one in found.findings] == ["too-large"]
