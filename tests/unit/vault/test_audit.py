"""A canary is found wherever it stands in clear, and nowhere else."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import ssh
from toolbox.lib.vault import audit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "k7!Wq/ü-canary-0x5f"
WANTED, _SHORT = audit.canaries({"canary": Secret(TEXT)})


def _how(data: bytes) -> list[str]:
    return [leak.how for leak in audit.search(data, WANTED, "here")]


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_base64_alignments(before: bytes, after: bytes) -> None:
    """In Base64 it is found behind any number of bytes, in both alphabets."""
    data = before + TEXT.encode() + after
    for packed in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        assert _how(packed)
        assert _how(b"xyz" + packed.rstrip(b"="))


@pytest.mark.parametrize("text", ["hunter22", "12345678"])
@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_short_in_base64(text: str, before: str) -> None:
    """A short secret is found, too, at each alignment."""
    wanted, _ = audit.canaries({"x": Secret(text)})

    assert audit.search(base64.b64encode(f"{before}{text}".encode()), wanted, "here")


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (TEXT.encode(), ""),
        (quote(TEXT).encode(), "percent-encoded"),
        (json.dumps(TEXT).encode(), "escaped"),
        (b"x" + gzip.compress(TEXT.encode(), mtime=0), "gzip"),
        (base64.b64encode(gzip.compress(TEXT.encode(), mtime=0)), "base64 gzip"),
        (quote(base64.b64encode(TEXT.encode())).encode(), "base64"),
        (
            b"data:;base64," + base64.b64encode(gzip.compress(b"a: " + TEXT.encode(), mtime=0)),
            "base64 gzip",
        ),
    ],
)
def test_packed(data: bytes, how: str) -> None:
    """How it was packed is told."""
    assert _how(data) == [how]


@pytest.mark.parametrize("text", ["", "canary", TEXT[:-1], TEXT.swapcase(), "k7!Wq"])
def test_elsewhere(text: str) -> None:
    """What is something else is no leak."""
    assert not _how(text.encode())
    assert not _how(base64.b64encode(text.encode()))


@pytest.mark.needs("ssh-keygen")
def test_private_key(pair: Callable[..., Any]) -> None:
    """A private key is known by its own lines, however they end; never by its public key."""
    for kind in ("ed25519", "rsa"):
        mine, other = pair("ana", kind), pair("other", kind)
        text = mine.path.read_text()
        wanted, short = audit.canaries({"key": Secret(text)})
        lines = text.splitlines()

        assert not short
        assert audit.search(text.replace("\n", "\r\n").encode(), wanted, "here")
        assert audit.search("\n".join(f"    {line}" for line in lines).encode(), wanted, "here")
        assert audit.search(lines[-3].encode(), wanted, "here")
        assert audit.search(json.dumps(text).encode(), wanted, "here")
        assert not audit.search(mine.line.encode(), wanted, "here")
        assert not audit.search(other.path.read_bytes(), wanted, "here")


@pytest.mark.parametrize("before", [0, 95, 99, 100, 150])
def test_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """What is too large to be unpacked is searched as it is, across the pieces it is read in."""
    monkeypatch.setattr(audit, "BATCH", 100)
    (tmp_path / "image.tar").write_bytes(b"-" * before + TEXT.encode() + b"-" * 300)
    (tmp_path / "small").write_bytes(b"hello")
    (tmp_path / "other.tar").write_bytes(b"-" * 500)

    place, leaks = audit.files(tmp_path, WANTED, largest=50, plainly=True)
    without, none = audit.files(tmp_path, WANTED, largest=50)

    assert (place.searched, place.left_out) == (3, 0)
    assert leaks == [audit.Leak("canary", str(tmp_path / "image.tar"), "")]
    assert (without.searched, without.left_out, none) == (1, 2, [])


@pytest.mark.parametrize("width", [64, 70, 76])
def test_signer(width: int) -> None:
    """A certificate has its signer's public key, with the zeros that the private one has, too."""
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption()
    )
    first, *body, last = pem.decode().splitlines()
    # Reason: OpenSSH makes lines of 70 signs, Go of 64.
    lines = textwrap.wrap("".join(body), width)
    key = Secret("\n".join((first, *lines, last, "")))
    wanted, _ = audit.canaries({"key": key})
    host = ssh.Statement("web.shop.internal", ("web", "web.shop.internal"), 24, host=True)
    mine = ssh.public(key)

    for number in range(3):
        said = replace(host, identifier="x" * number)
        certificate = ssh.certificate(key, mine, said, datetime.now(UTC)).encode()
        assert audit.search(certificate, wanted, "here") == []
    assert audit.search(key.reveal().encode(), wanted, "here")
    assert len(wanted[0].parts) >= len(lines) - 2


@pytest.mark.parametrize("width", [64, 70])
@pytest.mark.parametrize("kind", ["ec", "ed25519"])
def test_other_keys(kind: str, width: int) -> None:
    """The keys of others are no leak, though all end in the same bytes that fill them up."""
    texts = {}
    for number in range(200):
        key: Any = (
            ec.generate_private_key(ec.SECP384R1())
            if kind == "ec"
            else ed25519.Ed25519PrivateKey.generate()
        )
        pem = key.private_bytes(
            forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption()
        )
        first, *body, last = pem.decode().splitlines()
        texts[str(number)] = "\n".join((first, *textwrap.wrap("".join(body), width), last, ""))
    wanted, lost = audit.canaries({name: Secret(text) for name, text in texts.items()})

    assert not lost
    parts = [part for canary in wanted for part in canary.parts]
    assert len(parts) == len(set(parts))
    assert audit.search(texts["0"].encode(), wanted[1:], "here") == []
    assert audit.search(texts["0"].encode(), wanted[:1], "here")


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
@pytest.mark.parametrize("form", ["TraditionalOpenSSL", "PKCS8", "OpenSSH"])
def test_public_part(kind: str, form: str) -> None:
    """What a private key shares with its public one, and so with certificates, is no leak."""
    key: Any = {
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    if (kind, form) == ("ed25519", "TraditionalOpenSSL"):
        form = "PKCS8"
    text = key.private_bytes(
        forms.Encoding.PEM, getattr(forms.PrivateFormat, form), forms.NoEncryption()
    ).decode()
    wanted, short = audit.canaries({"key": Secret(text)})
    public = key.public_key().public_bytes(
        forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo
    )

    assert not short
    for before in range(48):
        # Reason: so a certificate has it, whose other parts are of any length.
        packed = base64.b64encode(b"x" * before + public + b"signature")
        folded = b"\n".join(packed[at : at + 64] for at in range(0, len(packed), 64))
        assert not audit.search(packed, wanted, "here")
        assert not audit.search(folded, wanted, "here")
    lines = [line.encode() for line in text.splitlines() if not line.startswith("-----")]
    told = [line for line in lines if audit.search(line, wanted, "here")]
    assert len(told) >= max(1, len(lines) // 3)


def test_too_short() -> None:
    """What is too short to be looked for, or no text, is told by its name."""
    secrets = {"pin": Secret("1234"), "word": Secret("long enough"), "bytes": None}
    wanted, short = audit.canaries(secrets)

    assert [canary.name for canary in wanted] == ["word"]
    assert short == ("pin", "bytes")
    assert "enough" not in audit.search(b"long enough", wanted, "here")[0].finding().render()


def test_files(tmp_path: Path) -> None:
    """Files, their names and the targets of links are searched; what is allowed is left alone."""
    (tmp_path / "a/b").mkdir(parents=True)
    name = TEXT.replace("/", "_")
    wanted, _ = audit.canaries({"canary": Secret(name)})
    (tmp_path / "a/b/x.log").write_text(f"password={name}\n")
    (tmp_path / f"a/{name}").write_text("")
    (tmp_path / "link").symlink_to(name)
    (tmp_path / ".env").write_text(name)
    (tmp_path / "fine").write_text("fine")
    os.mkfifo(tmp_path / "pipe")

    place, leaks = audit.files(tmp_path, wanted, except_=[tmp_path / ".env"])

    assert sorted(leak.where.removeprefix(f"{tmp_path}/") for leak in leaks) == [
        "a (the name of a file)",
        "a/b/x.log",
        "link",
    ]
    assert (place.searched, place.left_out) == (4, 0)
    assert audit.files(tmp_path / "none", wanted)[0].searched == 0


def test_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large to be searched is counted."""
    monkeypatch.setattr(audit, "LARGEST", 10)
    (tmp_path / "disk").write_text("x" * 11)

    assert audit.files(tmp_path, WANTED)[0].left_out == 1


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs git in a new repository."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def git(*words: str) -> None:
        own = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", *own, "-C", tmp_path, *words], check=True, capture_output=True)

    git("init", "-q")
    return git


@pytest.mark.needs("git")
def test_history(
    tmp_path: Path, repository: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed once and removed, or said in a message, is found in the history."""
    monkeypatch.setattr(audit, "BATCH", 10)
    (tmp_path / "config").write_text(f"key: {TEXT}\n")
    repository("add", "config")
    repository("commit", "-qm", "add")
    (tmp_path / "config").write_text("key:\n")
    repository("commit", "-qam", f"forget {TEXT}")

    place, leaks = audit.history(tmp_path, WANTED)

    assert place.searched == 4
    assert sorted(leak.where.split(" ", 2)[2:] for leak in leaks) == [[], ["config"]]
    assert not audit.files(tmp_path, WANTED)[1]


@pytest.mark.needs("git")
@pytest.mark.usefixtures("repository")
def test_empty_history(tmp_path: Path) -> None:
    """A repository without a commit has nothing to search."""
    assert audit.history(tmp_path, WANTED) == (audit.Place(f"git history of {tmp_path}", 0, 0), [])


def test_processes() -> None:
    """A secret among the arguments of a process is found."""
    words = [sys.executable, "-c", "print(flush=True); input()", f"--password={TEXT}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        # Reason: a process that has just begun to be another program has no arguments yet.
        process.stdout.readline()
        _place, leaks = audit.processes(WANTED)
        process.kill()

    assert f"arguments of process {process.pid}" in [leak.where for leak in leaks]
    assert not audit.processes(audit.canaries({"other": Secret("no such text 8f3a")})[0])[1]
