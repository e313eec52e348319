"""Bytes are known by their hash, and do not print."""

from __future__ import annotations

import hashlib

from toolbox.lib.reconfigure.desire.blob import Blob


def test_a_blob() -> None:
    """It tells its bytes to who asks, and nobody else."""
    blob = Blob(b"hunter2")
    assert (blob.reveal(), blob.reveal_text(), blob.size) == (b"hunter2", "hunter2", 7)
    assert blob.digest == hashlib.sha256(b"hunter2").hexdigest()
    assert "hunter2" not in f"{blob} {blob!r}"


def test_equal_ones() -> None:
    """Two with the same bytes are one; the bytes themselves are none."""
    assert {Blob(b""), Blob(b"")} == {Blob(b"")}
    assert Blob(b"a") != b"a"


def test_what_is_no_text() -> None:
    """Bytes that are no text are shown as far as they are."""
    assert Blob(b"a\xff").reveal_text() == "a\N{REPLACEMENT CHARACTER}"
