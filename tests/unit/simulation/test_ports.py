"""Ports are the same each time, free, and below the kernel's own."""

from __future__ import annotations

import socket

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.simulation import ports
from toolbox.lib.simulation.ports import FIRST, LAST, choose, is_free, require_free


@pytest.fixture
def taken() -> int:
    """Return a port that somebody listens on."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_choice_is_stable() -> None:
    """The same seed gives the same port, inside of our range."""
    assert choose(1, ()) == choose(1, ())
    assert FIRST <= choose(2**127, ()) < LAST


def test_given_away() -> None:
    """A port that was given away is not given again."""
    first = choose(1, ())

    assert choose(1, {first}) != first


def test_around_the_end() -> None:
    """The search begins anew at the end of the range."""
    last = LAST - 1

    assert FIRST <= choose(last - FIRST, {last}) < last


def test_listening(taken: int) -> None:
    """A port that somebody listens on is not free."""
    assert not is_free(taken)
    with pytest.raises(HabitatError, match=f"port {taken}, which web forwards") as caught:
        require_free(taken, host="web", guest_port=22)
    assert "hosts/web.yaml" in str(caught.value.hint)


def test_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every port is taken it is said so."""
    monkeypatch.setattr(ports, "is_free", lambda _port: False)

    with pytest.raises(HabitatError, match="no TCP port"):
        choose(1, ())
