"""Whether a request matches is a plain decision, and what was refused is kept within bounds."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address, ip_network

import pytest

from toolbox.lib.transport.offer import (
    MOST_KINDS,
    OTHERS,
    Offer,
    Refused,
    Register,
    Request,
    wanted,
)

OFFER = Offer(
    "web",
    "/a",
    b"{}",
    headers={"X-One": "1"},
    sources=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    client_name="web.test",
)
RIGHT = Request("GET", "/a", (("host", "x"), ("x-one", "1")))
SOURCE = ip_address("192.0.2.7")
CLIENT = ("web.test",)


@pytest.mark.parametrize("source", ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"])
def test_wanted(source: str) -> None:
    """A request that matches in everything gets its offer, over IPv4 and IPv6."""
    other = replace(OFFER, name="db", path="/b")

    assert wanted([other, OFFER], RIGHT, ip_address(source), CLIENT) is OFFER


@pytest.mark.parametrize(
    ("request_", "source", "client", "status"),
    [
        (replace(RIGHT, target="/A"), SOURCE, CLIENT, HTTPStatus.NOT_FOUND),
        (replace(RIGHT, target="/a/"), SOURCE, CLIENT, HTTPStatus.NOT_FOUND),
        (replace(RIGHT, target="/é"), SOURCE, CLIENT, HTTPStatus.NOT_FOUND),
        (RIGHT, ip_address("198.51.100.1"), CLIENT, HTTPStatus.FORBIDDEN),
        (RIGHT, SOURCE, None, HTTPStatus.UNAUTHORIZED),
        (RIGHT, SOURCE, (), HTTPStatus.FORBIDDEN),
        (RIGHT, SOURCE, ("web.test.evil",), HTTPStatus.FORBIDDEN),
        (replace(RIGHT, method="get"), SOURCE, CLIENT, HTTPStatus.METHOD_NOT_ALLOWED),
        (replace(RIGHT, headers=()), SOURCE, CLIENT, HTTPStatus.PRECONDITION_FAILED),
        (
            replace(RIGHT, headers=(("x-one", "1"), ("x-one", "1"))),
            SOURCE,
            CLIENT,
            HTTPStatus.PRECONDITION_FAILED,
        ),
        (
            replace(RIGHT, headers=(("x-one", "1 "),)),
            SOURCE,
            CLIENT,
            HTTPStatus.PRECONDITION_FAILED,
        ),
        (replace(RIGHT, body=b"x"), SOURCE, CLIENT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_refused(
    request_: Request, source: object, client: tuple[str, ...] | None, status: HTTPStatus
) -> None:
    """One thing that does not match is enough, and matters where the path was known."""
    with pytest.raises(Refused) as caught:
        wanted([OFFER], request_, source, client)  # type: ignore[arg-type]
    assert caught.value.status is status
    assert caught.value.matters is (status is not HTTPStatus.NOT_FOUND)


def test_the_path_is_decided_first() -> None:
    """Who knows no path learns nothing else."""
    with pytest.raises(Refused) as caught:
        wanted([OFFER], replace(RIGHT, target="/", method="PUT"), ip_address("::1"), None)
    assert caught.value.status is HTTPStatus.NOT_FOUND


def test_payload_and_headers_do_not_print() -> None:
    """An offer that is printed by mistake shows neither."""
    shown = repr(replace(OFFER, payload=b"secret", headers={"X": "token"}))

    assert "secret" not in shown
    assert "token" not in shown


def test_foreign_words_are_cut() -> None:
    """A method of any length is told in a few characters."""
    with pytest.raises(Refused) as caught:
        wanted([OFFER], replace(RIGHT, method="X" * 5000), SOURCE, CLIENT)
    assert len(caught.value.reason) < 50


def test_register() -> None:
    """Equal refusals are counted, and those that matter stand first."""
    register = Register()
    for _ in range(3):
        register.add(SOURCE, Refused("first"))
    register.add(SOURCE, Refused("second", offer="web"))

    one, two = register.all()
    assert (one.reason, one.matters, one.count) == ("second", True, 1)
    assert (two.reason, two.matters, two.count) == ("first", False, 3)


def test_a_flood_is_counted_together() -> None:
    """Of too many kinds the rest is counted together, and what matters stays apart."""
    register = Register()
    for number in range(MOST_KINDS + 100):
        register.add(SOURCE, Refused(str(number)))
    register.add(SOURCE, Refused("late", offer="web"))

    found = register.all()
    assert len(found) == MOST_KINDS + 2
    assert {item.count for item in found if item.source == OTHERS} == {100, 1}
    assert found[0].offer == "web"
