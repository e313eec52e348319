"""The units of a config by name: which file of several wins, and what is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import units
from toolbox.lib.butane.check.quadlet import Generated
from toolbox.lib.butane.contents import Contents, Unit
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolbox.lib.butane.check.units import Units
    from toolbox.lib.butane.contents import Content

    Gather = Callable[..., Units]


@pytest.fixture
def gather(file: Callable[..., Content]) -> Gather:
    """Return what gathers units from files, units of the config and links."""

    def of(
        files: dict[str, str],
        stated: Iterable[Unit] = (),
        links: dict[str, str] | None = None,
        made: Iterable[Generated] = (),
        *,
        user: bool = False,
    ) -> Units:
        contents = {path: file(path, text) for path, text in files.items()}
        every = Contents(contents, tuple(stated), links or {})
        return units.gather(every, made, user=user)

    return of


def test_which_wins(gather: Gather, file: Any) -> None:
    """/etc wins over /usr, and an item of the config over both; drop-ins add up."""
    stated = Unit("c.service", Place("x"), file("", "config"), (file("/etc/x/2.conf", "two"),))
    found = gather(
        {
            "/etc/systemd/system/a.service": "etc",
            "/usr/lib/systemd/system/a.service": "usr",
            "/usr/lib/systemd/system/b.service": "usr",
            "/etc/systemd/system/c.service": "etc",
            "/etc/systemd/system/c.service.d/1.conf": "one",
            "/etc/systemd/system/c.service.d/readme": "no",
            "/etc/systemd/system/no-unit": "no",
            "/etc/systemd/user/d.service": "a person's",
        },
        [stated],
    )

    texts = {name: content.text for name, content in found.defined.items()}
    assert texts == {"a.service": "etc", "b.service": "usr", "c.service": "config"}
    assert [part.text for part in found.dropins["c.service"]] == ["one", "two"]


def test_persons(gather: Gather) -> None:
    """Those of persons are a world of their own, at home or for all of them."""
    found = gather(
        {
            "/etc/systemd/user/a.service": "all",
            "/home/core/.config/systemd/user/b.service": "home",
            "/etc/systemd/system/c.service": "system",
        },
        user=True,
    )

    assert sorted(found.defined) == ["a.service", "b.service"]


@pytest.mark.parametrize(
    ("stated", "links"),
    [
        ([Unit("a.service", Place("x"), None, masked=True)], {}),
        ([], {"/etc/systemd/system/a.service": "/dev/null"}),
    ],
    ids=["mask", "link"],
)
def test_masked(gather: Gather, stated: list[Unit], links: dict[str, str]) -> None:
    """A unit that is masked is not there."""
    assert gather({"/etc/systemd/system/a.service": ""}, stated, links).defined == {}


def test_made_by_podman(gather: Gather, file: Any) -> None:
    """A unit of podman gives way to a file of its name; its lines are those of the quadlet."""
    quadlet = file("a.container", "[Container]\nImage=x\n[Service]\nRestart=no\n")
    text = "# made\n[Service]\nRestart=always\nExecStart=podman\n"
    made = [Generated(f"{name}.service", text, quadlet, user=False) for name in "ab"]

    found = gather({"/etc/systemd/system/b.service": "mine"}, made=made)

    assert list(found.generated) == ["a.service"]
    assert found.defined["b.service"].text == "mine"
    unit = found.defined["a.service"]
    assert [unit.at(line).line for line in (3, 4, 99)] == [4, 1, 1]


def test_installed_in(gather: Gather) -> None:
    """Only what [Install] says counts."""
    text = (
        "[Unit]\nWantedBy=no.target\n[Install]\nWantedBy=a.target b.target\nRequiredBy=c.target\n"
    )
    found = gather({"/etc/systemd/system/a.service": text})

    assert found.installed_in("a.service") == ("a.target", "b.target", "c.target")
    assert found.installed_in("nowhere.service") == ()
