"""Consoles are read: how far a boot is, and whether it has failed.

A case is a file ``consoles/<name>.txt``; ``<name>.expected`` holds the phase and the failure.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolbox.lib.machine.console import Phase, Reading, read, tail, text_of

CASES = sorted(Path(__file__).with_name("consoles").glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_read(case: Path) -> None:
    """A console tells the phase and the failure that are expected of it."""
    phase, *failure = case.with_suffix(".expected").read_text().splitlines()

    assert read(case.read_text()) == Reading(Phase(phase), failure[0] if failure else None)


def test_there_are_cases() -> None:
    """The folder of cases has been found."""
    assert CASES


def test_power_on() -> None:
    """An empty console is one of a machine that was switched on."""
    assert read("") == Reading(Phase.POWER, None)


def test_escape_sequences(tmp_path: Path) -> None:
    """Colours, titles, cursor movements and carriage returns are no text."""
    log = tmp_path / "console.log"
    log.write_bytes(
        b"\x1bc\x1b[?7l\x1b[2J\x1b[0m\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\x07plain\x1b]8;;url\x1b\\x\n"
    )

    assert text_of(log) == "red\nplainx\n"


def test_earlier_boots_are_left_out(tmp_path: Path) -> None:
    """What was printed before this boot does not count, nor do bytes that are no text."""
    log = tmp_path / "console.log"
    log.write_bytes(b"Kernel panic - not syncing\n\xff Linux version 6.12\n")

    text = text_of(log, start=27)

    assert read(text) == Reading(Phase.KERNEL, None)
    assert text.startswith("\N{REPLACEMENT CHARACTER} ")


def test_no_console(tmp_path: Path) -> None:
    """A machine that never ran has said nothing."""
    assert text_of(tmp_path / "none") == ""


def test_tail() -> None:
    """The last lines that say something are shown."""
    assert tail("a\n\nb\n   \nc\n\n", 2) == "b\nc"
    assert tail("") == ""
