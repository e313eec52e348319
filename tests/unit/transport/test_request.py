"""Requests of strangers become values, or are refused within narrow bounds."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.transport.offer import SILENT, Refused, Request
from toolbox.lib.transport.request import CHUNK, LARGEST_HEAD, Reader

GET = b"GET /web HTTP/1.1\r\nHost: x\r\nVerification-Hash: a b\r\n\r\n"


def read(data: bytes, *, largest_body: int = 0, chunk: int = CHUNK) -> Request | None:
    """Feed data as a connection would."""
    reader = Reader(largest_body)
    for start in range(0, len(data), chunk):
        request = reader.feed(data[start : start + chunk])
        if request is not None:
            return request
    return None


@pytest.mark.parametrize("chunk", [1, 7, CHUNK])
def test_whole(chunk: int) -> None:
    """A request is read in pieces of any size."""
    request = read(GET, chunk=chunk)

    headers = (("host", "x"), ("verification-hash", "a b"))
    assert request == Request("GET", "/web", headers)


def test_not_whole_yet() -> None:
    """Half a request is none yet."""
    assert read(GET[:-1]) is None
    assert read(b"") is None


@pytest.mark.parametrize("body", [b"Content-Length: 3\r\n\r\nabc", b"Content-Length: 0\r\n\r\n"])
def test_body(body: bytes) -> None:
    """A body within its bound is part of it."""
    request = read(b"POST / HTTP/1.1\r\nHost: x\r\n" + body, largest_body=3)

    assert request is not None
    assert request.body == body.partition(b"\r\n\r\n")[2]


def test_chunked_body() -> None:
    """A body in chunks is put together."""
    data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    request = read(data + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", largest_body=3)

    assert request is not None
    assert request.body == b"abc"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00garbage\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /web\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /web HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /web HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /we b HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ),
        (
            b"GET / HTTP/1.1\r\nX: " + b"x" * 20000,
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
    ],
)
def test_refused(data: bytes, status: HTTPStatus) -> None:
    """What is no request, or too large, is refused at once, with words of our own."""
    with pytest.raises(Refused) as caught:
        read(data, largest_body=3)
    assert caught.value.status is status
    assert not caught.value.matters
    assert "garbage" not in caught.value.reason


def test_hung_up() -> None:
    """The end of a connection before a request is told as that."""
    with pytest.raises(Refused, match=SILENT):
        Reader().feed(b"")


def test_a_head_is_bounded() -> None:
    """No more than its bound and one read is ever kept of a head."""
    reader = Reader()
    for _ in range(LARGEST_HEAD // CHUNK):
        assert reader.feed(b"x" * CHUNK) is None
    with pytest.raises(Refused):
        reader.feed(b"x" * CHUNK)


def test_answer() -> None:
    """An answer has its length and type, and says that nothing follows."""
    reader = Reader()
    reader.feed(GET)

    head, _, body = reader.answer(HTTPStatus.OK, b"{}", "application/json").partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 2" in head
    assert b"Connection: close" in head
    assert b"Content-Type: application/json" in head


def test_r_2_5_serve_once_answer_to_head() -> None:
    """An answer to HEAD has no body."""
    reader = Reader()
    reader.feed(GET.replace(b"GET", b"HEAD"))

    assert reader.answer(HTTPStatus.OK, b"{}").endswith(b"\r\n\r\n")


def test_no_second_answer() -> None:
    """Where no answer may be, none is made."""
    reader = Reader()
    reader.feed(GET)
    reader.answer(HTTPStatus.OK)

    assert reader.answer(HTTPStatus.OK) == b""


@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes(data: bytes, chunk: int) -> None:
    """Any bytes make a request, none yet, or a refusal, however they are cut."""

    def outcome(size: int) -> object:
        try:
            return read(b"GET / HTTP/1.1\r\nHost: x\r\n" + data, chunk=size)
        except Refused as refused:
            return refused.status

    assert outcome(chunk) == outcome(CHUNK)
