"""Datagrams of PCP and NAT-PMP, byte for byte as their RFCs draw them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.transport import portmap
from toolbox.lib.transport.portmap import Mapped, Unanswered

NONCE = b"n" * 12
V4 = b"\0" * 10 + b"\xff\xff"
PCP_ANSWER = (
    b"\x02\x81\0\0\0\0\0\x78\0\0\0\x01" + b"\0" * 12  # RFC 6887, figure 3
    + NONCE + b"\x06\0\0\0\x20\xfb\xb9\x53" + V4 + bytes([198, 51, 100, 7])  # and 10
)  # fmt: skip
PMP_ANSWER = b"\0\x82\0\0\0\0\0\x01\x20\xfb\xb9\x53\0\0\0\x78"
MAPPED = Mapped(47443, 120, ip_address("198.51.100.7"))


def test_pcp_request() -> None:
    """A request has our address, the ports, the nonce and the wish for that very port."""
    asked = portmap.pcp_request("192.0.2.9", 8443, 47443, 120, NONCE)

    assert asked == (
        b"\x02\x01\0\0\0\0\0\x78" + V4 + bytes([192, 0, 2, 9])
        + NONCE + b"\x06\0\0\0\x20\xfb\xb9\x53" + V4 + b"\0\0\0\0" + b"\x02\0\0\0"
    )  # fmt: skip
    assert portmap.pcp_request("2001:db8::1", 1, 2, 3, NONCE)[8:12] == b"\x20\x01\x0d\xb8"


def test_pcp_answer() -> None:
    """An answer tells port, lifetime and address."""
    assert portmap.pcp_answer(PCP_ANSWER, 8443, NONCE) == MAPPED
    assert portmap.pcp_answer(PCP_ANSWER, 8443, b"x" * 12) is None
    assert portmap.pcp_answer(PCP_ANSWER, 8444, NONCE) is None


def test_nat_pmp() -> None:
    """A request is twelve bytes, an answer sixteen; a mapping that ends names no port."""
    assert portmap.pmp_request(8443, 47443, 120) == b"\0\x02\0\0\x20\xfb\xb9\x53\0\0\0\x78"
    assert portmap.pmp_request(8443, 47443, 0) == b"\0\x02\0\0\x20\xfb\0\0\0\0\0\0"
    assert portmap.pmp_answer(PMP_ANSWER, 8443) == Mapped(47443, 120)
    assert portmap.pmp_answer(PMP_ANSWER, 8444) is None
    answer = b"\0\x80\0\0\0\0\0\x01" + bytes([198, 51, 100, 7])
    assert portmap.pmp_address_answer(answer) == ip_address("198.51.100.7")


@pytest.mark.parametrize(("result", "words"), [(2, "does not allow"), (200, "it says 200")])
def test_reasons(result: int, words: str) -> None:
    """A refusal is told in words, an unknown one by its number."""
    refused = PCP_ANSWER[:3] + bytes([result]) + PCP_ANSWER[4:]
    with pytest.raises(Unanswered, match=words):
        portmap.pcp_answer(refused, 8443, NONCE)
    with pytest.raises(Unanswered, match=words):
        portmap.pmp_answer(b"\0\x82\0" + bytes([result]) + b"\0" * 12, 8443)


def test_an_older_router() -> None:
    """A router that knows NAT-PMP only answers PCP in that."""
    with pytest.raises(Unanswered, match="does not know PCP"):
        portmap.pcp_answer(b"\0\x80\0\x01\0\0\0\x01", 8443, NONCE)


@pytest.mark.parametrize(
    ("data", "mapped"),
    [
        (b"", None),
        (b"\x02", None),
        (b"\x02\x81" + b"\0" * 58, None),
        (b"\x02\x01" + b"\0" * 58, None),
        (b"\x02\x81" + b"\0" * 2000, None),
    ],
)
def test_pcp_answers(data: bytes, mapped: Mapped | None) -> None:
    """What is short, long, or another's is no answer."""
    assert portmap.pcp_answer(data, 8443, b"n" * 12) == mapped


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\x82", b"\0\x82" + b"\0" * 6, b"\0\x81" + b"\0" * 14, b"\0\x82" + b"\0" * 15],
)
def test_nat_pmp_answers(data: bytes) -> None:
    """What is short, long, or another's is no answer."""
    assert portmap.pmp_answer(data, 8443) is None
    assert portmap.pmp_address_answer(data) is None


@given(st.binary(max_size=80), st.sampled_from([b"", PCP_ANSWER[:4], PCP_ANSWER, PMP_ANSWER]))
def test_any_datagram(data: bytes, start: bytes) -> None:
    """Any datagram is an answer, none of ours, or a refusal."""
    for read in (
        lambda whole: portmap.pcp_answer(whole, 8443, NONCE),
        lambda whole: portmap.pmp_answer(whole, 8443),
        portmap.pmp_address_answer,
    ):
        with suppress(Unanswered):
            assert isinstance(read(start + data), Mapped | IPv4Address | None)
