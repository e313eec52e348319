"""Which Butane files of a host count: include and exclude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import selection
from toolbox.lib.butane.render import render
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from conftest import Workbench

ALL = ["butane/base/unit.bu", "butane/p.bu", "modules/m/m.bu", "hosts/web/a.bu", "hosts/web/s/b.bu"]


@pytest.fixture
def full(bench: Workbench) -> Workbench:
    """Return a project whose hosts web and db have files in each layer; db has no module."""
    bench.write({"a.bu": "", "s/b.bu": "", "../../modules/m/m.bu": "", "../../butane/p.bu": ""})
    bench.write({"../db.yaml": "", "../db/d.bu": ""})
    (bench.root / "hosts/web/linked").symlink_to("../../modules/m")
    return bench


def chosen(bench: Workbench, *, host: str = "", project: str = "") -> tuple[list[str], list[str]]:
    """Return the files of web that count, and the findings; modules are named."""
    (bench.root / "hosts/web.yaml").write_text(f"modules: [m]\n{host}\n")
    (bench.root / "project.yaml").write_text(f"name: example\n{project}\n")
    loaded = load(bench.root)
    found = selection.of(loaded, loaded.hosts[1])
    return [file.name for file in found.files], [item.render() for item in found.findings]


def test_everything(full: Workbench) -> None:
    """Without patterns all files count."""
    assert chosen(full) == (ALL, [])


@pytest.mark.parametrize(
    ("host", "left"),
    [
        ("exclude: [butane/base/unit.bu]", ALL[1:]),
        ("exclude: ['butane/*', 'hosts/web/s/*']", ALL[2:4]),
        ("exclude: [modules/m/*]", [*ALL[:2], *ALL[3:]]),
        ("include: ['*']", ALL),
        ("include: ['hosts/*/a.bu', '*/[mp].bu']", ALL[1:4]),
        ("include: ['hosts/web/*']\nexclude: [hosts/web/a.bu]", ALL[4:]),
    ],
)
def test_patterns(full: Workbench, host: str, left: list[str]) -> None:
    """An include leaves only what it means; an exclude wins over it."""
    assert chosen(full, host=host) == (left, [])
    assert chosen(full, project=host) == (left, [])


def test_both_files_count(full: Workbench) -> None:
    """The patterns of the project and of the host count together."""
    assert chosen(full, project="include: ['butane/*']", host="include: ['modules/*']") == (
        ALL[:3],
        [],
    )


def test_a_linked_module(full: Workbench) -> None:
    """A linked module goes by both of its names."""
    (full.root / "hosts/web.yaml").write_text("exclude: [hosts/web/linked/*]\n")
    project = load(full.root)
    found = selection.of(project, project.hosts[1])
    assert [file.name for file in found.files] == [*ALL[:2], *ALL[3:]]
    assert not found.findings


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("modules/n/*", "\n  hint: did you mean modules/m/*?"),
        ("hosts/web/b.bu", "\n  hint: did you mean hosts/web/s/b.bu?"),
        ("hosts/web", "\n  hint: hosts/web/* means all that is in the folder"),
        ("", ""),
    ],
)
def test_a_pattern_that_means_nothing(full: Workbench, pattern: str, hint: str) -> None:
    """A pattern without a file is a warning at its line, with what may have been meant."""
    left, findings = chosen(full, host=f"exclude:\n  - '{pattern}'")
    assert left == ALL
    message = f"warning[unmatched-pattern]: {pattern} means no Butane file{hint}"
    assert findings == [f"hosts/web.yaml:3:5: {message}"]


def test_a_pattern_of_the_project(full: Workbench) -> None:
    """A project's pattern may mean files of another host; one that means none warns everywhere."""
    left, findings = chosen(full, project="exclude: [hosts/db/d.bu, hosts/bd/d.bu]")
    assert left == ALL
    assert findings == [
        (
            "project.yaml:2:26: warning[unmatched-pattern]: hosts/bd/d.bu means no Butane file\n"
            "  hint: did you mean hosts/db/d.bu?"
        )
    ]


def test_warnings_leave_rendering(full: Workbench) -> None:
    """A pattern that means nothing does not keep a host from being made."""
    (full.root / "hosts/web.yaml").write_text("exclude: [x]\n")
    project = load(full.root)
    with render(project, project.hosts[1], full.identity) as config:
        assert [item.code for item in config.warnings] == ["unmatched-pattern"]


def test_only_texts(full: Workbench) -> None:
    """A pattern that is no text is a mistake."""
    (full.root / "hosts/web.yaml").write_text("include: [[a]]\n")
    with pytest.raises(Exception, match="mistake"):
        load(full.root)
