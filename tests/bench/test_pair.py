"""What a second machine costs is measured with projects of one and of two machines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).parents[2] / "bench" / "pair.py"


def _measured() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, "2"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_rounds(fake: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Each round makes one machine, and two, and removes what it made."""
    calls = tmp_path / "calls"
    fake("invoke", f'echo "$* $(ls hosts/*.yaml | wc -l)" >> {calls}')
    done = _measured()
    told = json.loads(done.stdout)
    assert (len(told["one"]), len(told["two"])) == (2, 2)
    expected = ["sim --cold 1", "sim.clean 1", "sim --cold 2", "sim.clean 2"]
    assert calls.read_text().splitlines() == expected * 2


def test_failure(fake: Callable[[str, str], Path], tmp_path: Path) -> None:
    """A machine that does not come up ends it, with what was said and nothing left behind."""
    calls = tmp_path / "calls"
    fake("invoke", f'echo "$*" >> {calls}; echo no room >&2; [ "$1" = sim.clean ]')
    done = _measured()
    assert done.returncode == 1
    assert "no room" in done.stderr
    assert calls.read_text().splitlines() == ["sim --cold", "sim.clean"]
