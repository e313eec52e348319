"""Quadlets: which belong together, and what podman's generator makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import quadlet
from toolbox.lib.core.errors import ProgramMissing

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "/etc/containers/systemd"
podman = pytest.mark.needs("podman")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{FOLDER}/a.container", ""),
        (f"{FOLDER}/below/a.container", ""),
        (f"{FOLDER}/users/a.container", f"{FOLDER}/users"),
        (f"{FOLDER}/users/1000/a.container", f"{FOLDER}/users/1000"),
        (f"{FOLDER}/users/1000", f"{FOLDER}/users"),
        ("/home/core/.config/containers/systemd/a.pod", "/home/core/.config/containers/systemd"),
        (FOLDER, None),
        ("/etc/containers/a.container", None),
    ],
)
def test_folder_of(path: str, expected: str | None) -> None:
    """The system's quadlets are one group, those of each person another."""
    assert quadlet.folder_of(path) == expected


def test_groups(file: Any) -> None:
    """Persons see what is for all of them; a folder without quadlets is no group."""
    paths = (f"{FOLDER}/a.env", f"{FOLDER}/users/all.container", f"{FOLDER}/users/7/own.container")
    found = quadlet.groups({path: file(path) for path in paths})

    names = {top: [content.path for content in group] for top, group in found.items()}
    assert names == {f"{FOLDER}/users": [paths[1]], f"{FOLDER}/users/7": [paths[2], paths[1]]}


@podman
@pytest.mark.parametrize(("newer", "expected"), [(True, "db.service"), (False, "db.container")])
def test_dependencies(file: Any, room: Path, newer: bool, expected: str) -> None:
    """Only a newer podman makes names of units of names of quadlets."""
    text = "[Unit]\nAfter=network-online.target db.container\n[Container]\nImage=localhost/x\n"
    files = [file(f"{FOLDER}/{name}.container", text) for name in ("web", "db")]

    judged = quadlet.judge(files, room, user=False, newer=newer)

    web = next(unit for unit in judged.units if unit.name == "web.service")
    assert judged.findings == ()
    assert f"After=network-online.target {expected}\n" in web.text


@podman
def test_only_what_is_given(file: Any, room: Path) -> None:
    """Quadlets of the place that judges are none of the machine's."""
    judged = quadlet.judge(
        [file(f"{FOLDER}/a.volume", "[Volume]\n")], room, user=False, newer=False
    )

    assert [unit.name for unit in judged.units] == ["a-volume.service"]


def test_without_podman(file: Any, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the generator is missing, nothing is taken for right."""
    monkeypatch.setattr(quadlet, "GENERATORS", ("/nowhere/quadlet",))

    with pytest.raises(ProgramMissing):
        quadlet.judge([file(f"{FOLDER}/a.volume")], room, user=False, newer=False)
