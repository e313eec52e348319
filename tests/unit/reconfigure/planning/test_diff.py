"""Texts are compared line by line; anything else is not."""

from __future__ import annotations

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.planning.diff import MOST_LINES, unified


def test_texts() -> None:
    """A line that changed stands there as it was and as it is."""
    said = unified("/etc/a", Blob(b"one\n"), Blob(b"two\n"))
    assert said == "--- /etc/a\n+++ /etc/a\n@@ -1 +1 @@\n-one\n+two\n"


def test_the_end_of_the_last_line() -> None:
    """Two texts that differ only there do differ."""
    assert "\\ No newline" in unified("/etc/a", Blob(b"one"), Blob(b"one\n"))


def test_nothing_there() -> None:
    """What is new or gone is compared with nothing."""
    assert unified("/etc/a", None, Blob(b"x\n")).startswith("--- /dev/null\n")
    assert "+++ /dev/null\n" in unified("/etc/a", Blob(b"x\n"), None)


def test_no_texts() -> None:
    """What is equal, no text, or too large has no difference that could be shown."""
    for before, after in ((b"x", b"x"), (b"\0", b"x"), (b"x", b"\xff"), (b"x", b"x\n" * 2**18)):
        assert not unified("/etc/a", Blob(before), Blob(after))


def test_long_ones_are_cut() -> None:
    """Of many lines the first are shown, and how many there are more."""
    said = unified("/etc/a", None, Blob(b"x\n" * 1000))
    assert len(said.splitlines()) == MOST_LINES + 1
    assert "more lines" in said
