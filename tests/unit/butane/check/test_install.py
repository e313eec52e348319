"""What starts units, beside what the golden cases show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import install, units
from toolbox.lib.butane.contents import Contents, Unit
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEM = "/etc/systemd/system"
SERVICE = "[Service]\nExecStart=/bin/true\n"
INSTALLED = f"{SERVICE}[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture
def judge(file: Any) -> Callable[..., list[str]]:
    """Return what judges the unit web.service beside other files, those without a path units."""

    def judged(
        others: dict[str, str],
        enabled: str = "",
        shipped: str = "",
        links: dict[str, str] | None = None,
    ) -> list[str]:
        texts = {"web.service": SERVICE} | others
        paths = {name if "/" in name else f"{SYSTEM}/{name}": text for name, text in texts.items()}
        files = {path: file(path, text) for path, text in paths.items()}
        stated = [Unit(enabled, Place("x"), None, enabled=True)] if enabled else []
        contents = Contents(files, tuple(stated), links or {})
        mine = units.gather(contents, (), user=False)
        found = install.judge(mine, contents, frozenset({shipped}))
        return [f"{item.code} {item.message}" for item in found]

    return judged


def test_nobody(judge: Any) -> None:
    """A unit that nothing starts is told."""
    assert judge({}) == ["never-started nothing starts web.service"]


def test_link(judge: Any) -> None:
    """A link in a folder of wants starts it, under any name."""
    links = {f"{SYSTEM}/a.target.wants/web.service": "../web.service"}
    alias = {f"{SYSTEM}/www.service": "web.service"}

    assert judge({}, links=links) == []
    assert judge({"a.service.d/1.conf": "[Unit]\nWants=www.service\n"}, links=alias) == []


@pytest.mark.parametrize(
    "others",
    [
        {"/usr/local/bin/start": "#!/bin/sh\nsystemctl start web\n"},
        {"/etc/udev/rules.d/1.rules": 'ENV{SYSTEMD_WANTS}+="web.service"\n'},
        {"ssh.service.d/1.conf": "[Unit]\nWants=web.service\n"},
    ],
    ids=["script", "rule", "dropin"],
)
def test_somebody(judge: Any, others: dict[str, str]) -> None:
    """A script, a rule, and a drop-in of another unit start it."""
    assert judge(others) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.timer", "[Timer]\nOnBootSec=1\nUnit=web.service\n"),
        ("web.socket", "[Socket]\nListenStream=1\n"),
        ("web.path", "[Path]\nPathExists=/x\n"),
        ("a.service", "[Unit]\nOnFailure=web.service\n"),
        ("a.service", "[Service]\nExecStart=systemctl start web\n"),
        ("a@.service", "[Unit]\nRequires=web.service\n"),
    ],
)
def test_by_a_unit(judge: Any, name: str, text: str) -> None:
    """A unit that is started itself starts it, and one that is not does not."""
    installed = f"{text}[Install]\nWantedBy=multi-user.target\n"
    instance = name.replace("@.", "@x.")

    assert judge({name: installed}, instance) == []
    assert judge({name: text}) != []


def test_started_with_another(judge: Any) -> None:
    """Of units that start each other in vain the first one is told, or all in a circle."""
    chain = {"a.timer": "[Timer]\nOnBootSec=1\nUnit=web.service\n"}
    circle = dict.fromkeys(("b.service", "c.service"), "[Unit]\nWants=b.service c.service\n")

    assert judge(chain) == ["never-started nothing starts a.timer"]
    assert judge(circle, shipped="web.service") == [
        "never-started nothing starts b.service",
        "never-started nothing starts c.service",
    ]


def test_order_is_no_start(judge: Any) -> None:
    """After= and its like start nothing."""
    text = f"[Unit]\nAfter=web.service\nPartOf=web.service\n{INSTALLED}"

    assert judge({"a.service": text}, "a.service") == ["never-started nothing starts web.service"]


def test_mounts(judge: Any) -> None:
    """A mount is started for a path below it."""
    mount = "[Mount]\nWhat=x\nWhere=/srv/a-b\n"
    unit = f"[Unit]\nRequiresMountsFor=/srv/a-b/c\n{INSTALLED}"

    found = judge({"srv-a\\x2db.mount": mount, "a.service": unit}, "a.service", "web.service")

    assert found == []


def test_what_systemd_ships(judge: Any) -> None:
    """A unit in the place of one that systemd brings is started by it."""
    assert judge({}, shipped="web.service") == []


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [("a@.service", SERVICE, 1), ("a@.service", INSTALLED, 0), ("b.service", SERVICE, 0)],
)
def test_enabled_instance(judge: Any, name: str, text: str, count: int) -> None:
    """An instance is enabled in vain if its template says nothing; others may be known there."""
    found = judge({name: text}, "a@1.service", "web.service")

    assert sum("enabled-in-vain" in item for item in found) == count
