"""Which secrets a project has, and the places where they are looked for."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack import exposure
from toolbox.lib.vault import audit, identities, passphrase, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "canary-4f1d9a"


@pytest.mark.needs("age", "ssh-keygen")
def test_secrets(tmp_path: Path, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the passphrase, exports, and those names of .env that tell of a secret."""
    someone = pair("ana")
    monkeypatch.setenv(identities.VARIABLE, str(someone.path))
    (tmp_path / "authorized_keys").write_text(someone.line)
    (tmp_path / ".env").write_text("API_TOKEN=a\nREGION=b\ndb_password=c\n")
    here = store.vault(tmp_path)
    assert list(exposure.secrets("example", here)) == [".env API_TOKEN", ".env db_password"]
    passphrase.make(here, store.members(tmp_path).recipients)
    store.export(here, "note", b"text")
    store.export(here, "bundle", b"\xff\xfe")

    found = exposure.secrets("example", here)

    assert list(found)[2:] == [
        "the passphrase",
        "state/files/prod/bundle.age",
        "state/files/prod/note.age",
    ]
    assert found["state/files/prod/note.age"] == Secret("text")
    assert found["state/files/prod/bundle.age"] is None


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 2, True),
        ("ssh-ed25519 AAAA me\n", True),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", False),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nword", False),
        ("ssh-ed25519 AAAA me\nword", False),
        ("correct horse", False),
    ],
)
def test_public(text: str, public: bool) -> None:
    """Certificates and public keys are no secrets, also where a state seals them."""
    assert bool(exposure.PUBLIC.fullmatch(text)) == public


def test_places(habitat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Project, state, cache, sockets and temporary files are searched; .env may have secrets."""
    temporary = tmp_path / "temporary"
    project = tmp_path / "project"
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    places = [
        project / "README",
        habitat / "state/console.log",
        habitat / "cache/x",
        habitat / "run/infra-toolbox/x",
        tmp_path / "home/infra-toolbox/build.log",
        temporary / "x",
    ]
    for path in (*places, project / ".env"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CANARY)
    wanted, _ = audit.canaries({"canary": Secret(CANARY)})

    found = [leak for _, leaks in exposure.search(store.vault(project), wanted) for leak in leaks]

    assert sorted(leak.where for leak in found) == sorted(map(str, places))
