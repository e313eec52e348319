"""Secrets of earlier generations, sealed, on the side from which changes are made.

A machine keeps no secret outside of its place, so who comes back to a generation has to bring its
secrets. They are sealed with a key that is made of the one that logs in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.files import private_directory, write_atomic
from toolbox.lib.reconfigure.desire.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.reconfigure.history.record import Keepsake

KEY_BYTES, NONCE_BYTES = 32, 12
PURPOSE = b"infra-toolbox vault 1"


@dataclass(frozen=True, slots=True)
class Vault:
    """A folder of sealed bytes, each known by its SHA-256.

    Attributes:
        folder: Where they are; one for each host.
        key: The private key that logs in.
    """

    folder: Path
    key: Secret

    def keep(self, keepsakes: Iterable[Keepsake]) -> bool:
        """Seal those bytes that are secret and not sealed yet; tell whether there were any."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        wanted = [item.blob for item in keepsakes if item.secret]
        if not wanted:
            return False
        private_directory(self.folder)
        seal, naming = self._keys()
        grown = False
        for blob in wanted:
            path = self.folder / _name(naming, blob.digest)
            if not path.exists():
                nonce = os.urandom(NONCE_BYTES)
                sealed = AESGCM(seal).encrypt(nonce, blob.reveal(), blob.digest.encode())
                write_atomic(path, nonce + sealed, mode=0o600)
                grown = True
        return grown

    def get(self, digest: str) -> Blob | None:
        """Return bytes by their SHA-256; None where they are not here, or damaged."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        seal, naming = self._keys()
        try:
            data = (self.folder / _name(naming, digest)).read_bytes()
            nonce, sealed = data[:NONCE_BYTES], data[NONCE_BYTES:]
            blob = Blob(AESGCM(seal).decrypt(nonce, sealed, digest.encode()))
        except (OSError, InvalidTag, ValueError):
            return None
        return blob if blob.digest == digest else None

    def retain(self, digests: Collection[str]) -> None:
        """Remove all bytes but those that some generation still names."""
        _seal, naming = self._keys()
        names = {_name(naming, digest) for digest in digests}
        for path in self.folder.glob("*"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _keys(self) -> tuple[bytes, bytes]:
        """Return the key that seals and the one that names."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), KEY_BYTES * 2, salt=None, info=PURPOSE)
        both = derived.derive(self.key.reveal().strip().encode())
        return both[:KEY_BYTES], both[KEY_BYTES:]


def _name(key: bytes, digest: str) -> str:
    # Reason: the plain hash of a short secret would let it be guessed.
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()
