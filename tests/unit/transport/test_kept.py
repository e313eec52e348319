"""A client stays open for as long as the same machines are to be reached."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.transport import kept
from toolbox.lib.transport.ssh import Client, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = Endpoint("web", "127.0.0.1", 22, "ssh-ed25519 A")
DB = Endpoint("db", "127.0.0.1", 23, "ssh-ed25519 B")
PARENT = Path("/run")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was opened and closed."""
    words: list[str] = []

    @contextmanager
    def opened(endpoints: Any, *_: Any) -> Iterator[Client]:
        names = " ".join(endpoint.name for endpoint in endpoints)
        words.append(f"open {names}")
        yield Client(Path(names))
        words.append(f"close {names}")

    monkeypatch.setattr(kept, "client", opened)
    return words


def test_kept(told: list[str]) -> None:
    """The second time the same client is given; it ends with the block."""
    with kept.Kept() as held:
        first = held.client([WEB], Secret("k"), "k", PARENT)
        assert held.client([WEB], Secret("k"), "k", PARENT) is first
        assert told == ["open web"]
    assert told == ["open web", "close web"]


def test_others(told: list[str]) -> None:
    """Other machines need another client, and the first one ends before."""
    with kept.Kept() as held:
        held.client([WEB], Secret("k"), "k", PARENT)
        held.client([WEB, DB], Secret("k"), "k", PARENT)
        held.client([WEB, DB], Secret("l"), "l", PARENT)
    assert told == [
        *("open web", "close web"),
        *("open web db", "close web db"),
        *("open web db", "close web db"),
    ]


def test_never_opened(told: list[str]) -> None:
    """Where no client was asked for, none ends; an error comes through."""
    with pytest.raises(KeyError), kept.Kept():
        raise KeyError
    assert told == []
