"""The folder that stands for a machine's root: what a config says never leads out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.butane.check.root import Root

if TYPE_CHECKING:
    from pathlib import Path


def test_put(file: Any, room: Path) -> None:
    """A file is where the machine has it, and known by the path that a program says."""
    root, content = Root(room), file("/etc/a.conf", "a\n")

    assert root.put(content)
    assert (room / "etc/a.conf").read_bytes() == b"a\n"
    assert root.content(f"{room}/etc/a.conf") is content
    assert root.content("/etc/b.conf") is None


@given(path=st.text(st.sampled_from("a./"), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_paths_stay_inside(room: Path, path: str) -> None:
    """No path leads above the folder, however often it goes up."""
    assert Root(room).real(path).resolve().is_relative_to(room)


@pytest.mark.parametrize("path", ["/etc/out/file", "/etc/out", "/" + "a" * 300, "/file/below"])
def test_not_written(room: Path, tmp_path: Path, path: str) -> None:
    """Through a link that leads out, below a file, or under a name too long, nothing is written."""
    root, outside = Root(room), tmp_path / "outside"
    outside.mkdir()
    root.link("/etc/out", str(outside))
    root.write("/file", b"")

    assert not root.write(path, b"x")
    root.link(f"{path}/link", "anywhere")
    assert list(outside.iterdir()) == []


def test_links_in_a_circle(room: Path) -> None:
    """Links that lead to each other lead nowhere."""
    root = Root(room)
    root.link("/a", "b")
    root.link("/b", "a")

    assert not root.write("/a", b"")
    assert not root.write("/b/file", b"")


def test_links_are_kept(room: Path) -> None:
    """What is there already stays what it is."""
    root = Root(room)
    root.link("/a", "first")
    root.link("/a", "second")

    assert str((room / "a").readlink()) == "first"
