"""Foreign JSON is read field by field, and all that is wrong with it is told at once."""

from __future__ import annotations

from toolbox.lib.reconfigure.desire.fields import Fields

GOOD = {"text": "a", "number": 7, "flag": False, "below": {"deep": "b"}, "items": [{"n": 1}]}


def test_read() -> None:
    """What has the right type is read."""
    top = Fields({**GOOD, "texts": ["a", "b"]})
    assert (top.text("text"), top.number("number"), top.flag("flag")) == ("a", 7, False)
    assert top.below("below").text("deep") == "b"
    assert [item.number("n") for item in top.items("items")] == [1]
    assert top.texts("texts") == ("a", "b")
    assert not top.mistakes


def test_nothing() -> None:
    """What lacks, or is null, is nothing and no mistake."""
    top = Fields({"text": None, "items": None})
    assert (top.text("text"), top.number("number"), top.flag("flag")) == (None, None, None)
    assert top.below("below").text("deep") is None
    assert not [*top.items("items")]
    assert top.texts("texts") is None
    assert not top.mistakes


def test_mistakes() -> None:
    """Each mistake is told once, with its place."""
    top = Fields({"a": 1, "b": True, "c": "yes", "d": [], "e": [3], "f": "\ud800", "g": [1]})
    for _again in range(2):
        assert top.text("a") is None
        assert top.number("b") is None
        assert top.flag("c") is None
        assert top.below("d").values == {}
        assert not [*top.items("e")]
        assert top.text("f") is None
        assert top.texts("g") == ()
    assert [*top.mistakes] == [
        "a is no text",
        "b is no whole number",
        "c is neither true nor false",
        "d is no mapping",
        "e.0 is no mapping",
        "f holds a character that does not exist",
        "g.0 is no text",
    ]
