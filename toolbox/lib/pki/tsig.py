"""TSIG: keys that two DNS servers share to sign what they say to each other (RFC 8945)."""

from __future__ import annotations

from toolbox.lib.core.secret import Secret

ALGORITHM = "hmac-sha256"
BYTES = 32
"""As long as the hash's output, which is what RFC 8945 asks for."""


def bind(name: str, secret: Secret) -> Secret:
    """Return a key as BIND, NSD and nsupdate read it.

    Args:
        name: Name of the key.
        secret: The key, Base64.
    """
    return Secret(
        f'key "{name}" {{\n  algorithm {ALGORITHM};\n  secret "{secret.reveal()}";\n}};\n'
    )


def knot(name: str, secret: Secret) -> Secret:
    """Return a key as an item of ``key`` in Knot's configuration, YAML.

    Args:
        name: Name of the key.
        secret: The key, Base64.
    """
    return Secret(f"- id: {name}\n  algorithm: {ALGORITHM}\n  secret: {secret.reveal()}\n")
