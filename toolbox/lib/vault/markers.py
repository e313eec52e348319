"""What tells a private key from everything else: the words that stand in its file."""

from __future__ import annotations

import re

from toolbox.lib.vault import disguise

PRIVATE = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]{0,40}PRIVATE KEY)-----")
AGE = re.compile(rb"AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{20}")
PUTTY = re.compile(rb"PuTTY-User-Key-File-[0-9]+:")


def search(data: bytes) -> str | None:
    """Return which private key is in a text, in words, or None; however it is packed.

    Args:
        data: The text.
    """
    for how, text in disguise.layers(data):
        found = _clear(text)
        if found:
            return f"{found}, {how}" if how else found
    return None


def _clear(text: bytes) -> str | None:
    match = PRIVATE.search(text)
    if match:
        label = match["label"].decode().lower()
        return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
    if AGE.search(text):
        return "a private key of age"
    return "a private key of PuTTY" if PUTTY.search(text) else None
