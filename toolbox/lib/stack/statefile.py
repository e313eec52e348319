"""A stack's outputs, read from the state that the engine wrote, without the engine.

The engine seals a secret with AES-256-GCM; the key is made of the passphrase and a salt by a
million rounds of PBKDF2, which take half a second and more. That key, and nothing else, is kept
in the private folder for what must not outlive the habitat: in memory, as a rule. A key made by
fewer rounds, or the opened secrets, would make a copy of the state easier to open; this one opens
it for whoever could read that folder, who could read the memory of our programs as well.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import private_directory, runtime_dir, write_atomic
from toolbox.lib.vault.special import is_secret

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.core.secret import Secret

ROUNDS = 1_000_000
KEY_BYTES = 32
VERSION = "v1"
PROOF = b"pulumi"
"""What the engine seals to tell whether a passphrase is the right one."""
STACK = "pulumi:pulumi:Stack"
RESOURCES = "resources"
PASSING = frozenset({"modified", "sourcePosition", "stackTrace"})
"""What an update writes anew of a resource that stays as it is."""

MASKED = "[secret]"
"""What the engine's own command prints in place of a secret."""


class Unreadable(ToolboxError):
    """A state has another form than the one we know."""


@dataclass(frozen=True, slots=True)
class _Lock:
    """What a passphrase is checked by.

    Attributes:
        text: As the state has it, ``v1:salt:v1:nonce:sealed``.
    """

    text: str

    @property
    def name(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def salt(self) -> bytes:
        return base64.b64decode(self.text.split(":")[1])

    def opens(self, key: bytes) -> bool:
        try:
            return _open(key, self.text.split(":", 2)[2]) == PROOF
        except Unreadable:
            return False


def outputs(state: Path, passphrase: Secret, *, secrets: bool = True) -> dict[str, Any]:
    """Return a stack's outputs.

    Args:
        state: The stack's state as the engine wrote it.
        passphrase: What its secrets are sealed with.
        secrets: Whether secrets are in clear; masked as the engine does it otherwise.

    Raises:
        Unreadable: It has another form, or the passphrase is wrong.
    """
    try:
        latest = json.loads(state.read_text())["checkpoint"]["latest"]
        found = _outputs(latest)
        if not secrets:
            return {name: _masked(value) for name, value in found.items()}
        if not _sealed(found):
            return found
        provider = latest["secrets_providers"]
        if provider["type"] != "passphrase":
            raise _unreadable(state)
        lock = _Lock(provider["state"]["salt"])
        key = _key(lock, passphrase)
        return {name: _clear(key, value) for name, value in found.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable(state) from error


def alike(before: bytes, after: bytes, passphrase: Secret) -> bool:
    """Tell whether two states hold the same, though sealed anew and in another order.

    Args:
        before: A state as the engine wrote it.
        after: Another one of the same stack.
        passphrase: What the secrets of both are sealed with.
    """
    try:
        old, new = (json.loads(text)["checkpoint"]["latest"] for text in (before, after))
        if old["secrets_providers"] != new["secrets_providers"]:
            return False
        key = _key(_Lock(new["secrets_providers"]["state"]["salt"]), passphrase)
        return _meaning(key, old) == _meaning(key, new)
    except (Unreadable, ValueError, LookupError, TypeError, AttributeError):
        return False


def _meaning(key: bytes, latest: dict[str, Any]) -> dict[str, Any]:
    """Return what a state says, without the times and places of its writing."""
    others = {name: value for name, value in latest.items() if name not in {"manifest", RESOURCES}}
    held: dict[str, Any] = {
        one["urn"]: _clear(key, {name: one[name] for name in one if name not in PASSING})
        for one in latest.get(RESOURCES) or ()
    }
    for one in held.values():
        for needs in (one, one.get("propertyDependencies") or {}):
            # Reason: the engine lists what something depends on in any order.
            needs.update({name: sorted(v) for name, v in needs.items() if _are_texts(v)})
    # Reason: one that was replaced and not yet deleted has the same URN.
    count = len(latest.get(RESOURCES) or ())
    return {"others": _clear(key, others), "held": held, "count": count}


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def forget(state: Path) -> None:
    """Forget the key of a state that is about to be removed."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        latest = json.loads(state.read_text())["checkpoint"]["latest"]
        lock = _Lock(latest["secrets_providers"]["state"]["salt"])
        for path in _folder().glob(f"{lock.name}.*"):
            path.unlink(missing_ok=True)


def _outputs(latest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    for resource in latest.get("resources") or ():
        if resource["type"] == STACK:
            return dict(resource.get("outputs") or {})
    return {}


def _sealed(value: object) -> bool:
    if isinstance(value, dict):
        return is_secret(value) or any(_sealed(item) for item in value.values())
    return isinstance(value, list) and any(_sealed(item) for item in value)


def _masked(value: Any) -> Any:  # noqa: ANN401 - JSON
    if is_secret(value):
        return MASKED
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value


def _clear(key: bytes, value: Any) -> Any:  # noqa: ANN401 - JSON
    if is_secret(value):
        return _clear(key, json.loads(_open(key, value["ciphertext"])))
    if isinstance(value, dict):
        return {name: _clear(key, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clear(key, item) for item in value]
    return value


def _open(key: bytes, sealed: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, nonce, text = sealed.split(":")
    if version != VERSION:
        message = f"the state has secrets of the form {version}, which is not known here"
        raise Unreadable(message)
    try:
        return AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(text), None)
    except InvalidTag as error:
        message = "the passphrase does not open the state"
        raise Unreadable(message) from error


def _key(lock: _Lock, passphrase: Secret) -> bytes:
    """Return the key of a state; it is remembered for as long as the habitat lasts."""
    path = _remembered(lock, passphrase)
    if path.is_file():
        key = path.read_bytes()
        if len(key) == KEY_BYTES and lock.opens(key):
            return key
    key = hashlib.pbkdf2_hmac("sha256", passphrase.reveal().encode(), lock.salt, ROUNDS, KEY_BYTES)
    if not lock.opens(key):
        message = "the passphrase does not open the state"
        raise Unreadable(message)
    write_atomic(path, key, mode=0o600)
    return key


def _remembered(lock: _Lock, passphrase: Secret) -> Path:
    """Return the file that a state's key is kept in, for those who know the passphrase."""
    # Reason: another passphrase must not find it. That this hash is quick to try is no loss, as the
    # key itself stands beside it.
    words = f"{lock.text}\n{passphrase.reveal()}"
    return _folder() / f"{lock.name}.{hashlib.sha256(words.encode()).hexdigest()}"


def _folder() -> Path:
    return private_directory(runtime_dir() / "keys")


def _unreadable(state: Path) -> Unreadable:
    return Unreadable(f"{state} has another form than the one that is known here")
