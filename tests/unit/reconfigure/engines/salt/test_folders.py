"""A folder that stands for a machine's root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.reconfigure.engines.salt import folders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/etc/a", "etc/a"),
        ("/absolute/a", "etc/a"),
        ("/relative/a", "etc/sub/a"),
        ("/out/a", "a"),
        ("/link", "link"),
        ("/missing/b/c", "missing/b/c"),
    ],
)
def test_links_lead_nowhere_else(tmp_path: Path, path: str, where: str) -> None:
    """Links on the way are followed inside of the folder, the last part is not."""
    (tmp_path / "etc/sub").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to("/etc")
    (tmp_path / "relative").symlink_to("etc/sub")
    (tmp_path / "out").symlink_to("../../..")
    (tmp_path / "link").symlink_to("/etc")
    assert folders.inside(tmp_path)(path) == str(tmp_path / where)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A circle is given up, as the kernel does."""
    (tmp_path / "a").symlink_to("/a/b")
    assert folders.inside(tmp_path)("/a/c").startswith(str(tmp_path))


def test_owners_have_the_numbers_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are looked up in the folder's own databases; what is not there is refused."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("odd\nweb:x:33:34::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("web:x:44:\n")
    owner = folders.owners(tmp_path)
    assert [owner("web", "user"), owner("web", "group"), owner(7, "user")] == [33, 44, 7]
    assert [owner("root", "user"), owner("12", "group")] == [0, 12]
    with pytest.raises(UsageError, match="there is no user nobody"):
        owner("nobody", "user")


def test_an_ordinary_user_gives_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not set owners sets none."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert folders.owners(tmp_path)("web", "user") is None


def test_a_machine_keeps_its_names(tmp_path: Path) -> None:
    """On a machine paths and owners are what they are; in a folder no unit is touched."""
    machine, folder = folders.place("", "/b"), folders.place(str(tmp_path), "/b")
    assert (machine.at("/etc/a"), machine.owner("web", "user")) == ("/etc/a", "web")
    assert machine.systemd
    assert not folder.systemd
