"""What a script says comes apart at its mark and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.reconfigure.session import sections

MARK = "0123456789abcdef0123456789abcdef"


def _said(parts: dict[str, bytes]) -> bytes:
    texts = (f"\n== {name} {MARK}\n".encode() + data for name, data in parts.items())
    return b"".join(texts)


@given(st.dictionaries(st.from_regex(r"[a-z/. ]+", fullmatch=True), st.binary()))
def test_there_and_back(parts: dict[str, bytes]) -> None:
    """Any bytes in any part are read as they were said."""
    assert sections.read(_said(parts), MARK) == parts


def test_the_later_counts() -> None:
    """Of two parts with one name the later is told; what stands before the first is none."""
    said = b"noise" + _said({"a": b"1"}) + _said({"a": b"2"})
    assert sections.read(said, MARK) == {"a": b"2"}


def test_without_a_mark() -> None:
    """What has another mark is no part."""
    assert sections.read(b"\n== a other\n1", MARK) == {}
