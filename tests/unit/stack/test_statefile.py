"""A state is read without the engine that wrote it, and its key is made once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack import statefile
from toolbox.lib.vault import special

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = Secret("correct horse")
SALT = b"12345678"


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the time that a key takes; how many rounds there are is asked of the real engine."""
    monkeypatch.setattr(statefile, "ROUNDS", 10)


def _key() -> bytes:
    return hashlib.pbkdf2_hmac("sha256", PASSPHRASE.reveal().encode(), SALT, 10, 32)


def _seal(data: bytes) -> str:
    nonce = os.urandom(12)
    sealed = AESGCM(_key()).encrypt(nonce, data, None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def _secret(value: Any) -> dict[str, str]:
    return {
        special.SIGNATURE: special.SECRET,
        "ciphertext": _seal(json.dumps(value).encode()),
    }


def _state(folder: Path, outputs: dict[str, Any], **provider: Any) -> Path:
    salt = f"v1:{base64.b64encode(SALT).decode()}:{_seal(b'pulumi')}"
    latest = {
        "secrets_providers": {"type": "passphrase", "state": {"salt": salt}} | provider,
        "resources": [
            {"type": "tls:index/privateKey:PrivateKey", "outputs": {"other": 1}},
            {"type": "pulumi:pulumi:Stack", "outputs": outputs},
        ],
    }
    path = folder / "sim.json"
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    return path


def test_outputs(habitat: Path) -> None:
    """Secrets come out in clear, wherever they stand, or are masked where that is wanted."""
    hosts = {"web": {"key": _secret("hidden"), "public": "ssh-ed25519"}}
    state = _state(habitat, {"hosts": hosts, "ca": "PEM", "list": [1, _secret({"a": None})]})

    clear = statefile.outputs(state, PASSPHRASE)
    masked = statefile.outputs(state, PASSPHRASE, secrets=False)

    assert clear == {
        "hosts": {"web": {"key": "hidden", "public": "ssh-ed25519"}},
        "ca": "PEM",
        "list": [1, {"a": None}],
    }
    assert masked == {
        "hosts": {"web": {"key": "[secret]", "public": "ssh-ed25519"}},
        "ca": "PEM",
        "list": [1, "[secret]"],
    }


def test_key_is_made_once(habitat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is kept where only its owner reads it; a broken one is made anew."""
    state = _state(habitat, {"key": _secret("hidden")})
    assert statefile.outputs(state, PASSPHRASE) == {"key": "hidden"}
    (path,) = (habitat / "run" / "infra-toolbox" / "keys").iterdir()

    assert path.read_bytes() == _key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("made again"))
        assert statefile.outputs(state, PASSPHRASE) == {"key": "hidden"}
    path.write_bytes(b"broken")
    assert statefile.outputs(state, PASSPHRASE) == {"key": "hidden"}
    assert path.read_bytes() == _key()


def test_wrong_passphrase(habitat: Path) -> None:
    """A wrong passphrase opens nothing, and leaves no key."""
    state = _state(habitat, {"key": _secret("hidden")})

    with pytest.raises(statefile.Unreadable, match="passphrase"):
        statefile.outputs(state, Secret("wrong"))

    assert not list((habitat / "run" / "infra-toolbox" / "keys").iterdir())


def test_wrong_passphrase_after_the_right_one(habitat: Path) -> None:
    """A key that is kept opens a state for those only who know its passphrase."""
    state = _state(habitat, {"key": _secret("hidden")})
    statefile.outputs(state, PASSPHRASE)

    with pytest.raises(statefile.Unreadable, match="passphrase"):
        statefile.outputs(state, Secret("wrong"))


def test_forget(habitat: Path) -> None:
    """The key of a state that is removed is forgotten; where there is none, nothing happens."""
    state = _state(habitat, {"key": _secret("hidden")})
    statefile.outputs(state, PASSPHRASE)
    folder = habitat / "run" / "infra-toolbox" / "keys"
    assert list(folder.iterdir())

    statefile.forget(state)
    statefile.forget(state)
    statefile.forget(habitat / "nowhere.json")
    assert not list(folder.iterdir())


def test_no_secrets(habitat: Path) -> None:
    """Outputs without secrets need no key, and a stack without outputs has none."""
    assert statefile.outputs(_state(habitat, {"a": [1, "b"]}), Secret("")) == {"a": [1, "b"]}
    assert statefile.outputs(_state(habitat, {}), Secret("")) == {}
    assert not (habitat / "run" / "infra-toolbox").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"checkpoint": {"latest": null}}',
        '{"checkpoint": {"latest": {"resources": [{}]}}}',
        '{"checkpoint": {"latest": {"resources": [1]}}}',
    ],
)
def test_other_forms(habitat: Path, text: str) -> None:
    """A state of another form is told as such."""
    state = habitat / "sim.json"
    state.write_text(text)

    with pytest.raises(statefile.Unreadable, match="another form"):
        statefile.outputs(state, PASSPHRASE)
    with pytest.raises(statefile.Unreadable, match="another form"):
        statefile.outputs(habitat / "nowhere.json", PASSPHRASE)


def test_other_providers(habitat: Path) -> None:
    """Secrets that a service seals, or in another version, are not for us."""
    state = _state(habitat, {"key": _secret("hidden")}, type="service")
    with pytest.raises(statefile.Unreadable, match="another form"):
        statefile.outputs(state, PASSPHRASE)

    later = {special.SIGNATURE: special.SECRET, "ciphertext": "v2:bm9uY2U=:c2VhbGVk"}
    with pytest.raises(statefile.Unreadable, match="v2"):
        statefile.outputs(_state(habitat, {"key": later}), PASSPHRASE)


def _written(folder: Path, **changes: Any) -> bytes:
    """Return a state as another run of the engine would write it, with some changes of a key."""
    latest = json.loads(_state(folder, {"a": 1}).read_text())["checkpoint"]["latest"]
    key = {
        "urn": "web-tls",
        "type": "tls:index/privateKey:PrivateKey",
        "modified": os.urandom(4).hex(),
        "stackTrace": [os.urandom(4).hex()],
        "dependencies": ["b", "a"],
        "outputs": {"pem": _secret("hidden"), "uses": ["x", "y"]},
        **changes,
    }
    stack = {"urn": "stack", "type": "pulumi:pulumi:Stack", "outputs": {"pem": _secret("hidden")}}
    salt = f"v1:{base64.b64encode(SALT).decode()}:{PROOF}"
    latest |= {"manifest": {"time": os.urandom(4).hex()}, "resources": [stack, key]}
    latest["secrets_providers"]["state"]["salt"] = salt
    return json.dumps({"version": 3, "checkpoint": {"latest": latest}}).encode()


PROOF = _seal(b"pulumi")


@pytest.mark.parametrize(
    ("changes", "alike"),
    [
        ({}, True),
        ({"dependencies": ["a", "b"]}, True),
        ({"dependencies": ["a", "c"]}, False),
        ({"protect": True}, False),
        ({"outputs": {"pem": _secret("another"), "uses": ["x", "y"]}}, False),
        ({"outputs": {"pem": _secret("hidden"), "uses": ["y", "x"]}}, False),
        ({"urn": "db-tls"}, False),
    ],
)
@pytest.mark.usefixtures("habitat")
def test_alike(tmp_path: Path, changes: dict[str, Any], alike: bool) -> None:
    """Two states say the same, however they are sealed and ordered, or they do not."""
    before, after = _written(tmp_path), _written(tmp_path, **changes)

    assert before != after
    assert statefile.alike(before, after, PASSPHRASE) is alike


@pytest.mark.usefixtures("habitat")
def test_alike_is_known(tmp_path: Path) -> None:
    """What cannot be opened or read is not taken for the same."""
    well = _written(tmp_path)
    twice = json.loads(well)
    twice["checkpoint"]["latest"]["resources"] *= 2

    assert not statefile.alike(well, json.dumps(twice).encode(), PASSPHRASE)
    assert not statefile.alike(well, well, Secret("wrong"))
    assert not statefile.alike(well, b"{", PASSPHRASE)
    assert not statefile.alike(b"", well, PASSPHRASE)
