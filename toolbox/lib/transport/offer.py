"""What is offered once to a machine, and whether a request for it matches: plain decisions."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address, IPv4Network, IPv6Network

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network
    Mismatch = tuple[HTTPStatus, str]

MOST_KINDS = 500
"""Refusals that are told one by one; what comes from more places is told together."""

OTHERS = "others"
SHOWN = 16
"""Characters of foreign words that are told."""

SILENT = "it hung up before it asked for anything"
TOO_LARGE = "its body is too large"


@dataclass(frozen=True, slots=True)
class Offer:
    """A payload that is given away once, to who asks for it exactly so.

    Attributes:
        name: Whom it is for.
        path: Path of its URL, with all that follows; nobody can guess it.
        payload: What it is; secret.
        method: HTTP method.
        headers: Headers that a request must have, each once and with this value.
        sources: Networks that the request may come from; any where none is named.
        client_name: Name in the client certificate that is wanted; None where none is.
        largest_body: Bytes that the body of a request may have.
        content_type: What the payload is, for the client.
    """

    name: str
    path: str
    payload: bytes = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sources: tuple[Network, ...] = ()
    client_name: str | None = None
    largest_body: int = 0
    content_type: str = "application/vnd.coreos.ignition+json"

    def admits(self, source: Address) -> bool:
        """Tell whether a request for it may come from an address."""
        return not self.sources or any(plain(source) in network for network in self.sources)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came.

    Attributes:
        method: HTTP method.
        target: Path with all that follows.
        headers: Names in lower case, and values.
        body: What came behind them.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class Refused(Exception):
    """A request that is not answered with a payload.

    Attributes:
        reason: What did not match, for who serves.
        status: What the client is told; None where it is told nothing.
        offer: Name of the offer that it was for, where it knew one.
        matters: Whether it knew an offer and was not what it claimed to be.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: HTTPStatus | None = None,
        offer: str = "",
        matters: bool | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.offer = offer
        self.matters = bool(offer) if matters is None else matters


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, for a report.

    Attributes:
        source: Address that it came from, or `OTHERS`.
        reason: What did not match.
        offer: Name of the offer that it was for; empty where it knew none.
        matters: Whether it knew an offer and was not what it claimed to be.
        count: How often.
    """

    source: str
    reason: str
    offer: str
    matters: bool
    count: int = 1


def plain(address: Address) -> Address:
    """Return an address as it is, also where IPv6 has wrapped an IPv4 one."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def wanted(
    offers: Sequence[Offer], request: Request, source: Address, client_names: Sequence[str] | None
) -> Offer:
    """Return the offer that a request is for, if it matches in everything.

    Args:
        offers: All offers.
        request: The request.
        source: Where it came from.
        client_names: Names in the client's certificate, which was checked; None without one.

    Raises:
        Refused: Something does not match; the first thing is told.
    """
    # Reason: each is compared, and in the same time, so that no path can be felt out.
    known = [offer for offer in offers if _same(offer.path, request.target)]
    if not known:
        reason = "its path is none of ours"
        raise Refused(reason, status=HTTPStatus.NOT_FOUND)
    offer = known[0]
    found = (
        _wrong_client(offer, source, client_names)
        or _wrong_method(offer, request)
        or _wrong_headers(offer, request)
        or _wrong_body(offer, request)
    )
    if found:
        status, reason = found
        raise Refused(reason, status=status, offer=offer.name)
    return offer


def _wrong_client(
    offer: Offer, source: Address, client_names: Sequence[str] | None
) -> Mismatch | None:
    if not offer.admits(source):
        return HTTPStatus.FORBIDDEN, "it may not come from this address"
    if offer.client_name is None:
        return None
    if client_names is None:
        return HTTPStatus.UNAUTHORIZED, "it has no client certificate"
    if offer.client_name not in client_names:
        told = ", ".join(client_names) or "nobody"
        return HTTPStatus.FORBIDDEN, f"its client certificate is of {told}"
    return None


def _wrong_method(offer: Offer, request: Request) -> Mismatch | None:
    if request.method == offer.method:
        return None
    return HTTPStatus.METHOD_NOT_ALLOWED, f"its method is {request.method[:SHOWN]}"


def _wrong_headers(offer: Offer, request: Request) -> Mismatch | None:
    for name, value in offer.headers.items():
        given = [held for key, held in request.headers if key == name.lower()]
        if len(given) != 1:
            many = "more than once" if given else "not at all"
            return HTTPStatus.PRECONDITION_FAILED, f"it has the header {name} {many}"
        if not _same(value, given[0]):
            return HTTPStatus.PRECONDITION_FAILED, f"its header {name} has another value"
    return None


def _wrong_body(offer: Offer, request: Request) -> Mismatch | None:
    if len(request.body) <= offer.largest_body:
        return None
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="surrogatepass"))


class Register:
    """What was refused so far; equal ones are counted, and a flood of them does not fill it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, bool], int] = {}

    def add(self, source: Address, refused: Refused) -> None:
        """Count a refusal."""
        key = (str(plain(source)), refused.reason, refused.offer, refused.matters)
        if key not in self._counts and len(self._counts) >= MOST_KINDS:
            key = (OTHERS, "too many to tell them all", refused.offer, refused.matters)
        self._counts[key] = self._counts.get(key, 0) + 1

    def all(self) -> tuple[Refusal, ...]:
        """Return them, those that matter first."""
        found = (Refusal(*key, count=count) for key, count in self._counts.items())
        return tuple(sorted(found, key=lambda item: (not item.matters, item.source, item.reason)))
