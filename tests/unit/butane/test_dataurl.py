"""Data URLs are decoded as Ignition decodes them, which is asked here as well."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import tempfile
import urllib.parse
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.butane import dataurl
from toolbox.lib.butane.dataurl import ResourceError
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACCEPTED = {
    "data:,": b"",
    "data:,a%20b+c": b"a b+c",
    "data:,%00%ff%C3%A9": b"\0\xff\xc3\xa9",
    "data:,a,b;c=d?e/f:g@h!$&'()*~": b"a,b;c=d?e/f:g@h!$&'()*~",
    "data:;base64,": b"",
    "data:;base64,YSBi": b"a b",
    "data:;base64,YQ==": b"a",
    "data:;base64,+/8=": b"\xfb\xff",
    "data:text/plain,x": b"x",
    "data:text/,x": b"x",
    "data:textual/weird+xml,x": b"x",
    "data:x-own/kind,x": b"x",
    "data:X-/,x": b"x",
    "data:text/plain;charset=utf-8;base64,eA==": b"x",
    'data:text/plain;name="a,b;c";base64,eA==': b"x",
    r'data:;name="q\"\\\x41é",x'.replace("é", r"\u00e9"): b"x",
    "data:;base64=no,x": b"x",
    "data:;name=%41,x": b"x",
    "data:application/octet-stream;base64,AAEC": b"\0\1\2",
}
REFUSED = (
    "data:",
    "data:x",
    "DATA:,x",
    "data:plain,x",
    "data:plain/text,x",
    "data:TEXT/plain,x",
    "data:text/plain/more,x",
    "data:text/plain;,x",
    "data:;charset,x",
    "data:;charset=,x",
    "data:;=x,x",
    "data:;base64;a=b,eA==",
    "data:;BASE64,eA==",
    'data:;a="b,x',
    'data:;a="b"c,x',
    r'data:;a="\q",x',
    r'data:;a="\ud800",x',
    r'data:;a="\400",x',
    "data:;a=%zz,x",
    "data:;base64,eA",
    "data:;base64,eA=",
    "data:;base64,eHh4=",
    "data:;base64,e===",
    "data:;base64,eA==eA==",
    "data:;base64,_-8=",
    "data:;base64,eA%3D%3D",
    "data:,a b",
    'data:,"',
    "data:,<",
    "data:,>",
    "data:,#",
    "data:,{",
    "data:,[",
    "data:,|",
    "data:,^",
    "data:,`",
    "data:,\\",
    "data:,é",
    "data:,\x7f",
    "data:,\n",
    "data:,%",
    "data:,%4",
    "data:,%zz",
    "data:,100%",
)

Resources = list[dict[str, Any]]


def ignition(resources: Sequence[Mapping[str, Any]]) -> list[bytes] | None:
    """Return what Ignition makes of resources, None when it refuses them."""
    files = [
        {"path": f"/{number}", "contents": dict(resource)}
        for number, resource in enumerate(resources)
    ]
    config = {"ignition": {"version": "3.4.0"}, "storage": {"files": files}}
    with tempfile.TemporaryDirectory() as folder:
        result = run(
            ["ignition-apply", "--root", folder, "--offline", "-"],
            stdin=json.dumps(config),
            timeout=60,
            check=False,
        )
        if not result.ok:
            return None
        return [(Path(folder) / str(number)).read_bytes() for number in range(len(files))]


def ours(resource: Mapping[str, Any]) -> bytes | None:
    """Return what we make of a resource, None when we refuse it."""
    try:
        return dataurl.contents(resource)
    except ResourceError:
        return None


@pytest.mark.needs("ignition-apply")
def test_accepted() -> None:
    """What Ignition takes is decoded to the same bytes."""
    assert {url: dataurl.decode(url) for url in ACCEPTED} == ACCEPTED
    assert ignition([{"source": url} for url in ACCEPTED]) == list(ACCEPTED.values())


@pytest.mark.needs("ignition-apply")
@pytest.mark.parametrize("url", REFUSED)
def test_refused(url: str) -> None:
    """What Ignition refuses is refused."""
    with pytest.raises(ResourceError):
        dataurl.decode(url)
    assert ignition([{"source": url}]) is None


@given(st.binary())
def test_round_trip_base64(data: bytes) -> None:
    """Bytes in Base64 come back."""
    assert dataurl.decode(f"data:;base64,{base64.b64encode(data).decode()}") == data


@given(st.binary(), st.sampled_from(["", "text/plain", 'text/x;n="a,b"']))
def test_round_trip_percent(data: bytes, kind: str) -> None:
    """Bytes in percent-encoding come back, behind any media type."""
    assert dataurl.decode(f"data:{kind},{urllib.parse.quote(data, safe='')}") == data


@given(st.lists(st.binary(), min_size=1))
def test_round_trip_gzip(parts: list[bytes]) -> None:
    """What gzip has compressed comes back, in several members, too."""
    packed = b"".join(gzip.compress(part) for part in parts)
    assert dataurl.unpacked(packed, "gzip") == b"".join(parts)


@given(st.binary(), st.sampled_from([None, "", "gzip", "xz"]))
def test_no_crash_unpacking(data: bytes, compression: str | None) -> None:
    """Whatever is unpacked, it is refused or fits."""
    with suppress(ResourceError):
        assert len(dataurl.unpacked(data, compression, 64)) <= max(64, len(data))


PIECES = st.sampled_from(
    [
        *(
            "data:",
            "text/plain",
            "x-a/b",
            ";",
            "=",
            ",",
            '"',
            "base64",
            ";base64,",
            "a",
            "eA==",
            "%41",
        ),
        *("%", "\\", "+", " ", "é", "?", "#", "/", "{", "YQ", "\\n", "\\x41", ";a=b", ';a="b,c"'),
    ]
)


@pytest.mark.needs("ignition-apply")
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=8).map("".join))
def test_as_ignition(rest: str) -> None:
    """Any data URL is taken or refused as Ignition takes or refuses it."""
    resource = {"source": f"data:{rest}"}
    mine, theirs = ours(resource), ignition([resource])
    assert (None if mine is None else [mine]) == theirs


def _packed(data: bytes) -> str:
    return f"data:;base64,{base64.b64encode(data).decode()}"


@pytest.mark.needs("ignition-apply")
@pytest.mark.parametrize(
    "resource",
    [
        {"source": _packed(gzip.compress(b"hello")), "compression": "gzip"},
        {"source": _packed(gzip.compress(b"a") + gzip.compress(b"b")), "compression": "gzip"},
        {"source": _packed(gzip.compress(b"a")), "compression": ""},
        {"source": _packed(gzip.compress(b"a"))},
        {"source": _packed(gzip.compress(b"hello")[:-3]), "compression": "gzip"},
        {"source": _packed(gzip.compress(b"hello") + b"more"), "compression": "gzip"},
        {"source": _packed(b"hello"), "compression": "gzip"},
        {"source": "data:,", "compression": "gzip"},
        {"source": "data:,a", "compression": "xz"},
        {"source": ""},
        {
            "source": "data:,a",
            "verification": {"hash": f"sha256-{hashlib.sha256(b'a').hexdigest()}"},
        },
        {
            "source": "data:,a",
            "verification": {"hash": f"sha512-{hashlib.sha512(b'a').hexdigest()}"},
        },
        {
            "source": "data:,a",
            "verification": {"hash": f"sha256-{hashlib.sha256(b'b').hexdigest()}"},
        },
        {"source": "data:,a", "verification": {"hash": "sha256-00"}},
        {"source": "data:,a", "verification": {"hash": "md5-0cc175b9c0f1b6a831c399e269772661"}},
        {"source": "data:,a", "verification": {"hash": "sha256"}},
        {
            "source": _packed(gzip.compress(b"hello")),
            "compression": "gzip",
            "verification": {"hash": f"sha256-{hashlib.sha256(b'hello').hexdigest()}"},
        },
        {
            "source": _packed(gzip.compress(b"hello")),
            "compression": "gzip",
            "verification": {
                "hash": f"sha256-{hashlib.sha256(gzip.compress(b'hello')).hexdigest()}"
            },
        },
    ],
)
def test_resources_as_ignition(resource: dict[str, Any]) -> None:
    """Compression and hash are taken or refused as Ignition does, with the same bytes."""
    mine, theirs = ours(resource), ignition([resource])
    assert (None if mine is None else [mine]) == theirs


def test_bomb() -> None:
    """What would fill the memory is refused before it does."""
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(ResourceError, match="more than 1000 bytes"):
        dataurl.unpacked(bomb, "gzip", 1000)
    assert len(dataurl.unpacked(bomb, "gzip", 50_000_000)) == 50_000_000


@pytest.mark.parametrize("resource", [{}, {"source": None}, {"source": "https://example.org/x"}])
def test_not_here(resource: dict[str, Any]) -> None:
    """What only the machine can fetch, or what is nothing, has no bytes here."""
    assert dataurl.contents(resource) is None


def test_reasons() -> None:
    """A refusal says what is wrong, and what to do where that can be said."""
    with pytest.raises(ResourceError) as caught:
        dataurl.decode("data:,100%")
    assert caught.value.message == "'%' is no percent-encoded byte"
    assert caught.value.hint == "a percent sign itself is %25"
    with pytest.raises(ResourceError, match=re.escape("'{' must be percent-encoded")):
        dataurl.decode("data:,{}")
