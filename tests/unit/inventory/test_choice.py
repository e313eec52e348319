"""Hosts are chosen by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.choice import chosen, named, parted
from toolbox.lib.inventory.host import Host
from toolbox.lib.inventory.project import Project


def _project(*names: str) -> Project:
    hosts = tuple(Host(name, f"{name}.x", "debian", Path(name)) for name in names)
    return Project("example", "x", Path(), hosts)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["db", "web"]),
        (["web"], ["web"]),
        (["web", "db"], ["web", "db"]),
        (["web", "web"], ["web"]),
    ],
)
def test_chosen(names: list[str], found: list[str]) -> None:
    """Each name gives its host once, no name all of them."""
    assert [host.name for host in chosen(_project("db", "web"), names)] == found


@pytest.mark.parametrize(
    ("name", "hint"), [("wbe", "did you mean web?"), ("mail", "its hosts are db, web")]
)
def test_unknown(name: str, hint: str) -> None:
    """An unknown name is an error of the call, with what may be meant."""
    with pytest.raises(UsageError, match=f"example has no host {name}") as caught:
        chosen(_project("db", "web"), ["web", name])

    assert caught.value.hint == hint


def test_only_one() -> None:
    """The only host needs no name."""
    assert [host.name for host in named(_project("web"), [])] == ["web"]


def test_which_one() -> None:
    """Of several hosts one has to be named."""
    with pytest.raises(UsageError, match="which host is meant") as caught:
        named(_project("db", "web"), [])

    assert caught.value.hint == "name one or more of db, web"


def test_parted() -> None:
    """Words hold one name each, or several with commas between."""
    assert parted(["web", "db,mail", ",", ""]) == ["web", "db", "mail"]
