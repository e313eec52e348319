"""What a server of TLS shows and asks for, loaded without a key on any disk."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """The certificate of a server, and whose client certificates it takes.

    Attributes:
        certificate: Its chain, PEM, its own certificate first.
        key: Its private key, PEM.
        client_authority: Certificates that client certificates are checked with, PEM; an
            intermediate one may stand alone. Nothing where none is asked for.
    """

    certificate: str
    key: Secret
    client_authority: str = ""


def context(credentials: Credentials, *, required: bool = False) -> ssl.SSLContext:
    """Return a context for servers.

    Args:
        credentials: What it shows and asks for.
        required: Whether nobody gets in without a client certificate.

    Raises:
        ToolboxError: Certificate and key do not fit, or are none.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # Reason: each client comes once, so tickets are of no use to anyone.
    made.options |= ssl.OP_NO_TICKET
    made.num_tickets = 0
    try:
        with _in_memory(credentials.certificate + "\n" + credentials.key.reveal()) as path:
            # Reason: OpenSSL asks the terminal for the passphrase of a key unless somebody answers.
            made.load_cert_chain(path, password=lambda: "")
        if credentials.client_authority:
            made.load_verify_locations(cadata=credentials.client_authority)
    except (ssl.SSLError, ValueError) as error:
        message = f"the server's certificate cannot be used: {error}"
        raise ToolboxError(message) from error
    if credentials.client_authority:
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        made.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return made


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Keep a text in a file that has no name and lies in memory only; yield a path to it."""
    handle = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "w") as file:
            file.write(text)
        os.lseek(handle, 0, os.SEEK_SET)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def names(peer: dict[str, object] | None) -> tuple[str, ...] | None:
    """Return the names in a client's certificate, which was checked.

    Args:
        peer: As `ssl.SSLSocket.getpeercert` returns it; None or empty without one.
    """
    if not peer:
        return None
    alternatives = peer.get("subjectAltName", ())
    subject = peer.get("subject", ())
    assert isinstance(alternatives, tuple)  # noqa: S101 - the form that Python documents
    assert isinstance(subject, tuple)  # noqa: S101 - the same
    found = [value for kind, value in alternatives if kind == "DNS"]
    found += [value for part in subject for key, value in part if key == "commonName"]
    return tuple(dict.fromkeys(found))
