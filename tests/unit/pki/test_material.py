"""Our own resource makes what its inputs say, and again when the time has come."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.pki.conftest import NOW, PROVISION, ROOT
from toolbox.lib.pki import material, ssh, x509
from toolbox.lib.pki.material import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.pki.conftest import Chain
    from toolbox.lib.core.secret import Secret


def make(kind: str, inputs: dict[str, Any]) -> dict[str, str]:
    """Make something, as numbers come over the wire."""
    floats = {name: float(value) if type(value) is int else value for name, value in inputs.items()}
    made = KINDS[kind].make(floats, NOW)
    assert set(made) == set(KINDS[kind].outputs)
    return made


def test_authority(chain: Chain, key: Callable[[], Secret]) -> None:
    """An authority is made with all that was wanted, below another one or as a root."""
    root = make("authority", material.authority(ROOT, 100) | {"key": key().reveal()})
    below = make(
        "authority",
        material.authority(PROVISION, 100)
        | {
            "key": key().reveal(),
            "issuer_key": chain.root.key.reveal(),
            "issuer_certificate": chain.root.certificate,
        },
    )

    x509.read(below["certificate"]).verify_directly_issued_by(x509.read(chain.root.certificate))
    assert root["expires"] == (NOW + timedelta(hours=ROOT.hours)).isoformat()


def test_ssh(ssh_key: tuple[Secret, str]) -> None:
    """An ssh certificate says what its inputs say."""
    inputs = {
        "identifier": "web",
        "principals": ["web"],
        "hours": 10,
        "host": True,
        "authority": ssh_key[0].reveal(),
        "public_key": ssh_key[1],
    }

    made = make("ssh-certificate", inputs)

    assert ssh.read(made["certificate"]).valid_principals == [b"web"]
    assert made["expires"] == (NOW + timedelta(hours=10)).isoformat()


def test_bundle(chain: Chain) -> None:
    """A bundle opens with the password that was made with it."""
    private, text = chain.leaf(["alice.client.shop.internal"])

    made = make("bundle", {"label": "alice", "key": private.reveal(), "chain": text})

    opened = pkcs12.load_pkcs12(base64.b64decode(made["pkcs12"]), made["password"].encode())
    assert opened.key is not None
    assert "ENCRYPTED" in made["encrypted_key"]
    assert len(made["password"]) == 24
    assert KINDS["bundle"].secret == set(made)


def test_shared() -> None:
    """A shared secret is 256 bits of chance, another one each time."""
    made = {make("shared-secret", {})["secret"] for _ in range(3)}

    assert len(made) == 3
    assert {len(base64.b64decode(secret)) for secret in made} == {32}


@pytest.mark.parametrize(("left", "due"), [(101, False), (99, True), (-1, True)])
def test_r_5_renewal(left: int, due: bool) -> None:
    """It is made anew when its time has come, in its window and after its end."""
    ends = (NOW + timedelta(hours=left)).isoformat()

    assert material.due({"renew": 100.0}, {"expires": ends}, NOW) is due


def test_what_has_no_end() -> None:
    """What never ends is never made anew."""
    assert not material.due({}, {"secret": "x"}, NOW)
