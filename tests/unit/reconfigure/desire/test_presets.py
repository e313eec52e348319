"""The file of presets has the lines that Ignition writes, in its order."""

from __future__ import annotations

from toolbox.lib.reconfigure.desire.presets import parted, text
from toolbox.lib.reconfigure.desire.state import Unit

UNITS = (
    Unit("web.service", enabled=True),
    Unit("old.service", enabled=False),
    Unit("x@b.service", enabled=True),
    Unit("x@a.service", enabled=True),
    Unit("said.service"),
)


def test_text() -> None:
    """Instances of a template share a line, in the order of the config."""
    wanted = ["disable old.service", "enable web.service", "enable x@.service b a"]
    assert text(UNITS).splitlines() == wanted


def test_what_the_image_starts() -> None:
    """Where the image is known, only what it starts is disabled."""
    assert "disable" not in text(UNITS, disabled=())
    assert text(UNITS, disabled={"old.service"}) == text(UNITS)


def test_nothing() -> None:
    """Where nothing is said there is no file."""
    assert text([Unit("x.service", masked=True)]) == ""


def test_parted() -> None:
    """Only an instance has a template."""
    assert parted("x@a.service") == ("x@.service", "a")
    assert parted("x@.service") == ("x@.service", "")
    assert parted("x.service") == ("x.service", "")
