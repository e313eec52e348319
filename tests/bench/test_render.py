"""The bench of rendering measures what it says."""

from __future__ import annotations

import importlib.util
import json
import os
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


@pytest.mark.needs("butane", "ignition-validate")
def test_a_task() -> None:
    """The task is measured as a process, with all that it starts."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--task", "2", "3"], capture_output=True, text=True, check=True
    )

    told = json.loads(done.stdout)["all"]

    assert told["seconds"] > 0
    assert told["programs"] > told["python"]


def test_ratios() -> None:
    """Many hosts are as many as one when there is a processor for each of them."""
    spec = importlib.util.spec_from_file_location("render_bench", SCRIPT)
    assert spec
    assert spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    one = {"seconds": 1.0, "python": 0.5, "programs": 0.5}
    processors = len(os.sched_getaffinity(0))
    many = {"seconds": 3.0, "python": 1.0, "programs": processors - 1.0}

    slow = {"seconds": 9.0, "python": 0.5, "programs": 0.6}

    ratios = bench.ratios([slow, one], [many, slow | {"programs": 99.0}])

    assert ratios["clock"] == 3.0
    assert ratios["processor"] == processors / min(bench.HOSTS, processors)


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
