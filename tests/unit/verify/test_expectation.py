"""What is expected of a machine gets to its checks whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.verify.expectation import Expectation, load, save

if TYPE_CHECKING:
    from pathlib import Path

WEB = Expectation("web", "web.example.org", "b", "sha256-1", {80: 20080}, {"greeting": ["hi"]})


def test_round_trip(tmp_path: Path) -> None:
    """Expectations are read as they were written, port numbers as numbers."""
    path = tmp_path / "expected.json"
    bare = Expectation("db", "db", "", "")

    save([WEB, bare], path)

    assert load(path) == [WEB, bare]


def test_nothing_expected(tmp_path: Path) -> None:
    """There may be no machine at all."""
    save([], tmp_path / "expected.json")

    assert load(tmp_path / "expected.json") == []


def test_url() -> None:
    """A port of the machine is reached where it is forwarded."""
    assert WEB.url(80) == "http://127.0.0.1:20080/"
    assert WEB.url(80, "/health") == "http://127.0.0.1:20080/health"


def test_url_of_a_port_that_is_not_forwarded() -> None:
    """A port that leads nowhere has no URL."""
    with pytest.raises(KeyError):
        WEB.url(443)
