"""Steps tell on stderr what is done and for how long."""

from __future__ import annotations

import re

import pytest

from toolbox.lib.core.steps import collected, note, step


def test_nested(capsys: pytest.CaptureFixture[str]) -> None:
    """Inner steps and notes are indented below their outer step."""
    with step("Boot"):
        note("kernel")
        with step("Wait"):
            note("ssh")

    told = capsys.readouterr()
    assert not told.out
    assert re.sub(r"\d+\.\d s", "0 s", told.err) == (
        "• Boot\n  kernel\n  • Wait\n    ssh\n  ✓ Wait (0 s)\n✓ Boot (0 s)\n"
    )


def test_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that fails is told apart, and the next one stands where it stood."""
    with pytest.raises(KeyboardInterrupt), step("Boot"):
        raise KeyboardInterrupt
    note("after")

    assert re.search(r"^✗ Boot \(\d\.\d s\)\nafter\n\Z", capsys.readouterr().err, re.MULTILINE)


def test_collected() -> None:
    """Ended steps are kept with their depth and outcome, inner ones first."""
    before = len(collected())
    with step("Outer"), step("Inner"):
        pass

    steps = collected()[before:]
    assert [(item.title, item.depth, item.ok) for item in steps] == [
        ("Inner", 1, True),
        ("Outer", 0, True),
    ]
    assert steps[1].seconds >= steps[0].seconds


def test_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """INFRA_QUIET silences the steps."""
    monkeypatch.setenv("INFRA_QUIET", "1")
    with step("Boot"):
        note("kernel")

    assert not capsys.readouterr().err
