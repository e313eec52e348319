"""Units before systemd's own eyes, in a world that is the machine's and not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import systemd, units
from toolbox.lib.butane.contents import Contents
from toolbox.lib.core.errors import ProgramFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("systemd-analyze")

SYSTEM = "/etc/systemd/system"


@pytest.fixture
def judge(file: Any, room: Path) -> Callable[..., list[str]]:
    """Return what judges units by their names and texts."""

    def judged(
        texts: dict[str, str], links: dict[str, str] | None = None, *, user: bool = False
    ) -> list[str]:
        top = "/etc/systemd/user" if user else SYSTEM
        files = {f"{top}/{name}": file(f"{top}/{name}", text) for name, text in texts.items()}
        mine = units.gather(Contents(files, (), links or {}), (), user=user)
        return [found.render() for found in systemd.judge(mine, room, newer=False)]

    return judged


def test_nothing(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without units no program is started."""
    monkeypatch.setenv("PATH", "/nonexistent")

    assert judge({}) == []


@pytest.mark.parametrize("user", [False, True])
def test_units_of_the_place(judge: Any, user: bool) -> None:
    """What the machine may have is no mistake, and what is here alone says nothing."""
    shipped = systemd.SHIPPED / ("user" if user else "system")
    names = sorted(path.name for path in shipped.glob("*.service"))
    assert names
    text = f"[Unit]\nRequires=nowhere.socket {names[0]}\n[Service]\nExecStart=/nowhere %i\n"

    assert judge({"a.service": text}, user=user) == []


def test_mistake_of_a_unit_that_is_here_too(judge: Any) -> None:
    """A unit of a name that the place has as well is judged by what the config says."""
    unknown, refused = judge({"systemd-journald.service": "[Service]\nType=oneshot\nColour=red\n"})

    assert unknown.startswith(
        f"{SYSTEM}/systemd-journald.service:3: warning[unit-ignored]: Unknown"
    )
    assert refused.startswith(f"{SYSTEM}/systemd-journald.service:1: error[unit-refused]: Service")


def test_links_lead_nowhere_else(judge: Any, tmp_path: Path) -> None:
    """A folder of the config that is a link does not let us write where it leads."""
    outside = tmp_path / "outside"
    outside.mkdir()
    text = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    wants = {
        f"{SYSTEM}/multi-user.target.wants": str(outside),
        f"{SYSTEM}/a.service.d": str(outside),
    }

    judge({"a.service": text, "a.service.d/1.conf": "[Service]\nNice=1\n"}, wants)

    assert list(outside.iterdir()) == []


def test_escaped_mount(judge: Any) -> None:
    """A stand-in for a mount is mounted where its name says."""
    text = "[Unit]\nRequires=srv-a\\x2db.mount -.mount\n[Service]\nExecStart=/bin/true\n"

    assert judge({"a.service": text}) == []


def test_it_cannot_begin(judge: Any, instead: Any) -> None:
    """A program that could not even look has not found the units right."""
    instead("systemd-analyze", "echo Failed to initialize manager: No such file >&2; exit 1")

    with pytest.raises(ProgramFailed, match="Failed to initialize manager"):
        judge({"a.service": "[Service]\nExecStart=/bin/true\n"})
