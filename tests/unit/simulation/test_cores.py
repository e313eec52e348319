"""Virtual CPUs: emulated machines share the cores, accelerated ones have what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies

from toolbox.lib.simulation import cores

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project


@pytest.mark.parametrize(
    ("machines", "there", "share"), [(1, 2, 2), (2, 2, 1), (3, 2, 1), (3, 8, 2), (0, 4, 4)]
)
def test_share(machines: int, there: int, share: int) -> None:
    """Machines share the cores; each has one at least."""
    assert cores.share(machines, there) == share


@given(strategies.integers(1, 100), strategies.integers(1, 256))
def test_share_is_fair(machines: int, there: int) -> None:
    """All together have no more than there are, unless each has one only."""
    share = cores.share(machines, there)
    assert share == 1 or share * machines <= there


@pytest.mark.parametrize(
    ("wanted", "accelerator", "got"), [(4, "tcg", 2), (1, "tcg", 1), (4, "kvm", 4)]
)
def test_given(wanted: int, accelerator: str, got: int) -> None:
    """Only emulated machines get less than they ask for."""
    assert cores.given(wanted, accelerator, 2) == got


def test_of_a_project(project: Project) -> None:
    """The hosts of a project share the cores of this habitat."""
    assert cores.per_machine(project) >= 1


def test_spared() -> None:
    """It is said which machines got less, and nothing when none did."""
    wanted = {"web": 2, "small": 1, "db": 4}
    told = cores.spared(wanted, {"web": 1, "small": 1, "db": 1})
    assert told
    assert told.startswith("web, db: 1 virtual CPU for now")
    assert cores.spared(wanted, wanted) is None
