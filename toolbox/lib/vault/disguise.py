"""What a text may be wrapped in: Base64, gzip, percent signs, escapes of JSON.

A secret that was packed is still readable by everybody, but no search for its letters finds it.
So what is searched is unpacked first, layer by layer, with a bound for each.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTH = 4
"""How many wrappings are opened, one inside of the other."""

LARGEST = 64 << 20
"""Bytes that one gzip stream may become."""

SHORTEST_RUN = 16
"""Signs of Base64 that are unpacked at least; what is shorter may be any word."""

GZIP = b"\x1f\x8b\x08"
GZIP_BITS = 16 + zlib.MAX_WBITS
SIGN = rb"[A-Za-z0-9+/_-]"
# Reason: lines of one text may be indented, as in YAML, and the last one may be short.
RUN = re.compile(
    rb"%(sign)s{%(least)d,}(?:(?:\s{1,80}|\\n)%(sign)s{%(least)d,})*"
    rb"(?:(?:\s{1,80}|\\n)%(sign)s{1,%(least)d})?" % {b"sign": SIGN, b"least": SHORTEST_RUN}
)
BREAK = re.compile(rb"\s|\\n")
PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
ESCAPE = re.compile(rb'\\(?:u(?P<hex>[0-9a-fA-F]{4})|(?P<sign>[nrt"\\/]))')
SIGNS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
FROM_URL = bytes.maketrans(b"-_", b"+/")


def layers(data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """Yield a text as it is and unpacked in all ways that are possible.

    Args:
        data: The text.
        depth: How many more wrappings are opened.

    Yields:
        How it was wrapped, outermost first and empty for as it is, and the text.
    """
    yield "", data
    if not depth:
        return
    for name, inner in _inner(data):
        for below, text in layers(inner, depth - 1):
            yield f"{name} {below}".strip(), text


def _inner(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is inside of a text's own wrappings."""
    if PERCENT.search(data):
        yield "percent-encoded", unquote_to_bytes(data)
    if ESCAPE.search(data):
        yield "escaped", ESCAPE.sub(_sign, data)
    at = data.find(GZIP)
    while at >= 0:
        unpacked = _unpacked(data[at:])
        if unpacked:
            yield "gzip", unpacked
        at = data.find(GZIP, at + 1)
    for found in RUN.finditer(data):
        for text in _decoded(found[0]):
            yield "base64", text


def _sign(match: re.Match[bytes]) -> bytes:
    if match["hex"]:
        return chr(int(match["hex"], 16)).encode(errors="surrogatepass")
    return SIGNS.get(match["sign"], match["sign"])


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip stream holds, as far as it is whole."""
    try:
        return zlib.decompressobj(GZIP_BITS).decompress(data, LARGEST)
    except zlib.error:
        return b""


def _decoded(run: bytes) -> Iterator[bytes]:
    """Yield what Base64 holds; other signs may stand before it, so in all four alignments."""
    signs = BREAK.sub(b"", run).translate(FROM_URL)
    for start in range(4):
        part = signs[start:]
        # Reason: a single sign at the end holds less than a byte.
        part = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(part + b"=" * (-len(part) % 4))
