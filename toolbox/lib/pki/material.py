"""What our own resource makes: each kind is a function of its inputs and of the time.

Pulumi's providers have no words for these. What one makes is remembered by Pulumi, and made anew
when its inputs change or its time has come.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import keys, ssh, tsig, x509

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Inputs = Mapping[str, Any]
    Made = dict[str, str]

AUTHORITY, SSH, BUNDLE, SHARED = "authority", "ssh-certificate", "bundle", "shared-secret"
EXPIRES = "expires"
"""The output that says when what was made ends, RFC 3339."""

RENEW = "renew"
"""The input that says how many hours before that it is made anew."""

PASSWORD_BYTES = 18
"""Some 24 characters, which nobody guesses."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that is made.

    Attributes:
        make: Makes it of its inputs, secrets in clear, at a time.
        outputs: Names of what is made.
        secret: Those of them that are secrets.
    """

    make: Callable[[Inputs, datetime], Made]
    outputs: tuple[str, ...]
    secret: frozenset[str] = frozenset()


def due(inputs: Inputs, outputs: Inputs, now: datetime) -> bool:
    """Tell whether what was made is to be made anew, as its end is near.

    Args:
        inputs: What it was made of.
        outputs: What was made.
        now: The time.
    """
    ends = outputs.get(EXPIRES)
    if not isinstance(ends, str):
        return False
    left = datetime.fromisoformat(ends) - now
    return left < timedelta(hours=float(inputs.get(RENEW, 0)))


def authority(wanted: x509.Authority, renew: int) -> dict[str, Any]:
    """Return the inputs for an authority, but for the keys."""
    return {
        "common_name": wanted.common_name,
        "organization": wanted.organization,
        "path_length": wanted.path_length,
        "hours": wanted.hours,
        "domains": list(wanted.bounds.domains),
        "networks": list(wanted.bounds.networks),
        "leaves": wanted.leaves,
        RENEW: renew,
    }


def _authority(inputs: Inputs, now: datetime) -> Made:
    wanted = x509.Authority(
        common_name=inputs["common_name"],
        organization=inputs["organization"],
        # Reason: numbers come as floats over the wire.
        path_length=int(inputs["path_length"]),
        hours=int(inputs["hours"]),
        bounds=x509.Bounds(tuple(inputs["domains"]), tuple(inputs["networks"])),
        leaves=bool(inputs["leaves"]),
    )
    issuer = None
    if inputs.get("issuer_key"):
        issuer = x509.Signed(inputs["issuer_certificate"], Secret(inputs["issuer_key"]))
    made = x509.authority(wanted, Secret(inputs["key"]), now, issuer)
    return {"certificate": made, EXPIRES: x509.read(made).not_valid_after_utc.isoformat()}


def _ssh(inputs: Inputs, now: datetime) -> Made:
    said = ssh.Statement(
        identifier=inputs["identifier"],
        principals=tuple(inputs["principals"]),
        hours=int(inputs["hours"]),
        host=bool(inputs["host"]),
    )
    made = ssh.certificate(Secret(inputs["authority"]), inputs["public_key"], said, now)
    return {"certificate": made, EXPIRES: ssh.ends(made).isoformat()}


def _bundle(inputs: Inputs, now: datetime) -> Made:
    del now
    key, password = Secret(inputs["key"]), Secret(secrets.token_urlsafe(PASSWORD_BYTES))
    packed = x509.pkcs12(inputs["label"], key, inputs["chain"], password)
    return {
        "password": password.reveal(),
        "pkcs12": base64.b64encode(packed).decode(),
        "encrypted_key": keys.encrypted(key, password).reveal(),
    }


def _shared(inputs: Inputs, now: datetime) -> Made:
    del inputs, now
    return {"secret": base64.b64encode(secrets.token_bytes(tsig.BYTES)).decode()}


KINDS = {
    AUTHORITY: Kind(_authority, ("certificate", EXPIRES)),
    SSH: Kind(_ssh, ("certificate", EXPIRES)),
    BUNDLE: Kind(
        _bundle,
        ("password", "pkcs12", "encrypted_key"),
        frozenset({"password", "pkcs12", "encrypted_key"}),
    ),
    SHARED: Kind(_shared, ("secret",), frozenset({"secret"})),
}


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
