"""A change that is interrupted at any of its steps is finished, or taken back, by the next one.

The steps are counted by the script itself. At each of them a shell is killed (SIGKILL), all of them
are (a power cut, as far as a folder knows one), or the step fails.
"""

from __future__ import annotations

import copy
import shutil
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site


def source(text: str) -> dict[str, str]:
    """Return contents of a file as a config has them."""
    return {"source": f"data:;base64,{b64encode(text.encode()).decode()}"}


BEFORE: dict[str, Any] = {
    "storage": {
        "files": [
            {"path": "/etc/changes", "contents": source("before")},
            {"path": "/etc/goes", "mode": 0o600, "contents": source("a secret that goes")},
            {"path": "/opt/old/deep", "contents": source("x")},
            {"path": "/etc/grows", "append": [source("one\n")]},
            {"path": "/srv/kind", "overwrite": True, "contents": source("a file")},
            {"path": "/srv/folder/inside", "contents": source("of a folder that goes")},
            {"path": "/srv/joins", "contents": source("after")},
        ],
        "links": [
            {"path": "/etc/link", "target": "changes"},
            {"path": "/srv/parts", "target": "/etc/changes", "hard": True},
        ],
    }
}
AFTER: dict[str, Any] = {
    "storage": {
        "files": [
            {"path": "/etc/changes", "mode": 0o4755, "contents": source("after")},
            {"path": "/etc/secret", "mode": 0o600, "contents": source("a secret that comes")},
            {"path": "/opt/new/deep", "contents": source("x")},
            {"path": "/etc/grows", "append": [source("two\n")]},
            {"path": "/srv/kind/inside", "contents": source("of a folder")},
            {"path": "/srv/folder", "contents": source("a file now")},
            {"path": "/srv/parts", "contents": source("before")},
        ],
        "directories": [{"path": "/srv/kind", "overwrite": True, "mode": 0o750}],
        "links": [
            {"path": "/etc/link", "target": "elsewhere"},
            {"path": "/opt/hard", "target": "/etc/changes", "hard": True},
            {"path": "/srv/joins", "target": "/etc/changes", "hard": True},
        ],
    },
    "systemd": {"units": [{"name": "masked.service", "mask": True}]},
}


def _interrupted(site: Site, config: dict[str, Any], fault: str) -> None:
    try:
        report = site.bring(config, INFRA_FAULT=fault)
    except ToolboxError:
        return
    assert report is not None
    assert not report.ok


def _fresh(site: Site, pristine: Path) -> None:
    shutil.rmtree(site.root)
    shutil.copytree(pristine, site.root, symlinks=True)


@pytest.fixture
def points(site: Site, tmp_path: Path) -> tuple[list[str], Path, list[dict[str, Any]]]:
    """The steps of the change, a copy of the folder before it, and both trees."""
    site.bring(BEFORE)
    trees: list[dict[str, Any]] = [copy.deepcopy(site.tree())]
    pristine = tmp_path / "pristine"
    shutil.copytree(site.root, pristine, symlinks=True)
    told = tmp_path / "points"
    site.bring(AFTER, INFRA_FAULT="list", INFRA_FAULT_LIST=str(told))
    trees.append(site.tree())
    assert "/opt/old" not in trees[1]
    steps = [line.removeprefix("# ") for line in told.read_text().splitlines()]
    assert len(steps) > 30
    return steps, pristine, trees


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["kill", "power", "fail"])
def test_next_change_finishes(
    site: Site, points: tuple[list[str], Path, list[dict[str, Any]]], kind: str
) -> None:
    """Whatever step it was interrupted at, the same change once more gives the same tree."""
    steps, pristine, (_before, after) = points
    for step in steps:
        _fresh(site, pristine)
        _interrupted(site, AFTER, f"{step}:{kind}")
        if kind == "kill":
            # Reason: who watches the change is not killed, and has put everything away.
            assert not list(site.root.rglob("*.tmp")), step

        site.bring(AFTER)

        assert site.tree() == after, step
        assert not site.left(), step
        assert site.bring(AFTER) is None, step


@pytest.mark.timeout(900)
def test_next_change_goes_back(
    site: Site, points: tuple[list[str], Path, list[dict[str, Any]]]
) -> None:
    """Whatever step it was interrupted at, the way back leaves nothing of it."""
    steps, pristine, (before, _after) = points
    for step in steps:
        _fresh(site, pristine)
        _interrupted(site, AFTER, f"{step}:power")

        site.bring(BEFORE)

        assert site.tree() == before, step
        assert not site.left(), step


@pytest.mark.timeout(900)
def test_second_change_is_interrupted_anywhere(
    site: Site, points: tuple[list[str], Path, list[dict[str, Any]]]
) -> None:
    """A change that follows one that was cut off is cut off itself, at each of its steps."""
    steps, pristine, (before, _after) = points
    for again in range(1, 99):
        _fresh(site, pristine)
        _interrupted(site, AFTER, f"{steps[len(steps) // 2]}:power")
        try:
            site.bring(BEFORE, INFRA_FAULT=f"{again}:power")
        except ToolboxError:
            site.bring(BEFORE)
        else:
            break

        assert site.tree() == before, again
        assert not site.left(), again
    assert again > 20


@pytest.mark.timeout(900)
def test_way_back_is_interrupted_too(
    site: Site, points: tuple[list[str], Path, list[dict[str, Any]]]
) -> None:
    """What was begun is not forgotten when the way back is interrupted as well."""
    steps, pristine, (before, _after) = points
    for step in steps[::3]:
        for again in ("5", "8"):
            _fresh(site, pristine)
            _interrupted(site, AFTER, f"{step}:power")
            try:
                site.bring(BEFORE, INFRA_FAULT=f"{again}:power")
            except ToolboxError:
                site.bring(BEFORE)

            assert site.tree() == before, (step, again)
            assert not site.left(), (step, again)
