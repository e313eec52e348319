"""Which secrets stacks have is read from states as the engine writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack import sealed
from toolbox.lib.stack.workspace import Workspace
from toolbox.lib.vault import special, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _secret(**form: str) -> dict[str, str]:
    return {special.SIGNATURE: special.SECRET, **form}


def _deployment(value: Any) -> dict[str, Any]:
    urn = "urn:pulumi:prod::example::tls:index/privateKey:PrivateKey::web-tls"
    plain = {"urn": "urn:pulumi:prod::example::x::plain", "outputs": {"a": "b"}, "inputs": None}
    return {"resources": [plain, {"urn": urn, "inputs": {"n": 1}, "outputs": {"key": value}}]}


def _write(root: Path, stack: str, value: Any) -> None:
    path = store.vault(root).state("example", stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"checkpoint": {"latest": _deployment(value)}}))


def test_names(tmp_path: Path) -> None:
    """A secret is named by its stack, resource and property, once; other stacks are left alone."""
    _write(tmp_path, "prod-identity", [_secret(ciphertext="v1:a"), {"b": _secret(ciphertext="c")}])
    _write(tmp_path, "staging", _secret(ciphertext="v1:a"))

    (one,) = sealed.names("example", store.vault(tmp_path))

    assert str(one) == "prod-identity: web-tls.key"
    assert not one.value
    assert sealed.stacks("example", store.vault(tmp_path)) == ("prod-identity",)
    assert sealed.stacks("other", store.vault(tmp_path)) == ()


def test_nothing_secret(tmp_path: Path) -> None:
    """A stack may have no secret, no resource, or none left."""
    _write(tmp_path, "prod", {special.SIGNATURE: "an asset"})
    assert sealed.names("example", store.vault(tmp_path)) == ()
    path = store.vault(tmp_path).state("example", "prod")
    path.write_text(json.dumps({"checkpoint": {"latest": {"resources": None}}}))
    assert sealed.names("example", store.vault(tmp_path)) == ()


def test_values(habitat: Path, fake: Callable[[str, str], Path]) -> None:
    """Opened, each text in a secret is one; it does not print."""
    text = json.dumps({"a": ["canary-1", {"b": "canary-2"}], "n": 5})
    answer = json.dumps({"deployment": _deployment(_secret(plaintext=text))})
    fake("pulumi", f"cat <<'END'\n{answer}\nEND")
    opened = Workspace("example", habitat / "pulumi", Secret("x"))

    found = sealed.values(opened, "prod")

    assert [one.value.reveal() for one in found] == ["canary-1", "canary-2"]
    assert "canary" not in repr(found)
