"""A server listens where machines reach it, also in a container, or it is said what to do."""

from __future__ import annotations

import socket

import pytest

from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.habitat.place import Habitat, Kind
from toolbox.lib.provision.door import VARIABLE, advice, opened
from toolbox.lib.provision.handover import desk

NATIVE = Habitat(Kind.NATIVE, "", image=False)
LAUNCHER = Habitat(Kind.LAUNCHER, "podman", image=True)
CONTAINER = Habitat(Kind.CONTAINER, "podman", image=True)
TOOLBOX = Habitat(Kind.TOOLBOX, "podman", image=False)
OUTSIDE = desk("192.0.2.1")


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("place", [NATIVE, LAUNCHER])
def test_own_address(place: Habitat, port: int) -> None:
    """An address of this place is listened on, and no other."""
    with opened(desk("127.0.0.1"), port, named=True, place=place) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize("published", ["{}", "8443:{}", "192.0.2.1:8443:{}"])
def test_published(published: str, port: int) -> None:
    """Behind a published port all addresses of the container are listened on."""
    with opened(
        OUTSIDE, port, named=True, place=LAUNCHER, published=published.format(port)
    ) as listener:
        assert listener.getsockname() == ("0.0.0.0", port)


def test_other_port_published(port: int) -> None:
    """Another port than the published one would be reached by nobody."""
    with pytest.raises(HabitatError, match=r"the container publishes 1:2$") as refused:
        opened(OUTSIDE, port, named=True, place=LAUNCHER, published="1:2")
    assert refused.value.hint == f"--listen 2, or {VARIABLE}={port} ./infra prod.serve …"


def test_unknown_address(port: int) -> None:
    """What machines ask at is the host's address, which a container does not know."""
    with pytest.raises(UsageError, match="not known in here"):
        opened(desk(), port, named=False, place=LAUNCHER, published=str(port))


@pytest.mark.parametrize("place", [LAUNCHER, CONTAINER])
def test_not_published(place: Habitat, port: int) -> None:
    """The host's address cannot be listened on in a container: it is said how to publish."""
    with pytest.raises(HabitatError, match="publishes no port") as refused:
        opened(OUTSIDE, port, named=True, place=place)
    assert refused.value.hint == advice(place, port)
    assert str(port) in advice(place, port)


@pytest.mark.parametrize("place", [NATIVE, TOOLBOX])
def test_without_container(place: Habitat, port: int) -> None:
    """Elsewhere nothing is published, and an address that is not ours is just that."""
    with pytest.raises(HabitatError, match=r"nothing can listen on 192\.0\.2\.1"):
        opened(OUTSIDE, port, named=True, place=place)
    assert advice(place, port) == ""


def test_taken(port: int) -> None:
    """A port that is taken is told as such, in a container, too."""
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(HabitatError, match="in use"),
    ):
        opened(desk("127.0.0.1"), port, named=True, place=LAUNCHER)
