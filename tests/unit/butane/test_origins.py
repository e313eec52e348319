"""Tests of writing a merged config for Butane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane.origins import write
from toolbox.lib.inventory.document import Items, Place, Scalar, Table, parse, value


@pytest.mark.parametrize(
    "scalar",
    ["yes", "'yes'", "0644", "'0644'", "12:30", "~", "''", "", "1e3", "-5", "- x", "a: b", "# x"],
)
def test_scalars_stay_what_they_are(scalar: str) -> None:
    """A value that was quoted stays quoted, one that was plain stays plain."""
    quoted = f'"{scalar}"' if scalar in ("- x", "a: b", "# x") else scalar
    node, findings = parse(f"key: {quoted}\nlist: [{quoted}]\n", "x")
    assert not findings
    assert isinstance(node, Table)
    again, _ = parse(write(node)[0], "x")
    assert value(again) == value(node)
    assert type(value(again)["key"]) is type(value(node)["key"])


# Reason: the first call imports what is heavy; how long a case takes is not tested here.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(Scalar)
TREES = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: Items(tuple(items)))
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4).map(Table)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "yes", "n", "a b", "é"]), TREES).map(Table))
def test_texts_come_back(table: Table) -> None:
    """Whatever a text holds, it is read back as it was."""
    written, origins = write(table)
    again, findings = parse(written, "x")
    assert not findings
    assert value(again) == value(table)
    assert len(origins.lines) == written.count("\n")


def test_places() -> None:
    """Values, keys and lines know where they were written."""
    text = "storage:\n  files:\n    - path: /a\n      mode: 0644\n    - {path: /b}\n"
    node, _ = parse(text, "x")
    assert isinstance(node, Table)
    written, origins = write(node)
    assert written == text.replace("{path: /b}", "path: /b")
    assert origins.value("storage.files.0.mode") == Place("x", 4, 13)
    assert origins.key("storage.files.0.mode") == Place("x", 4, 7)
    assert origins.value("storage.files.1.path") == Place("x", 5, 14)
    assert origins.value("storage.files.0.contents.local") == Place("x", 3, 7)
    assert origins.value("elsewhere") is None
    assert origins.line(5) == Place("x", 5, 14)
    assert origins.line(99) is None
