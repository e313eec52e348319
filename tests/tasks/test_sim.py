"""What tasks of a simulation say where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def test_logs_of_a_machine_that_never_was(invoke: Any, folder: Path) -> None:
    """A console that does not exist is a failure, not an empty line."""
    (folder / "hosts").mkdir()
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts/web.yaml").write_text("")

    ended = invoke("sim.logs", "web")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: web has printed nothing: it was never booted here\n")


def test_logs_of_an_unknown_host(invoke: Any) -> None:
    """A name that no host has is a mistake of the call."""
    assert invoke("sim.logs", "nobody").code == 2
