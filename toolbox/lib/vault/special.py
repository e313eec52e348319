"""How Pulumi marks values in its states and messages that are more than what they look like."""

from __future__ import annotations

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of every special value."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - marks a secret, is none


def is_secret(value: object) -> bool:
    """Tell whether a value is a secret, sealed or not."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET
