"""What a change was going to do tells what of it is there, whoever asks next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.reconfigure.history import intent, record
from toolbox.lib.reconfigure.history.record import Placed, Record, RecordError

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.history.intent import Intent

OURS, OTHER = Placed("file", "a" * 64), Placed("file", "b" * 64)
KNOWN = Record(
    3, "sha256-a", nodes={"/etc/x": OURS, "/etc/stays": OURS}, units={"a.service": "enabled"}
)
AFTER = Record(
    4,
    "sha256-b",
    nodes={"/etc/x": OTHER, "/etc/new": OTHER, "/etc/right": OTHER},
    units={"a.service": "disabled", "b.service": "masked"},
    users={"me": "c" * 64},
)
STOOD = {"/etc/x": "file 1", "/etc/new": "", "/etc/goes": "file 2"}
BEGUN = intent.of(AFTER, STOOD, KNOWN)


@pytest.mark.parametrize("begun", [BEGUN, intent.of(AFTER, STOOD, replace(KNOWN, config=""))])
def test_there_and_back(begun: Intent) -> None:
    """An intent is read as it was written."""
    assert intent.load(intent.dump(begun)) == begun
    assert intent.load(intent.dump(begun).encode()) == begun


def test_only_what_changes() -> None:
    """What was right already is nobody's before the change is done."""
    assert BEGUN.after.nodes.keys() == {"/etc/x", "/etc/new"}
    assert BEGUN.before is None
    assert intent.listing(BEGUN) == "/etc/goes\n/etc/new\n/etc/x\n"


@pytest.mark.parametrize(
    ("stands", "x", "new"),
    [
        ({"/etc/x": "file 1"}, OURS, None),
        ({"/etc/x": "file 9"}, OTHER, None),
        ({"/etc/x": "file 9", "/etc/new": "file 1"}, OTHER, OTHER),
        ({}, OURS, None),
    ],
)
def test_reached(stands: dict[str, str], x: Placed, new: Placed | None) -> None:
    """A path is what the change made of it where something else stands there now."""
    there = intent.reached(BEGUN, KNOWN, stands)

    assert (there.generation, there.config) == (3, "")
    assert there.nodes["/etc/x"] == x
    assert there.nodes.get("/etc/new") == new
    assert there.nodes["/etc/stays"] == OURS
    assert there.units == {"a.service": "enabled", "b.service": "masked"}
    assert there.users == AFTER.users


def test_first_change() -> None:
    """Where nothing was recorded before, only what it has made is there, of no generation."""
    there = intent.reached(intent.of(AFTER, STOOD, None), None, {"/etc/new": "file 1"})

    assert (there.generation, there.config, there.nodes) == (-1, "", {"/etc/new": OTHER})
    assert there.units == AFTER.units


def test_second_change_that_is_cut_off() -> None:
    """It knows what the first one had made, which no record says, and so does who undoes it."""
    first = intent.reached(BEGUN, KNOWN, {"/etc/x": "file 9", "/etc/new": "file 8"})
    stood = {"/etc/new": "file 8"}
    second = intent.of(replace(KNOWN, nodes={}), stood, first)

    assert second.before == first
    assert intent.listing(second) == "/etc/new\n/etc/stays\n/etc/x\n"
    for stands in ({}, stood):
        assert intent.reached(second, KNOWN, stands) == first
    assert second.undone is not None
    assert intent.reached(second.undone, KNOWN, {"/etc/new": "file 7"}) == first
    assert BEGUN.undone is None


def test_cut_off_when_it_was_recorded() -> None:
    """What is recorded is done, and what a change before it had begun is no more."""
    first = intent.reached(BEGUN, KNOWN, {"/etc/x": "file 9"})
    done = Record(4, "sha256-c", nodes={"/etc/right": OTHER}, units={"c.service": "enabled"})
    second = intent.of(done, {"/etc/right": ""}, first)

    assert intent.reached(second, done, {"/etc/right": "file 7"}) == replace(done, config="")


def test_odd_names() -> None:
    """A path that holds the end of a line is told apart, and not listed for a shell."""
    odd = intent.of(AFTER, {"/etc/a\nb": ""}, None)
    assert intent.load(intent.dump(odd)).stood == odd.stood
    assert intent.listing(odd) == ""
    before = Record(3, "", nodes={"/etc/a\u2028b": OURS})
    assert intent.listing(intent.of(AFTER, {}, before)) == "/etc/a\u2028b\n"


@pytest.mark.parametrize(
    "text",
    ["", "null", "{}\nnull\n{}", record.dump(KNOWN), record.dump(KNOWN) + "null\n[1]\n"],
)
def test_no_intent(text: str) -> None:
    """What is no intent is told."""
    with pytest.raises(RecordError):
        intent.load(text)
