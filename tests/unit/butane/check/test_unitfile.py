"""Units are read line by line as systemd reads them (systemd.syntax(7))."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane.check import unitfile
from toolbox.lib.butane.check.unitfile import Entry

WORD = st.text(st.sampled_from("abcXYZ019-./"), min_size=1, max_size=8)
NOTHING = st.sampled_from(["", "# a=b", "; a=b", "  ", "no setting"])


@given(st.lists(st.tuples(WORD, WORD, st.lists(WORD, min_size=1, max_size=3), NOTHING)))
def test_entries(settings: list[tuple[str, str, list[str], str]]) -> None:
    """Each setting is found at the line where it begins, whatever stands between them."""
    lines: list[str] = []
    expected = []
    for section, key, words, nothing in settings:
        lines += [nothing, f"[{section}]"]
        expected.append(Entry(len(lines) + 1, section, key, "  ".join(words)))
        lines += (f"{key}=" + " \\\n".join(words)).split("\n")

    found = unitfile.entries("\n".join(lines))

    assert found == tuple(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[A]\na=1 \\\n# between\n  2\nb=3", [(2, "a", "1  2"), (5, "b", "3")]),
        ("a = \nb=c=d", [(1, "a", ""), (2, "b", "c=d")]),
        ("[A]\r\na=1\r\n", [(2, "a", "1")]),
        ("a=1 \\", []),
        ("", []),
    ],
    ids=["comment", "equals", "crlf", "unfinished", "empty"],
)
def test_lines(text: str, expected: list[tuple[int, str, str]]) -> None:
    """Comments do not end a value, blanks around a sign are none of it."""
    assert [(item.line, item.key, item.value) for item in unitfile.entries(text)] == expected


def test_section_line() -> None:
    """A section is at its first line, or nowhere."""
    assert unitfile.section_line("#\n [Unit] \n[Service]\n[Unit]", "Unit") == 2
    assert unitfile.section_line("[Units]", "Unit") is None


def test_words() -> None:
    """An empty value forgets those before it."""
    entries = unitfile.entries("A=1 2\nB=x\nA=\nA=3\nC=4")

    assert unitfile.words(entries, "A", "C") == ("3", "4")
    assert unitfile.words(entries, "D") == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a@b.service", "a@.service"), ("a@.service", None), ("a.service", None), ("a", None)],
)
def test_template_of(name: str, expected: str | None) -> None:
    """Only an instance has a template."""
    assert unitfile.template_of(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start a.service, b@%i.timer", ["a.service", "b@%i.timer"]),
        ("dev-vdb.device -.mount", ["dev-vdb.device", "-.mount"]),
        ("/etc/a.service a.services %n.service", []),
    ],
)
def test_names(text: str, expected: list[str]) -> None:
    """Names of units are found in texts, and paths are none."""
    assert unitfile.NAME.findall(text) == expected
