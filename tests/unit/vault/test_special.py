"""What Pulumi marks as a secret is known by its mark, and by nothing else."""

from __future__ import annotations

import pytest

from toolbox.lib.vault.special import SECRET, SIGNATURE, is_secret


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ({SIGNATURE: SECRET, "ciphertext": "v1:…"}, True),
        ({SIGNATURE: "an asset"}, False),
        ({"ciphertext": "v1:…"}, False),
        (SECRET, False),
        (None, False),
    ],
)
def test_is_secret(value: object, secret: bool) -> None:
    """A mapping with both marks is one."""
    assert is_secret(value) is secret
