"""Bytes that do not print, known by their hash."""

from __future__ import annotations

import hashlib


class Blob:
    """The bytes of a file; `reveal` is the only way to them, as they may be secret."""

    __slots__ = ("_data", "digest")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.digest = hashlib.sha256(data).hexdigest()
        """SHA-256 in hexadecimal."""

    def reveal(self) -> bytes:
        """Return the bytes themselves."""
        return self._data

    def reveal_text(self) -> str:
        """Return them as a text; what is none is replaced."""
        return self._data.decode(errors="replace")

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self._data)

    def __repr__(self) -> str:
        return f"Blob({self.digest[:12]}, {self.size} bytes)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)
