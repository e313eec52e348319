"""Private keys and foreign PEM as values: read with a reason where they cannot be, and made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.x509 import Certificate

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
    PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
CERTIFICATE = "CERTIFICATE"
MAX_BUNDLE = 1024 * 1024
"""Characters of a bundle; all roots of a browser together are less."""


def private(pem: Secret) -> PrivateKey:
    """Return the private key that a text holds, PEM or OpenSSH.

    Args:
        pem: The text.

    Raises:
        ToolboxError: It is none, is encrypted, or of a kind that nothing here is made with.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_ssh_private_key,
    )

    data = pem.reveal().encode()
    load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
    try:
        key = load(data, None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # Reason: what the library says may quote the text.
        message = "this is no private key in clear, PEM or OpenSSH"
        raise ToolboxError(message) from None
    if not isinstance(
        key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    ):
        message = f"a {type(key).__name__} is no key of ours"
        raise ToolboxError(message, hint="ECDSA, Ed25519 and RSA are")
    return key


def encrypted(pem: Secret, password: Secret) -> Secret:
    """Return a private key as PKCS #8 PEM, encrypted with a password.

    Args:
        pem: The key in clear.
        password: At least one character.
    """
    from cryptography.hazmat.primitives import serialization

    key = private(pem)
    hidden = serialization.BestAvailableEncryption(password.reveal().encode())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden
    ).decode()
    return Secret(text)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Certificates as a file holds them.

    Attributes:
        certificates: PEM of each, once, in the file's order, with nothing around.
        findings: What is wrong with the file.
    """

    certificates: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The certificates in one text."""
        return "".join(self.certificates)


def bundle(text: str, file: str) -> Bundle:
    """Read a file of certificates that somebody else has written.

    Text around the certificates is fine, as many tools write what a certificate says above it.
    Private keys are refused before anything of them is kept.

    Args:
        text: Its content.
        file: Its name in findings.
    """
    if len(text) > MAX_BUNDLE:
        message = f"this file is larger than {MAX_BUNDLE // 1024} KiB"
        return Bundle((), (_finding(file, 1, "too-large", message),))
    found: list[str] = []
    findings: list[Finding] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        match = BEGIN.fullmatch(lines[number].strip())
        if match is None:
            number += 1
            continue
        kind, start = match[1], number
        end = _end(lines, start, kind)
        number = start + 1 if end is None else end + 1
        if "PRIVATE KEY" in kind:
            message = "this is a private key; here stand certificates"
            hint = "remove it, and replace that key"
            return Bundle((), (_finding(file, start + 1, "private-key", message, hint),))
        if end is None:
            message = f"this {kind} has no end"
            findings.append(_finding(file, start + 1, "bad-pem", message))
        elif kind != CERTIFICATE:
            message = f"this is a {kind.lower()}; here stand certificates"
            findings.append(_finding(file, start + 1, "no-certificate", message))
        else:
            _take(lines[start : end + 1], _Spot(file, start + 1), found, findings)
    if not found and not findings:
        findings.append(_finding(file, 1, "no-certificate", "there is no certificate in this file"))
    return Bundle(tuple(dict.fromkeys(found)), tuple(findings))


@dataclass(frozen=True, slots=True)
class _Spot:
    file: str
    line: int


def _end(lines: Sequence[str], start: int, kind: str) -> int | None:
    for number in range(start + 1, len(lines)):
        line = lines[number].strip()
        if line == f"-----END {kind}-----":
            return number
        if line.startswith("-----"):
            return None
    return None


def _take(lines: Sequence[str], spot: _Spot, found: list[str], findings: list[Finding]) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    read = _certificate("\n".join(line.strip() for line in lines) + "\n")
    if isinstance(read, str):
        findings.append(_finding(spot.file, spot.line, "bad-certificate", read))
        return
    problem = _no_authority(read)
    if problem:
        findings.append(_finding(spot.file, spot.line, "no-authority", problem))
        return
    found.append(read.public_bytes(Encoding.PEM).decode())


def _certificate(pem: str) -> Certificate | str:
    """Return a certificate, or why it cannot be read."""
    import warnings

    from cryptography.utils import CryptographyDeprecationWarning
    from cryptography.x509 import load_pem_x509_certificate

    try:
        with warnings.catch_warnings():
            # Reason: what is old-fashioned in others' certificates is not for the terminal.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return load_pem_x509_certificate(pem.encode("ascii"))
    except (ValueError, UnicodeEncodeError):
        return "this certificate cannot be read"


def _no_authority(certificate: Certificate) -> str | None:
    """Return why a certificate is none of an authority, or None."""
    import warnings

    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return "this certificate does not say that it is an authority's"
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return "the extensions of this certificate cannot be read"
    return None if basic.value.ca else "this is no authority's certificate"


def _finding(file: str, line: int, code: str, message: str, hint: str | None = None) -> Finding:
    return Finding(file, line, 1, Severity.ERROR, code, message, hint)
