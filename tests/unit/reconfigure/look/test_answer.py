"""What a machine says is read with care: what makes no sense is not taken for something."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.look import answer
from toolbox.lib.reconfigure.look.survey import UnitFacts

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SAID = {
    "extra": "\n",
    "originals": "\n",
    "kinds": "f-l\n",
    "stat": "81a4 0 0 1:2 0\na1ff 0 0 1:3 4\n",
    "sums": f"\\{EMPTY}  /etc/a\\nb\n",
    "links": "else\0",
    "chosen": " 0\n",
    "contents": "",
    "facts": "systemd\nboot 1234\n",
    "end": "",
}
ASKED = {"/etc/a\nb": "-", "/etc/none": "-", "/etc/l": "-"}


def _said(**changes: str | None) -> bytes:
    parts = SAID | {name: text for name, text in changes.items() if text is not None}
    gone = {name for name, text in changes.items() if text is None}
    text = "".join(f"\n== {name} m\n{part}" for name, part in parts.items() if name not in gone)
    return text.encode()


def test_read() -> None:
    """All parts together are a survey."""
    survey = answer.read(_said(), "m", ASKED)

    assert survey is not None
    assert survey.nodes["/etc/a\nb"].digest == EMPTY
    assert survey.nodes["/etc/a\nb"].contents is not None
    assert survey.nodes["/etc/l"].kind is Kind.LINK
    assert survey.nodes["/etc/l"].target == "else"
    assert "/etc/none" not in survey.nodes
    assert (survey.systemd, survey.ostree, survey.boot_id) == (True, False, "1234")


def test_what_tells_a_file_from_another() -> None:
    """It is the same after another boot, when its device has another number, and no other is."""

    def facts(stat: str) -> str:
        survey = answer.read(_said(stat=f"{stat}\na1ff 0 0 1:3 4\n"), "m", ASKED)
        assert survey is not None
        return survey.nodes["/etc/a\nb"].facts

    here = facts("81a4 0 0 1:2 0")
    assert facts("81a4 0 0 9:2 0") == here
    assert here not in {facts(it) for it in ("81a4 0 0 1:9 0", "81a0 0 0 1:2 0", "81a4 0 7 1:2 0")}


@pytest.mark.parametrize(
    "changes",
    [
        {"end": None},
        {"kinds": "f-\n"},
        {"kinds": "ffl\n"},
        {"stat": "81a4 0 0 1:2 0\n"},
        {"stat": "81a4 0 0 1:2\na1ff 0 0 1:3 4\n"},
        {"stat": "zzzz 0 0 1:2 0\na1ff 0 0 1:3 4\n"},
        {"sums": "\n"},
        {"sums": "no digest  x\n"},
        {"links": ""},
        {"chosen": "x\n"},
        {"etc/passwd": "core:x:one:1:::\n"},
    ],
)
def test_nonsense(changes: dict[str, str | None]) -> None:
    """Parts that do not fit each other are no survey."""
    assert answer.read(_said(**changes), "m", ASKED) is None


def test_contents_of_another_file() -> None:
    """Contents whose hash is another one were changed meanwhile, and are left out."""
    stat = SAID["stat"].replace("1:2 0", "1:2 3")
    survey = answer.read(_said(contents="abc", stat=stat), "m", ASKED)

    assert survey is not None
    assert survey.nodes["/etc/a\nb"].contents is None


SHOWN = (
    "Id=real.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
    "CanReload=yes\nNeedDaemonReload=no\n"
)
REAL = UnitFacts("loaded", "active", "enabled", can_reload=True)


def test_units() -> None:
    """Units are known by the names that they were asked by, instances by their own."""
    text = f"{SHOWN}\nId=web@a.service\nLoadState=loaded\nNeedDaemonReload=yes\n"

    units = answer._units(text, ["alias.service", "web@*.service"])

    assert units == {
        "alias.service": REAL,
        "web@a.service": UnitFacts("loaded", "", "", stale=True),
    }


def test_units_of_which_one_lacks() -> None:
    """Where systemd left one out, the others are known by their own names."""
    assert answer._units(SHOWN, ["a.service", "real.service"]) == {"real.service": REAL}
    assert answer._units("", ["a.service"]) == {}
