"""A project with two hosts, as the simulation sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.inventory.host import Forward, Host, Simulation
from toolbox.lib.inventory.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, habitat: Path) -> Project:
    """Return a project with the hosts ``db`` and ``web``."""
    del habitat
    sim = Simulation(forwards=(Forward(None, 80), Forward(21443, 443)))
    root = tmp_path / "example"
    hosts = (
        Host("db", "db.example.org", "debian", root / "hosts" / "db"),
        Host("web", "web.example.org", "debian", root / "hosts" / "web", sim=sim),
    )
    return Project("example", "example.org", root, hosts)
