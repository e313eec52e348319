"""What is remembered of a machine is read as it was written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.simulation.record import Record, load

if TYPE_CHECKING:
    from pathlib import Path

RECORD = Record("uuid", "tcg", {22: 20022}, "sha256-1", "debian", "sha256-2", 8, 2048, 2)


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, ports={}, ignited=True, boot_id="b")])
def test_round_trip(tmp_path: Path, record: Record) -> None:
    """A record comes back whole, its folder is made."""
    path = tmp_path / "machines" / "web.json"

    record.save(path)

    assert load(path) == record


def test_none(tmp_path: Path) -> None:
    """A machine that was never made has no record."""
    assert load(tmp_path / "none.json") is None


@pytest.mark.parametrize("text", ["{", "{}", '{"ports": {}}', '{"ports": {}, "size": 1}', "[]"])
def test_broken(tmp_path: Path, text: str) -> None:
    """A record that is none is not taken for a machine that is not there."""
    (tmp_path / "web.json").write_text(text)

    with pytest.raises(ToolboxError, match=r"web\.json is broken") as caught:
        load(tmp_path / "web.json")
    assert caught.value.hint is not None
    assert "sim.clean" in caught.value.hint
