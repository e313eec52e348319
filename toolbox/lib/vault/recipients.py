"""Who can open the project's secrets: recipients of age, read from authorized_keys.

age encrypts to ssh keys of two kinds and to its own. A person with another kind of key can log in
to machines, but opens nothing, and is told why.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.inventory import operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Place
    from toolbox.lib.inventory.operators import Key

ED25519, RSA, AGE = "ssh-ed25519", "ssh-rsa", "age"
RSA_BITS = 2048
"""What age wants at least of an RSA key."""

AGE_LENGTH = 62
"""Characters of a native recipient: an X25519 key in Bech32."""

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CODE = "no-recipient"
USE = "log in with it, and add a second line with an ssh-ed25519 or an age key for secrets"
NEW_KEY = "make one: ssh-keygen -t ed25519, or age-keygen"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A key that secrets are sealed to.

    Attributes:
        kind: `ED25519`, `RSA` or `AGE`.
        text: What age is given: type and data, or the native recipient.
        comment: Whose it is, as the file says; may be empty.
        place: Where it is written.
    """

    kind: str
    text: str
    comment: str
    place: Place

    @property
    def fingerprint(self) -> str:
        """How ssh-keygen shows an ssh key, ``SHA256:…``; a native recipient as it is."""
        return self.text if self.kind == AGE else fingerprint(self.text.split()[1])

    @property
    def name(self) -> str:
        """Whose it is, or else its fingerprint."""
        return self.comment or self.fingerprint


@dataclass(frozen=True, slots=True)
class Membership:
    """What an authorized_keys file says about secrets.

    Attributes:
        recipients: Who can open them, each key once.
        refused: Which keys cannot be recipients, and why.
    """

    recipients: tuple[Recipient, ...]
    refused: tuple[Finding, ...]


def read(text: str, file: str) -> Membership:
    """Read who can open secrets.

    Args:
        text: Content of an authorized_keys file.
        file: Its name in findings.
    """
    found: dict[str, Recipient] = {}
    refused: list[Finding] = []
    for place, line in operators.lines(text, file):
        recipient = of_line(line, place)
        if isinstance(recipient, Recipient):
            found.setdefault(recipient.text, recipient)
        else:
            refused.append(recipient)
    return Membership(tuple(found.values()), tuple(refused))


def of_line(line: str, place: Place) -> Recipient | Finding:
    """Return the recipient that a line is, or why it is none.

    Args:
        line: Without blanks around it.
        place: Where it is written.
    """
    if operators.AGE.fullmatch(line):
        return _native(line, place)
    key = operators.key(line)
    if key is None:
        hint = "a key is one line, such as ssh-ed25519 AAAA… name"
        return _refused(place, "this line is no public key of ssh or age", hint)
    problem = _problem(key)
    if problem is not None:
        return _refused(place, *problem)
    return Recipient(key.kind, f"{key.kind} {key.blob}", key.comment, place)


def fingerprint(blob: str) -> str:
    """Return the fingerprint of an ssh public key as ssh-keygen shows it.

    Args:
        blob: Its data, Base64.
    """
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def changes(
    before: Sequence[Recipient], after: Sequence[Recipient]
) -> tuple[tuple[Recipient, ...], tuple[Recipient, ...]]:
    """Return who came and who went.

    Args:
        before: Recipients that secrets are sealed to.
        after: Those that they should be sealed to.
    """
    old, new = ({one.text for one in members} for members in (before, after))
    return (
        tuple(one for one in after if one.text not in old),
        tuple(one for one in before if one.text not in new),
    )


def written(recipients: Sequence[Recipient]) -> str:
    """Return recipients as lines that `read` reads."""
    return "".join(f"{f'{one.text} {one.comment}'.strip()}\n" for one in recipients)


def _problem(key: Key) -> tuple[str, str] | None:
    """Return why an ssh key is no recipient, and what to do."""
    if "cert-authority" in key.options:
        return "this is an authority that signs keys of others, and no person's key", USE
    if key.kind.startswith("sk-"):
        return "a security key signs and cannot decrypt", USE
    if key.kind.startswith("ecdsa-"):
        return "age has no encryption to ECDSA keys", USE
    return _weakness(key)


def _weakness(key: Key) -> tuple[str, str] | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        loaded = load_ssh_public_key(f"{key.kind} {key.blob}".encode())
    except (ValueError, UnsupportedAlgorithm):
        return f"its data is no {key.kind} key", "copy the line of its .pub file once more"
    if isinstance(loaded, RSAPublicKey) and loaded.key_size < RSA_BITS:
        return f"an RSA key of {loaded.key_size} bits is too weak, age wants {RSA_BITS}", NEW_KEY
    return None


def _native(line: str, place: Place) -> Recipient | Finding:
    text, _, comment = line.partition(" ") if " " in line else line.partition("\t")
    if len(text) != AGE_LENGTH:
        message = "this is no native recipient of age; such as need a plugin are not supported"
        return _refused(place, message, NEW_KEY)
    if not _has_checksum(text):
        message = "this recipient of age has a mistake in it: its checksum is wrong"
        return _refused(place, message, "copy it once more: age-keygen -y FILE prints it")
    return Recipient(AGE, text, comment.strip(), place)


def _has_checksum(text: str) -> bool:
    """Tell whether a text is Bech32 (BIP 173); age itself would not say which line is wrong."""
    prefix, _, data = text.rpartition("1")
    if not set(data) <= set(BECH32):
        return False
    expanded = [*(ord(sign) >> 5 for sign in prefix), 0, *(ord(sign) & 31 for sign in prefix)]
    checksum = 1
    for value in (*expanded, *map(BECH32.index, data)):
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(GENERATOR):
            checksum ^= factor if top >> bit & 1 else 0
    return checksum == 1


def _refused(place: Place, message: str, hint: str) -> Finding:
    return place.finding(CODE, message, hint, Severity.WARNING)
