"""What the resources of an Ignition config hold: data URLs as Ignition itself decodes them.

The form is that of RFC 2397, where Ignition is stricter than most readers: nothing that has to be
encoded may stand there as it is, Base64 is padded, and a plus is a plus.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.errors import ToolboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "data:"
BASE64 = "base64"
GZIP = "gzip"
LARGEST = 256 * 1024 * 1024
"""Bytes that a compressed resource may become, unless the caller says otherwise."""

# Reason: a token of RFC 2045, in ASCII without control characters.
WORD = r"[!#$%&'*+.^_`{|}~A-Za-z0-9-]"
TYPE = re.compile(
    rf"(?:[xX]-{WORD}*|(?:text|image|audio|video|application|message|multipart){WORD}*)/{WORD}*"
)
ATTRIBUTE = re.compile(rf";({WORD}+)")
PLAIN = re.compile(rf"=({WORD}+)(?=[;,])")
# Reason: a quoted value is read as Go reads a text in quotes, so it has Go's escapes.
ESCAPE = r"\\(?:[abfnrtv\\\"]|[0-3][0-7]{2}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
QUOTED = re.compile(rf'="(?:[ !#-\[\]-~]|{ESCAPE})*"(?=[;,])')
CODE_POINT = re.compile(r"(?<!\\)(?:\\\\)*\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)

UNENCODED = re.compile(r"[^!$-;=?-Z_a-z~]")
"""Characters that must be percent-encoded in the data."""

BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
BASE64_DATA = re.compile(r"[A-Za-z0-9+/]*={0,2}")
QUANTUM = 4
"""Characters of Base64 that belong together."""

DIGESTS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
GZIP_FORMAT = 16 + zlib.MAX_WBITS


class ResourceError(ToolboxError):
    """Ignition could not get the bytes of a resource."""


class TooLarge(ResourceError):
    """A resource is larger than what is wanted here; Ignition would take it."""


def contents(resource: Mapping[str, Any], *, largest: int = LARGEST) -> bytes | None:
    """Return the bytes of a resource, unpacked and verified.

    Args:
        resource: As it stands in the Ignition config: ``source``, ``compression``,
            ``verification``.
        largest: Bytes that it may have when it is unpacked.

    Returns:
        The bytes, or None when it has no source, or one that only the machine can fetch.

    Raises:
        ResourceError: Ignition would refuse it, or it is too large.
    """
    source = resource.get("source")
    if source is None or (source and source[: len(SCHEME)].lower() != SCHEME):
        return None
    data = unpacked(decode(source) if source else b"", resource.get("compression"), largest)
    verify(data, (resource.get("verification") or {}).get("hash"))
    return data


def decode(url: str) -> bytes:
    """Return the bytes that a data URL holds.

    Raises:
        ResourceError: It is no data URL for Ignition.
    """
    encoded, data = _parted(url)
    if encoded:
        return _from_base64(data)
    wrong = UNENCODED.search(data)
    if wrong:
        message = f"{wrong[0]!r} must be percent-encoded in a data URL"
        raise ResourceError(message)
    broken = BROKEN_ESCAPE.search(data)
    if broken:
        message = f"{data[broken.start() : broken.start() + 3]!r} is no percent-encoded byte"
        raise ResourceError(message, hint="a percent sign itself is %25")
    return ENCODED.sub(lambda match: bytes([int(match[1], 16)]), data.encode())


def _parted(url: str) -> tuple[bool, str]:
    """Return whether a data URL is in Base64, and its data."""
    if not url.startswith(SCHEME):
        message = "a data URL begins with data:, in lower case"
        raise ResourceError(message)
    at = len(SCHEME)
    kind = TYPE.match(url, at)
    at = kind.end() if kind else at
    while url[at : at + 1] == ";":
        attribute = ATTRIBUTE.match(url, at)
        at = attribute.end() if attribute else at
        if attribute and attribute[1] == BASE64 and url[at : at + 1] == ",":
            return True, url[at + 1 :]
        at = _after_value(url, at)
    if url[at : at + 1] != ",":
        message = f"the media type of a data URL is wrong at character {at + 1}"
        raise ResourceError(message, hint="such as data:text/plain;base64,aGVsbG8K")
    return False, url[at + 1 :]


def _after_value(url: str, at: int) -> int:
    """Return where the value of a parameter ends."""
    value = PLAIN.match(url, at) or QUOTED.match(url, at)
    if value is None:
        message = f"a parameter of a data URL is wrong at character {at + 1}"
        raise ResourceError(message, hint="such as ;charset=utf-8")
    text = value[0]
    bad = BROKEN_ESCAPE.search(text) if value.re is PLAIN else None
    points = (int(match[1] or match[2], 16) for match in CODE_POINT.finditer(text))
    if bad or (value.re is QUOTED and any(not _is_character(point) for point in points)):
        message = f"a parameter of a data URL has a wrong escape after character {at + 1}"
        raise ResourceError(message)
    return value.end()


def _is_character(point: int) -> bool:
    return point <= LAST_CODE_POINT and point not in SURROGATES


def _from_base64(data: str) -> bytes:
    # Reason: the decoder of Python would let some padding pass that Ignition refuses.
    if len(data) % QUANTUM or not BASE64_DATA.fullmatch(data):
        message = "this is not Base64, or not padded"
        raise ResourceError(message, hint="as base64 -w0 writes it")
    return base64.b64decode(data)


def unpacked(data: bytes, compression: str | None, largest: int = LARGEST) -> bytes:
    """Return data that may be compressed as what it is on the machine.

    Args:
        data: The data.
        compression: ``gzip``, or nothing.
        largest: Bytes that it may become.

    Raises:
        ResourceError: It cannot be unpacked, or is too large.
    """
    if not compression:
        return data
    if compression != GZIP:
        message = f"Ignition knows no compression {compression}"
        raise ResourceError(message, hint=f"use {GZIP}, or none")
    parts: list[bytes] = []
    size = 0
    while data or not parts:
        member = zlib.decompressobj(GZIP_FORMAT)
        try:
            part = member.decompress(data, largest + 1 - size)
        except zlib.error as error:
            message = f"this is not compressed by gzip: {error}"
            raise ResourceError(message) from error
        size += len(part)
        if size > largest:
            message = f"unpacked it has more than {largest} bytes"
            raise TooLarge(message)
        if not member.eof:
            message = "what gzip has compressed is cut off"
            raise ResourceError(message)
        parts.append(part)
        data = member.unused_data
    return b"".join(parts)


def verify(data: bytes, wanted: str | None) -> None:
    """Check that data has the hash that a config wants.

    Args:
        data: The data, unpacked.
        wanted: ``sha256-<hex>`` or ``sha512-<hex>``; None wants nothing.

    Raises:
        ResourceError: It has another one, or that is no hash.
    """
    if wanted is None:
        return
    function, _, digest = wanted.partition("-")
    if function not in DIGESTS:
        message = f"{wanted} is no hash that Ignition knows"
        raise ResourceError(message, hint="write sha256-<hex> or sha512-<hex>")
    found = DIGESTS[function](data).hexdigest()
    if found != digest.lower():
        message = f"its {function} is {found}, not {digest}"
        raise ResourceError(message)
