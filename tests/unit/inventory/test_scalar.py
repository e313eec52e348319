"""Each line of a text in a YAML document is found where it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.inventory.document import Place, Scalar, Table, parse

WORDS = [f"w{number}x" for number in range(12)]


def lines(text: str) -> list[tuple[str, int | None]]:
    """Return the lines of the value of ``key``, each with the line it was written on."""
    node, findings = parse(text, "f")
    assert not findings
    assert isinstance(node, Table)
    value = node.get("key")
    assert isinstance(value, Scalar)
    parts = value.text.split("\n")
    if value.lines is None:
        return [(value.text, value.place.line)]
    return [(part, value.lines.place(n).line) for n, part in enumerate(parts, start=1)]


CASES = {
    "literal": ("key: |\n  a\n\n    b\n  c\n", [("a", 2), ("", 3), ("  b", 4), ("c", 5), ("", 6)]),
    "literal-blank-first": ("key: |\n\n  a\n", [("", 2), ("a", 3), ("", 4)]),
    "literal-indicator": ("key: |2-\n    a\n  b\n", [("  a", 2), ("b", 3)]),
    "literal-stripped": ("x: 1\nkey: |-\n  a\ny: 2\n", [("a", 3)]),
    "literal-comment": ("key: | # why\n  a\n  b\n", [("a", 2), ("b", 3), ("", 4)]),
    "folded": ("key: >\n  a\n  b\n\n  c\n  d\n", [("a b", 2), ("c d", 5), ("", 5)]),
    "folded-more": (
        "key: >-\n\n  a\n    b\n    c\n\n  d\n  e\n\n\n  f\n",
        [("", 2), ("a", 3), ("  b", 4), ("  c", 5), ("", 6), ("d e", 7), ("", 10), ("f", 11)],
    ),
    "double-one-line": ('key: "a\\nb\\nc"\n', [("a", 1), ("b", 1), ("c", 1)]),
    "double-several": (
        'key: "a\\n\n  b\n\n  c\\\n  d\\x0ae"\n',
        [("a", 1), (" b", 2), ("cd", 4), ("e", 5)],
    ),
    "double-backslash": ('key: "a\\\\n\n\n  b"\n', [("a\\n", 1), ("b", 3)]),
    "single": ("key: 'a\n\n\n  b\n  c'\n", [("a", 1), ("", 3), ("b c", 4)]),
    "plain": ("key: a\n  b\n\n  c\n", [("a b", 1), ("c", 4)]),
    "plain-one": ("key: a\n", [("a", 1)]),
    "no-end": ("key: |\n  a", [("a", 2)]),
    "returns": ("key: |\r\n  a\r\n  b\r\n", [("a", 2), ("b", 3), ("", 4)]),
}


@pytest.mark.parametrize("case", CASES)
def test_lines(case: str) -> None:
    """Lines of every style are where they were written."""
    text, expected = CASES[case]
    assert lines(text) == expected


def test_columns() -> None:
    """Columns are known where a block only moves its lines."""
    node, _ = parse('a: |\n    one\n    two\nb: "x\\ny"\n', "f")
    assert isinstance(node, Table)
    literal, quoted = node.get("a"), node.get("b")
    assert isinstance(literal, Scalar)
    assert isinstance(quoted, Scalar)
    assert literal.lines is not None
    assert quoted.lines is not None
    assert literal.lines.place(2, 3) == Place("f", 3, 7)
    assert literal.lines.place(2) == Place("f", 3)
    assert quoted.lines.place(2, 1) == Place("f", 4)
    # Reason: what is beyond the end is at the end.
    assert literal.lines.place(99, 5) == Place("f", 4)
    assert literal.lines.place(0) == Place("f", 2)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a document whose key holds words, each of them once, in lines of any kind."""
    style = draw(st.sampled_from(["|", ">", "|-", ">+", "'", '"', ""]))
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=9
        )
    )
    body: list[str] = []
    for number, (blank, indent, escaped) in enumerate(rows):
        if number:
            body += [""] * blank
        extra = " " * indent if number else ""
        end = "\\n" if style == '"' and escaped else ""
        body.append(f"  {extra}{WORDS[number]}{end}")
    text = "\n".join(body)
    if style in {"'", '"', ""}:
        return f"before: 1\nkey: {style}{text.lstrip()}{style}\nafter: 1\n", text
    return f"before: 1\nkey: {style}\n{text}\nafter: 1\n", text


@given(written())
def test_every_word_is_where_it_was_written(case: tuple[str, str]) -> None:
    """The first word of each line of a value is on the line that the value's line is from."""
    document, _ = case
    rows = document.split("\n")
    for line, number in lines(document):
        assert number is not None
        first = line.split()[:1]
        if first:
            assert first[0] in rows[number - 1], (document, line, number)
