"""A simulation's folders and names are its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.simulation import layout

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.inventory.project import Project


def test_below_the_habitat(project: Project, habitat: Path) -> None:
    """All that is kept is in the state folder, nothing in the project."""
    where = layout.of(project)

    for path in (where.folder, where.pool, where.record("web"), where.workspace.folder):
        assert path.is_relative_to(habitat / "state")
    assert where.console("web").is_relative_to(habitat / "state")
    assert where.runtime.is_relative_to(habitat / "run")
    assert not project.root.exists()


def test_names_carry_the_label(project: Project) -> None:
    """Domains and pools can be told from others."""
    where = layout.of(project)

    assert where.label.startswith("example-")
    assert where.domain("web") == f"{where.label}-web"
    assert where.label in where.pool_name


def test_same_name_in_another_folder(project: Project, tmp_path: Path) -> None:
    """Two projects of one name do not share anything."""
    one, other = layout.of(project), layout.of(replace(project, root=tmp_path / "other"))

    assert one.folder != other.folder
    assert one.label != other.label


def test_found_without_reading_the_project(project: Project) -> None:
    """What a folder's project has is found by the folder alone, and nothing where there is none."""
    where = layout.of(project)
    assert layout.found(project.root) is None

    where.folder.mkdir(parents=True)

    assert layout.found(project.root) == where
    assert layout.found(project.root.parent) is None


def test_console_folder_is_private(project: Project) -> None:
    """What machines print is for their owner only."""
    assert layout.of(project).console("web").parent.stat().st_mode & 0o077 == 0
