"""TSIG keys are written as servers read them."""

from __future__ import annotations

import yaml

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import tsig


def test_bind() -> None:
    """BIND's form names key, algorithm and secret."""
    text = tsig.bind("transfer", Secret("c2VjcmV0")).reveal()

    assert text.startswith('key "transfer" {')
    assert "algorithm hmac-sha256;" in text
    assert 'secret "c2VjcmV0";' in text


def test_knot() -> None:
    """Knot's form is an item of a list in YAML."""
    text = tsig.knot("transfer", Secret("c2VjcmV0")).reveal()

    assert yaml.safe_load(text) == [
        {"id": "transfer", "algorithm": "hmac-sha256", "secret": "c2VjcmV0"}
    ]
