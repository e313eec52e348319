"""The bench of rendering measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "render.py"


@pytest.mark.needs("butane", "ignition-validate")
def test_a_measurement() -> None:
    """Hosts are made as a whole, and the seconds of Python and of programs are told apart."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--measure", "2", "3"], capture_output=True, text=True, check=True
    )

    told = json.loads(done.stdout)

    assert set(told) == {"all", "merged", "again"}
    assert told["all"]["programs"] > 0
    assert told["merged"]["programs"] == 0
    assert all(item["seconds"] > 0 for item in told.values())


def test_another_library(tmp_path: Path) -> None:
    """The other one reads the same files, from the checkout that is named."""
    (tmp_path / "template.py").write_text(
        "from pathlib import Path\n"
        "def load_butane_dir(folder, names):\n"
        "    assert len(list(Path(folder).glob('*.bu'))) == 4, names['HOSTNAME']\n"
    )
    done = subprocess.run(
        [sys.executable, SCRIPT, "--peer", tmp_path, "--merged", "4"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["seconds"] > 0
