"""What a text is wrapped in is opened, layer by layer, and never without a bound."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.vault import disguise

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = b"correct horse battery staple"


def _found(data: bytes) -> bool:
    return any(SECRET in text for _how, text in disguise.layers(data))


def _json(data: bytes) -> bytes:
    try:
        return json.dumps(data.decode()).encode()
    except UnicodeDecodeError:
        return data


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "base64": base64.b64encode,
    "url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "lines": base64.encodebytes,
    "percent": lambda data: quote(data).encode(),
    "json": _json,
}
KINDS = st.sampled_from(sorted(WRAPPINGS))


@given(st.binary(max_size=40), st.binary(max_size=40), st.lists(KINDS, max_size=3))
def test_wrappings(before: bytes, after: bytes, kinds: list[str]) -> None:
    """A text is found behind any three wrappings, wherever it stands in them."""
    data = before + SECRET + after
    for kind in kinds:
        data = b"key: " + WRAPPINGS[kind](data) + b"\n"

    assert _found(data)


def test_indented() -> None:
    """Base64 in a block of YAML is one text."""
    lines = base64.encodebytes(b"x" * 50 + SECRET * 5).decode().splitlines()
    yaml = "contents: |\n" + "".join(f"      {line}\n" for line in lines) + "mode: 0600\n"

    assert SECRET * 5 in b"".join(text for _how, text in disguise.layers(yaml.encode()))


def test_lines_in_json() -> None:
    """So it is with line ends that JSON has escaped."""
    text = json.dumps({"a": base64.encodebytes(SECRET * 9).decode()})

    assert any(SECRET * 9 in inner for _how, inner in disguise.layers(text.encode()))


def test_how() -> None:
    """How a text was wrapped is told, outermost first."""
    data = base64.b64encode(gzip.compress(SECRET))

    assert "base64 gzip" in {how for how, text in disguise.layers(data) if text == SECRET}


def test_depth() -> None:
    """Beyond the depth nothing is opened."""
    data = SECRET
    for _ in range(disguise.DEPTH):
        data = base64.b64encode(data)
    assert _found(data)
    data = base64.b64encode(data)

    assert not _found(data)


def test_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than is wanted is cut off."""
    monkeypatch.setattr(disguise, "LARGEST", 1000)
    texts = dict(disguise.layers(gzip.compress(b"\0" * 10_000_000)))

    assert len(texts["gzip"]) == 1000


@given(st.binary(max_size=300))
def test_anything(data: bytes) -> None:
    """Any bytes have layers, themselves first."""
    assert next(iter(disguise.layers(data))) == ("", data)
    assert list(disguise.layers(data))


@pytest.mark.parametrize("data", [b"a" * 100_000, b"\x1f\x8b\x08" * 1000, b"%41" * 30_000])
def test_quick(data: bytes) -> None:
    """Nothing takes long."""
    assert sum(1 for _ in disguise.layers(data)) < 10_000
